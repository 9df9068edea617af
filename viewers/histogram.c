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

enum { ZOOM_MOST = 16, LEGEND_WIDTH = 25, LEGEND_FROM = 60 };

struct bd_view {
  int zoom;      // the window is the range of the layer over 2^zoom
  double centre; // of the window, as a share of the range
  bool log;
  bd_density density; // of the last draw
};

enum { LOG, ZOOM_IN, ZOOM_OUT, ZOOM_RESET, LEFT, RIGHT };

static const bd_command commands[] = {
    {"log-scale", "o", "log", "count weights on a logarithmic scale: shows the tails", LOG},
    {"zoom-in", "z", "zoom", "half the range of values", ZOOM_IN},
    {"zoom-out", "Z", NULL, "twice the range of values", ZOOM_OUT},
    {"zoom-reset", "0", NULL, "the whole range of values", ZOOM_RESET},
    {"pan-left", "<left> h", NULL, "smaller values", LEFT},
    {"pan-right", "<right> l", NULL, "greater values", RIGHT},
};

static bd_view *open_histogram(void) {
  bd_view *view = calloc(1, sizeof *view);
  if (view) view->centre = 0.5;
  return view;
}

static void close_histogram(bd_view *view) {
  free(view);
}

// --- the window
// ------------------------------------------------------------------------------------

static double window_share(const bd_view *view) {
  return ldexp(1, -view->zoom);
}

static void set_centre(bd_view *view, double centre) {
  double half = window_share(view) / 2;
  view->centre = fmax(half, fmin(centre, 1 - half));
}

static void window(const bd_view *view, const bd_stats *stats, double *low, double *high) {
  double range = stats->max - stats->min;
  double half = range * window_share(view) / 2, centre = stats->min + range * view->centre;
  if (view->zoom == 0) {
    *low = stats->min;
    *high = stats->max;
  } else {
    *low = fmax(stats->min, centre - half);
    *high = fmin(stats->max, centre + half);
  }
  if (*low < *high) return;
  double room = stats->min == 0 ? 1 : fabs(stats->min) / 2; // all of one value
  *low = stats->min - room;
  *high = stats->min + room;
}

// --- the plot
// --------------------------------------------------------------------------------------

typedef struct chart {
  bd_area area;
  const bd_density *density;
  double scale; // weights in a column that fills the height
  bool clipped; // some columns hold more
  bool log;
} chart;

// The scale: the fullest column, unless a spike (exact zeros, say) would flatten all the rest.
static void set_scale(chart *plot) {
  double top[4] = {0};
  const bd_density *density = plot->density;
  for (int i = 0; i < density->columns; i++) {
    double value = fmax(density->before[i], density->after[i]);
    for (int j = 0; j < 4; j++)
      if (value > top[j]) {
        double next = top[j];
        top[j] = value;
        value = next;
      }
  }
  plot->clipped = !plot->log && top[3] > 0 && top[0] > 4 * top[3];
  plot->scale = fmax(1, plot->clipped ? top[3] * 1.5 : top[0]);
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

static void draw_bar(const chart *plot, int column) {
  const bd_density *density = plot->density;
  int after = height(plot, density->after[column]);
  bool pruned = density->pruned[column] * 2 > density->after[column];
  for (int i = 0; i * 8 < after; i++) {
    int eighths = cell_eighths(after, i);
    uint32_t glyph = bd_glyph_bar(plot->area.canvas, eighths);
    if (pruned && eighths == 8) glyph = bd_glyph_shade(plot->area.canvas, 2);
    bd_put(plot->area, column, plot->area.rows - 1 - i, glyph,
           pruned ? BD_ROLE_PRUNED : BD_ROLE_AFTER);
  }
}

// The outline runs through the bars: its cell keeps a gap above the edge, so that it is seen there
// without colour. Where both end in one cell the bar is shown, for they agree.
static void draw_outline(const chart *plot, int column) {
  const bd_density *density = plot->density;
  int before = height(plot, density->before[column]), after = height(plot, density->after[column]);
  if (before == 0) return;
  int top = (before - 1) / 8, bar = after > 0 ? (after - 1) / 8 : -1;
  for (int i = bar + 1; i < top; i++)
    bd_put(plot->area, column, plot->area.rows - 1 - i, bd_glyph_shade(plot->area.canvas, 1),
           BD_ROLE_BEFORE);
  if (top == bar) return;
  int eighths = cell_eighths(before, top);
  bd_put(plot->area, column, plot->area.rows - 1 - top,
         bd_glyph_bar(plot->area.canvas, eighths < 8 ? eighths : 7), BD_ROLE_BEFORE);
}

static void draw_plot(const chart *plot) {
  uint32_t up = bd_glyph_sign(plot->area.canvas, BD_SIGN_UP);
  for (int i = 0; i < plot->density->columns; i++) {
    double most = fmax(plot->density->before[i], plot->density->after[i]);
    draw_bar(plot, i);
    draw_outline(plot, i);
    if (plot->clipped && most > plot->scale) bd_put(plot->area, i, 0, up, BD_ROLE_WARN);
  }
}

// --- below the plot
// --------------------------------------------------------------------------------

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

static void draw_labels(const chart *plot, bd_area row) {
  const bd_density *density = plot->density;
  char low[BD_SHOW_SIZE], high[BD_SHOW_SIZE];
  bd_print(row, 0, 0, BD_ROLE_DIM, bd_show_value(low, density->low));
  bd_print_right(row, density->columns, 0, BD_ROLE_DIM, bd_show_value(high, density->high));
  int zero = column_of(density, 0);
  if (zero > 9 && zero < density->columns - 9) bd_put(row, zero, 0, '0', BD_ROLE_DIM);
}

// --- the legend
// ------------------------------------------------------------------------------------

// Three cells of a glyph, and what they mean. Returns the column after; nothing is cut in half.
static int swatch(bd_area area, int column, int row, const char *sample, bd_role role,
                  const char *meaning) {
  if (column + 4 + (int)strlen(meaning) > area.columns) return column;
  bd_print(area, column, row, role, sample);
  return bd_print(area, column + 4, row, BD_ROLE_TEXT, meaning) + 2;
}

static void draw_key(bd_area area, bool pruned) {
  int column = swatch(area, 0, 0, "▁▂▃", BD_ROLE_BEFORE, "before");
  column = swatch(area, column, 0, "███", BD_ROLE_AFTER, "after");
  if (pruned) swatch(area, column, 0, "▒▒▒", BD_ROLE_PRUNED, "pruned");
}

static void draw_pruned(bd_area area, int row, const bd_result *result) {
  size_t pruned = result->hole.to - result->hole.from;
  char count[BD_SHOW_SIZE];
  bd_text_count(count, sizeof count, (int64_t)pruned);
  bd_print(area, 0, row, BD_ROLE_PRUNED, "▒▒▒");
  bd_printf(area, 4, row, BD_ROLE_TEXT, "pruned %s  %.1f%%", count,
            100.0 * (double)pruned / (double)result->count);
}

static void draw_legend(const bd_view *view, const chart *plot, const bd_result *result,
                        bd_area area) {
  char text[BD_SHOW_SIZE];
  int row = 0;
  draw_key(area, false);
  if (result && result->hole.from < result->hole.to) draw_pruned(area, ++row, result);
  if (result) {
    bd_show_levels(text, sizeof text, result);
    bd_put(area, 1, ++row, bd_glyph_sign(area.canvas, BD_SIGN_TICK), BD_ROLE_LEVEL);
    bd_printf(area, 4, row, BD_ROLE_TEXT, "levels %s", text);
  }
  bd_text_count(text, sizeof text, (int64_t)plot->scale);
  bd_printf(area, 0, ++row, BD_ROLE_DIM, "top = %s a column%s", text, plot->log ? ", log" : "");
  if (plot->clipped) {
    bd_put(area, 1, ++row, bd_glyph_sign(area.canvas, BD_SIGN_UP), BD_ROLE_WARN);
    bd_print(area, 4, row, BD_ROLE_DIM, "more than that");
  }
  if (view->zoom > 0) bd_printf(area, 0, ++row, BD_ROLE_DIM, "zoom ×%d", 1 << view->zoom);
}

// --- the panel
// -------------------------------------------------------------------------------------

static void draw_below(const chart *plot, const bd_result *result, bd_area area) {
  if (area.rows > 0) draw_axis(plot, bd_area_part(area, 0, 0, area.columns, 1));
  if (area.rows > 1) draw_levels(plot, result, bd_area_part(area, 0, 1, area.columns, 1));
  if (area.rows > 2) draw_labels(plot, bd_area_part(area, 0, 2, area.columns, 1));
}

// Axis, levels and labels give way to the plot one by one in a low panel.
static int rows_below(int rows) {
  return rows >= 6 ? 3 : rows >= 5 ? 2 : rows >= 3 ? 1 : 0;
}

static void draw_layer(bd_view *view, const bd_layer_state *state, bd_area area) {
  bool beside = area.columns >= LEGEND_FROM;
  int above = !beside && area.rows >= 7 ? 1 : 0;
  int columns = beside ? area.columns - LEGEND_WIDTH - 2 : area.columns;
  columns = columns > BD_DENSITY_MOST ? BD_DENSITY_MOST : columns;
  int below = rows_below(area.rows - above), rows = area.rows - above - below;
  double low, high;
  window(view, bd_index_stats(state->index), &low, &high);
  bd_density_fill(&view->density, state->index, state->result, low, high, columns);
  chart plot = {.area = bd_area_part(area, 0, above, columns, rows),
                .density = &view->density,
                .log = view->log};
  set_scale(&plot);
  draw_plot(&plot);
  draw_below(&plot, state->result, bd_area_part(area, 0, above + rows, columns, below));
  bool pruned = view->density.hole_low <= view->density.hole_high;
  if (above) draw_key(bd_area_part(area, 0, 0, area.columns, 1), pruned);
  if (beside)
    draw_legend(view, &plot, state->result,
                bd_area_part(area, columns + 2, 0, LEGEND_WIDTH, area.rows));
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

static void title(bd_view *view, const bd_desk *desk, bool ascii, char *out, size_t size) {
  (void)view;
  if (size > 0) out[0] = '\0';
  if (!bd_desk_state(desk)) return;
  const bd_layer *layer = bd_model_layer(bd_session_model(desk->session), desk->layer);
  char name[512], op[64], shape[160], count[BD_SHOW_SIZE];
  snprintf(out, size, "%s  %s %s  %s", bd_show_name(name, sizeof name, layer->tensor, ascii),
           bd_show_op(op, sizeof op, layer), bd_show_shape(shape, sizeof shape, layer),
           bd_text_count(count, sizeof count, layer->weights));
}

static void command(bd_view *view, bd_desk *desk, int id) {
  switch (id) {
  case LOG:
    view->log = !view->log;
    bd_desk_say(desk, view->log ? "logarithmic scale" : "linear scale");
    break;
  case ZOOM_IN:
  case ZOOM_OUT:
    view->zoom += id == ZOOM_IN ? 1 : -1;
    view->zoom = view->zoom < 0 ? 0 : view->zoom > ZOOM_MOST ? ZOOM_MOST : view->zoom;
    set_centre(view, view->centre);
    break;
  case ZOOM_RESET:
    view->zoom = 0;
    set_centre(view, 0.5);
    break;
  case LEFT:
  case RIGHT:
    set_centre(view, view->centre + (id == LEFT ? -0.25 : 0.25) * window_share(view));
    break;
  default:
    break;
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
};
