// The distribution of the layer in hand: the original weights as an outline, the quantized ones as
// bars (density.h says how), the pruned band as a bracket, the levels as ticks.
#include "viewers/histogram.h"

#include "core/base/text.h"
#include "viewers/density.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  ZOOM_MOST = 12,
  LEGEND_WIDTH = 25,
  LEGEND_FROM = 76,
  NAME_LEAST = 12, // columns of a name in the title
};

struct bd_view {
  int zoom;   // each step halves the window
  double pan; // its centre, in deviations from the mean: zoom and pan hold from layer to layer
  bool log;
  bd_density density; // of the last draw
};

enum { LOG, ZOOM_IN, ZOOM_OUT, ZOOM_RESET, LEFT, RIGHT };

static const bd_command commands[] = {
    {"log-scale", "o", "log", "count weights on a logarithmic scale: shows the tails", LOG},
    {"zoom-in", "z", "zoom", "half the range of values", ZOOM_IN},
    {"zoom-out", "Z", NULL, "twice the range of values", ZOOM_OUT},
    {"zoom-reset", "0", NULL, "back to the window of the start", ZOOM_RESET},
    {"pan-left", "<left> h", NULL, "smaller values", LEFT},
    {"pan-right", "<right> l", NULL, "greater values", RIGHT},
};

static bd_view *open_histogram(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_histogram(bd_view *view) {
  free(view);
}

// The part of the layer's range that is shown.
static bd_window get_window(const bd_view *view, const bd_stats *stats) {
  return bd_density_window(stats, view->zoom, view->pan);
}

// --- the plot -----------------------------------------------------------------------------------

typedef struct chart {
  bd_area area;
  const bd_density *density;
  double scale; // weights in a column that fills the height
  bool clipped; // some columns hold more
  bool log;
} chart;

// On a logarithmic scale a spike flattens nothing.
static void set_scale(chart *plot) {
  plot->scale = bd_density_scale(plot->density, &plot->clipped);
  if (!plot->log || !plot->clipped) return;
  plot->clipped = false;
  for (int i = 0; i < plot->density->columns; i++)
    plot->scale = fmax(plot->scale, fmax(plot->density->before[i], plot->density->after[i]));
}

static int height(const chart *plot, double weights) {
  int most = plot->area.rows * 8;
  double share = plot->log ? log1p(weights) / log1p(plot->scale) : weights / plot->scale;
  if (weights < 0.5) return 0; // less than a weight: the tail of a spread
  int eighths = (int)lround(fmin(share, 1) * most);
  return eighths < 1 ? 1 : eighths;
}

static int cell_eighths(int height, int row_from_below) {
  int eighths = height - row_from_below * 8;
  return eighths < 0 ? 0 : eighths > 8 ? 8 : eighths;
}

// The pruned part is shaded, so that it is told apart without colour; shades come in whole cells.
static void draw_bar(const chart *plot, int column) {
  const bd_density *density = plot->density;
  int after = height(plot, density->after[column]);
  bool pruned = density->pruned[column] * 2 > density->after[column];
  if (pruned && after > 0) after = after < 8 ? 8 : (after + 4) / 8 * 8;
  for (int i = 0; i * 8 < after; i++) {
    uint32_t glyph = pruned ? bd_glyph_shade(plot->area.canvas, 2)
                            : bd_glyph_bar(plot->area.canvas, cell_eighths(after, i));
    bd_put(plot->area, column, plot->area.rows - 1 - i, glyph,
           pruned ? BD_ROLE_PRUNED : BD_ROLE_AFTER);
  }
}

// The row, from below, that the outline runs in: the nearest cell edge, so that it shows above a
// bar only where it is half a cell higher. -1: nothing there, or outside the plot.
static int edge_row(const chart *plot, int column) {
  if (column < 0 || column >= plot->density->columns) return -1;
  int before = height(plot, plot->density->before[column]);
  return before == 0 ? -1 : before < 8 ? 0 : (before + 4) / 8 - 1;
}

// Which sides the outline joins in a cell, towards one neighbour. The higher of two columns carries
// the vertical between them.
static unsigned join(int here, int beside, int row, unsigned towards) {
  if (beside >= here) return row == here ? towards : 0;
  if (row == here) return BD_EDGE_DOWN;
  if (row > beside && row < here) return BD_EDGE_UP | BD_EDGE_DOWN;
  return row == beside ? BD_EDGE_UP | towards : 0;
}

// The outline of what was there, one line over all columns. Bars stand in front of it.
static void draw_outline(const chart *plot, int column) {
  int here = edge_row(plot, column);
  int left = edge_row(plot, column - 1), right = edge_row(plot, column + 1);
  if (column == 0) left = here; // it goes on past the window
  if (column == plot->density->columns - 1) right = here;
  for (int row = 0; row <= here; row++) {
    unsigned sides = join(here, left, row, BD_EDGE_LEFT) | join(here, right, row, BD_EDGE_RIGHT);
    if (sides)
      bd_put(plot->area, column, plot->area.rows - 1 - row, bd_glyph_edge(plot->area.canvas, sides),
             BD_ROLE_BEFORE);
  }
}

static void draw_plot(const chart *plot) {
  uint32_t up = bd_glyph_sign(plot->area.canvas, BD_SIGN_UP);
  for (int i = 0; i < plot->density->columns; i++) {
    double most = fmax(plot->density->before[i], plot->density->after[i]);
    draw_outline(plot, i);
    draw_bar(plot, i);
    if (plot->clipped && most > plot->scale) bd_put(plot->area, i, 0, up, BD_ROLE_WARN);
  }
}

// --- below the plot -----------------------------------------------------------------------------

static int column_of(const bd_density *density, double value) {
  double column = floor(bd_density_column(density, value));
  if (value == density->high) column--;
  return column < -1 ? -1 : column > density->columns ? density->columns : (int)column;
}

static void draw_axis(const chart *plot, bd_area row) {
  const bd_density *density = plot->density;
  bd_rule(row, 0, 0, density->columns, false, BD_ROLE_RULE);
  if (density->hole_low > density->hole_high) return;
  int from = column_of(density, density->hole_low), to = column_of(density, density->hole_high);
  bd_tint(row, from, 0, to - from + 1, BD_ROLE_PRUNED);
  if (to - from >= 9) bd_print(row, (from + to + 1) / 2 - 4, 0, BD_ROLE_PRUNED, " pruned ");
  bd_put(row, from, 0, '[', BD_ROLE_PRUNED);
  bd_put(row, to, 0, to > from ? ']' : '|', BD_ROLE_PRUNED);
}

static void draw_levels(const chart *plot, const bd_result *result, bd_area row) {
  uint32_t tick = bd_glyph_sign(row.canvas, BD_SIGN_TICK);
  for (int i = 0; result && i < result->level_count; i++)
    bd_put(row, column_of(plot->density, result->levels[i]), 0, tick, BD_ROLE_LEVEL);
}

// The ends of the window, how many weights lie beyond them, and zero.
static void draw_labels(const chart *plot, const bd_index *index, bd_area row) {
  const bd_density *density = plot->density;
  int64_t less = (int64_t)bd_index_before(index, density->low);
  int64_t more = (int64_t)(bd_index_stats(index)->count - bd_index_through(index, density->high));
  char end[BD_SHOW_SIZE], count[BD_SHOW_SIZE], text[2 * BD_SHOW_SIZE];
  bd_text_count(count, sizeof count, less);
  snprintf(text, sizeof text, less ? "%s  %s less" : "%s", bd_show_value(end, density->low), count);
  int left = bd_print(row, 0, 0, BD_ROLE_DIM, text);
  bd_text_count(count, sizeof count, more);
  snprintf(text, sizeof text, "%s%s%s", more ? count : "", more ? " more  " : "",
           bd_show_value(end, density->high));
  int right = density->columns - bd_show_columns(text), zero = column_of(density, 0);
  if (right > left) bd_print(row, right, 0, BD_ROLE_DIM, text);
  if (zero > left && zero < right - 1) bd_put(row, zero, 0, '0', BD_ROLE_DIM);
}

// --- the legend ---------------------------------------------------------------------------------

// Three cells of a glyph, and what they mean: all of it, or nothing. Returns the column after.
static int swatch(bd_area area, int column, int row, const char *sample, bd_role role,
                  const char *meaning) {
  if (column + 4 + bd_show_columns(meaning) > area.columns) return column;
  bd_print(area, column, row, role, sample);
  return bd_print(area, column + 4, row, BD_ROLE_TEXT, meaning) + 2;
}

typedef struct legend {
  char pruned[2 * BD_SHOW_SIZE], levels[2 * BD_SHOW_SIZE], scale[2 * BD_SHOW_SIZE]; // "" none
} legend;

static legend get_legend(const bd_view *view, const chart *plot, const bd_result *result) {
  legend text = {.pruned = "", .levels = ""};
  char count[BD_SHOW_SIZE];
  if (result && result->hole.from < result->hole.to) {
    size_t pruned = result->hole.to - result->hole.from;
    bd_text_count(count, sizeof count, (int64_t)pruned);
    snprintf(text.pruned, sizeof text.pruned, "pruned %s  %.1f%%", count,
             100.0 * (double)pruned / (double)result->count);
  }
  if (result && result->level_count > 0) {
    bd_show_levels(count, sizeof count, result);
    snprintf(text.levels, sizeof text.levels, "levels %s", count);
  }
  bd_text_count(count, sizeof count, (int64_t)plot->scale);
  snprintf(text.scale, sizeof text.scale, "0–%s a column%s", count, view->log ? ", log" : "");
  return text;
}

// In a column of its own.
static void draw_legend(const legend *text, const chart *plot, bd_area area) {
  int row = 0, column = swatch(area, 0, 0, "┏━┓", BD_ROLE_BEFORE, "before");
  swatch(area, column, 0, "███", BD_ROLE_AFTER, "after");
  if (text->pruned[0]) swatch(area, 0, ++row, "▒▒▒", BD_ROLE_PRUNED, text->pruned);
  if (text->levels[0]) swatch(area, 0, ++row, " ┴", BD_ROLE_LEVEL, text->levels);
  bd_print(area, 0, ++row, BD_ROLE_DIM, text->scale);
  if (plot->clipped) swatch(area, 0, ++row, " ▲", BD_ROLE_WARN, "more than that");
  bd_area rest = bd_area_part(area, 0, row + 2, area.columns, area.rows - row - 2);
  if (text->levels[0] && rest.rows >= 3)
    bd_print_wrapped(rest, BD_ROLE_DIM,
                     "after: the weights of a level, spread over the values it stands for");
}

// In one or two rows above the plot.
static void draw_key(const legend *text, bd_area area) {
  int column = swatch(area, 0, 0, "┏━┓", BD_ROLE_BEFORE, "before");
  column = swatch(area, column, 0, "███", BD_ROLE_AFTER, "after");
  int scale = bd_show_columns(text->scale);
  if (column + scale <= area.columns)
    bd_print_right(area, area.columns, 0, BD_ROLE_DIM, text->scale);
  column = 0;
  if (text->pruned[0]) column = swatch(area, 0, 1, "▒▒▒", BD_ROLE_PRUNED, text->pruned);
  if (text->levels[0]) swatch(area, column, 1, " ┴", BD_ROLE_LEVEL, text->levels);
}

// --- the panel ----------------------------------------------------------------------------------

static void draw_below(const chart *plot, const bd_layer_state *state, bd_area area) {
  if (area.rows > 0) draw_axis(plot, bd_area_part(area, 0, 0, area.columns, 1));
  if (area.rows > 1) draw_levels(plot, state->result, bd_area_part(area, 0, 1, area.columns, 1));
  if (area.rows > 2) draw_labels(plot, state->index, bd_area_part(area, 0, 2, area.columns, 1));
}

// Legend, labels, levels and axis give way to the plot one by one in a low panel.
static void draw_layer(bd_view *view, const bd_layer_state *state, bd_area area) {
  bool beside = area.columns >= LEGEND_FROM;
  int above = beside || area.rows < 7 ? 0 : area.rows < 10 ? 1 : 2;
  int columns = beside ? area.columns - LEGEND_WIDTH - 2 : area.columns;
  int left = area.rows - above, below = left >= 6 ? 3 : left >= 5 ? 2 : left >= 3 ? 1 : 0;
  columns = columns > BD_DENSITY_MOST ? BD_DENSITY_MOST : columns;
  bd_window seen = get_window(view, bd_index_stats(state->index));
  bd_density_fill(&view->density, state->index, state->result, seen.low, seen.high, columns);
  chart plot = {.area = bd_area_part(area, 0, above, columns, left - below),
                .density = &view->density,
                .log = view->log};
  set_scale(&plot);
  draw_plot(&plot);
  draw_below(&plot, state, bd_area_part(area, 0, area.rows - below, columns, below));
  legend text = get_legend(view, &plot, state->result);
  if (beside)
    draw_legend(&text, &plot, bd_area_part(area, columns + 2, 0, LEGEND_WIDTH, area.rows));
  draw_key(&text, bd_area_part(area, 0, 0, area.columns, above));
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  if (state && state->index)
    draw_layer(view, state, area);
  else
    bd_draw_nothing(desk, area);
}

// The columns left for the name. Where they are too few, empties the count, then the operator.
static int name_room(const char *name, const char *shape, int columns, char *op, char *count) {
  char *less_wanted[] = {count, op};
  int least = bd_show_columns(name) < NAME_LEAST ? bd_show_columns(name) : NAME_LEAST;
  for (int i = 0;; i++) {
    int room = columns - 3 - bd_show_columns(op) - bd_show_columns(shape) - bd_show_columns(count);
    if (count[0]) room--;
    if (room >= least || i == 2) return room;
    less_wanted[i][0] = '\0';
  }
}

// The shape stands whole to the last; the name is shortened before anything is left out.
static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  (void)view;
  if (size > 0) out[0] = '\0';
  if (!bd_desk_state(desk)) return;
  const bd_layer *layer = bd_model_layer(bd_session_model(desk->session), desk->layer);
  char name[512], op[64], shape[160] = "", count[BD_SHOW_SIZE] = "", brief[512];
  bd_show_name(name, sizeof name, layer->tensor, ascii);
  bd_show_op(op, sizeof op, layer);
  if (layer->rank > 0) { // not a refused one
    bd_show_shape(shape, sizeof shape, layer);
    bd_text_count(count, sizeof count, layer->weights);
  }
  int room = name_room(name, shape, columns, op, count);
  bd_show_tail(brief, sizeof brief, name, room);
  snprintf(out, size, "%s%s%s%s%s%s%s", brief, op[0] ? "  " : " ", op, shape[0] && op[0] ? " " : "",
           shape, count[0] ? " " : "", count);
}

// Out no further than the whole range of the layer in hand.
static void zoom(bd_view *view, const bd_stats *stats, int steps) {
  bd_window seen = get_window(view, stats);
  if (steps < 0 && seen.low <= stats->min && seen.high >= stats->max) return;
  view->zoom += steps;
  if (view->zoom > ZOOM_MOST) view->zoom = ZOOM_MOST;
}

// By a quarter of the window, from what is really seen: at an edge nothing piles up.
static void pan(bd_view *view, const bd_stats *stats, int direction) {
  bd_window seen = get_window(view, stats);
  double centre = (seen.low + seen.high) / 2 + direction * (seen.high - seen.low) / 4;
  if (stats->deviation > 0) view->pan = (centre - stats->mean) / stats->deviation;
}

static void command(bd_view *view, bd_desk *desk, int id) {
  const bd_layer_state *state = bd_desk_state(desk);
  const bd_stats *stats = state && state->index ? bd_index_stats(state->index) : NULL;
  if (id == LOG) {
    view->log = !view->log;
    bd_desk_say(desk, view->log ? "logarithmic scale" : "linear scale");
  } else if (id == ZOOM_RESET) {
    view->zoom = 0;
    view->pan = 0;
  } else if (stats && (id == ZOOM_IN || id == ZOOM_OUT)) {
    zoom(view, stats, id == ZOOM_IN ? 1 : -1);
  } else if (stats) {
    pan(view, stats, id == LEFT ? -1 : 1);
  }
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)column;
  (void)row;
  if (wheel) command(view, desk, wheel < 0 ? ZOOM_IN : ZOOM_OUT);
}

// The levels, apart by blanks.
static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  (void)view;
  const bd_layer_state *state = bd_desk_state(desk);
  size_t used = 0;
  if (size > 0) out[0] = '\0';
  for (int i = 0; state && state->result && i < state->result->level_count && used < size; i++)
    used +=
        (size_t)snprintf(out + used, size - used, "%s%.9g", i ? " " : "", state->result->levels[i]);
}

const bd_view_class bd_histogram_view = {
    .name = "histogram",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_histogram,
    .close = close_histogram,
    .draw = draw,
    .title = title,
    .command = command,
    .mouse = mouse,
    .copy = copy,
    .signs = "The outline is the original weights, bars are the quantized ones: the weights of a "
             "level, spread over the values it stands for. Where the outline is not seen a bar "
             "stands in front of it.",
};
