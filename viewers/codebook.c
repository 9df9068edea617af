// The codebook panel: what the levels lie on, then a row for each (book.h), which scrolls.
#include "viewers/codebook.h"

#include "core/base/text.h"
#include "viewers/book.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  WHEEL_ROWS = 3,
  BAR_LEAST = 4,
  BAR_MOST = 48,
  GAP = 1,
  CODE = 7,
  MOVED = 8,
  HEAD_FROM = 5,
  LEGEND_FROM = 9
};

struct bd_view {
  int top, rows; // first level shown; how many fitted last
};

enum { PAGE_UP, PAGE_DOWN, FIRST, LAST };

static const bd_command commands[] = {
    {"levels-up", "<pgup> <c-u>", NULL, "smaller levels", PAGE_UP},
    {"levels-down", "<pgdn> <c-d>", "levels", "greater levels", PAGE_DOWN},
    {"levels-first", "<home> g", NULL, "the smallest level", FIRST},
    {"levels-last", "<end> G", NULL, "the greatest level", LAST},
};

static bd_view *open_codebook(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_codebook(bd_view *view) {
  free(view);
}

// --- columns ------------------------------------------------------------------------------------

// Where the right-aligned columns end; 0: dropped.
typedef struct plan {
  int code, value, weights, low, high, moved, share;
  int bar, bar_columns;
} plan;

static int longest(int length, const char *text) {
  int columns = bd_show_columns(text);
  return columns > length ? columns : length;
}

// Widths of what differs from layer to layer: values and counts.
static void measure(const bd_result *result, const bd_index *index, int *value, int *weights) {
  const bd_stats *stats = bd_index_stats(index);
  char text[BD_SHOW_SIZE];
  *value = longest(longest(6, bd_show_value(text, stats->min)), bd_show_value(text, stats->max));
  *weights = 7;
  for (int i = 0; i < result->level_count; i++) {
    *value = longest(*value, bd_show_value(text, result->levels[i]));
    *weights = longest(*weights, bd_text_count(text, sizeof text, (int64_t)result->occupancy[i]));
  }
}

// What fits, in this order: value and weights, the range, the move to the grid, a bar, the share.
static plan plan_of(const bd_result *result, const bd_index *index, int columns) {
  int value, weights, at;
  plan to = {0};
  measure(result, index, &value, &weights);
  to.code = CODE;
  to.value = to.code + GAP + value;
  at = to.weights = to.value + GAP + weights;
  if (at + 2 * (GAP + value) <= columns) {
    to.low = at + GAP + value;
    at = to.high = to.low + GAP + value;
  }
  if (bd_book_is_mapped(result) && at + GAP + MOVED <= columns) at = to.moved = at + GAP + MOVED;
  if (at + GAP + 6 + GAP + BAR_LEAST <= columns) at = to.share = at + GAP + 6;
  if (at + GAP + BAR_LEAST > columns) return to;
  to.bar = at + GAP;
  to.bar_columns = columns - to.bar < BAR_MOST ? columns - to.bar : BAR_MOST;
  return to;
}

static void put_right(bd_area row, int end, bd_role role, const char *text) {
  if (end > 0) bd_print_right(row, end, 0, role, text);
}

static void draw_head(const plan *to, const bd_result *result, bd_area row) {
  bd_tint(row, 0, 0, row.columns, BD_ROLE_HEADER);
  put_right(row, to->code, BD_ROLE_HEADER, bd_book_has_grid(result) ? "code" : "#");
  put_right(row, to->value, BD_ROLE_HEADER, "level");
  put_right(row, to->weights, BD_ROLE_HEADER, "weights");
  put_right(row, to->low, BD_ROLE_HEADER, "from");
  put_right(row, to->high, BD_ROLE_HEADER, "to");
  put_right(row, to->moved, BD_ROLE_HEADER, "moved");
  put_right(row, to->share, BD_ROLE_HEADER, "share");
}

// --- a level ------------------------------------------------------------------------------------

// The pruned part is shaded, in whole cells.
static void draw_bar(const plan *to, const bd_book_level *level, size_t most, bd_area row) {
  double cells = to->bar_columns / (double)most;
  int pruned = (int)lround((double)level->pruned * cells);
  int length = (int)lround((double)level->weights * cells * 8);
  if (length == 0 && level->weights > 0) length = 1;
  for (int i = 0; i * 8 < length && to->bar > 0; i++)
    bd_put(row, to->bar + i, 0,
           i < pruned ? bd_glyph_shade(row.canvas, 2) : bd_glyph_row(row.canvas, length - i * 8),
           i < pruned ? BD_ROLE_PRUNED : BD_ROLE_AFTER);
}

static void draw_level(const plan *to, const bd_result *result, const bd_book_level *level,
                       size_t most, bd_area row) {
  char text[BD_SHOW_SIZE];
  bool zero = level->value == 0;
  if (level->centroids > 1) bd_printf(row, 0, 0, BD_ROLE_WARN, "×%d", level->centroids);
  snprintf(text, sizeof text, "%s%d", level->code < 0 ? "−" : "", abs(level->code));
  put_right(row, to->code, BD_ROLE_DIM, text);
  bd_show_value(text, level->value);
  put_right(row, to->value, zero ? BD_ROLE_PRUNED : BD_ROLE_LEVEL, zero ? "zero" : text);
  bd_text_count(text, sizeof text, (int64_t)level->weights);
  put_right(row, to->weights, BD_ROLE_TEXT, text);
  if (level->low <= level->high) {
    put_right(row, to->low, BD_ROLE_DIM, bd_show_value(text, level->low));
    put_right(row, to->high, BD_ROLE_DIM, bd_show_value(text, level->high));
  }
  // What rounding to the tensor's type does is no move.
  double moved = fabs(level->moved) < 1e-5 * result->step ? 0 : level->moved;
  if (level->centroids > 0) put_right(row, to->moved, BD_ROLE_TEXT, bd_show_value(text, moved));
  snprintf(text, sizeof text, "%.1f%%", 100 * (double)level->weights / (double)result->count);
  put_right(row, to->share, BD_ROLE_TEXT, text);
  draw_bar(to, level, most, row);
}

static void draw_levels(const plan *to, const bd_view *view, const bd_layer_state *state,
                        bd_area area) {
  const bd_result *result = state->result;
  size_t most = 1;
  for (int i = 0; i < result->level_count; i++)
    most = result->occupancy[i] > most ? result->occupancy[i] : most;
  for (int i = 0; i < area.rows && view->top + i < result->level_count; i++) {
    bd_book_level level = bd_book_at(result, state->index, view->top + i);
    draw_level(to, result, &level, most, bd_area_part(area, 0, i, area.columns, 1));
  }
}

// --- above and below ----------------------------------------------------------------------------

// What the levels lie on.
static int draw_grid(const bd_result *result, bd_area row) {
  char text[BD_SHOW_SIZE], all[BD_SHOW_SIZE];
  if (!bd_book_has_grid(result)) {
    bd_show_levels(all, sizeof all, result);
    return bd_printf(row, 0, 0, BD_ROLE_TEXT, "levels %s: centroids, on no grid", all);
  }
  bd_book_codes codes = bd_book_codes_of(result);
  int at = bd_printf(row, 0, 0, BD_ROLE_TEXT, "step %s   ", bd_show_value(text, result->step));
  if (result->zero_point != 0)
    at = bd_printf(row, at, 0, BD_ROLE_TEXT, "zero point %.0f   ", result->zero_point);
  return bd_printf(row, at, 0, BD_ROLE_TEXT, "codes %s%d…%d", codes.first < 0 ? "−" : "",
                   abs(codes.first), codes.last);
}

static void draw_unused(const bd_result *result, bd_area row) {
  char codes[200];
  if (!bd_book_has_grid(result)) return;
  int unused = bd_book_codes_of(result).unused;
  if (unused == 0) {
    bd_print(row, 0, 0, BD_ROLE_GOOD, "every code is used");
    return;
  }
  int at = bd_printf(row, 0, 0, BD_ROLE_WARN, "%d unused: ", unused);
  bd_print_start(row, at, 0, BD_ROLE_DIM, bd_book_unused(result, codes, sizeof codes));
}

static void draw_position(const bd_view *view, const bd_result *result, int taken, bd_area row) {
  char text[2 * BD_SHOW_SIZE];
  int last = view->top + view->rows;
  if (view->rows >= result->level_count) return;
  snprintf(text, sizeof text, "%d–%d of %d", view->top + 1, last, result->level_count);
  if (taken + 2 + bd_show_columns(text) <= row.columns)
    bd_print_right(row, row.columns, 0, BD_ROLE_DIM, text);
}

static void draw_legend(const bd_result *result, bd_area row) {
  int at = 0;
  if (result->merged > 0) {
    at = bd_print(row, 0, 0, BD_ROLE_WARN, "×2");
    at = bd_print(row, at + 1, 0, BD_ROLE_DIM, "centroids merged on a level") + 2 * GAP;
  }
  if (bd_book_is_mapped(result))
    bd_print_whole(row, at, 0, BD_ROLE_DIM, "moved: from centroid to level");
}

// --- the panel ----------------------------------------------------------------------------------

int bd_codebook_rows(const bd_result *result) {
  return result->level_count ? result->level_count + 4 : 1;
}

static void clamp_top(bd_view *view, const bd_result *result) {
  int most = result->level_count - view->rows;
  if (view->top > most) view->top = most;
  if (view->top < 0) view->top = 0;
}

static void draw_layer(bd_view *view, const bd_layer_state *state, bd_area area) {
  const bd_result *result = state->result;
  int above = area.rows >= HEAD_FROM ? 3 : area.rows > 1, below = area.rows >= LEGEND_FROM;
  plan to = plan_of(result, state->index, area.columns);
  view->rows = area.rows - above - below;
  clamp_top(view, result);
  if (above == 3) {
    bd_area first = bd_area_part(area, 0, 0, area.columns, 1);
    draw_position(view, result, draw_grid(result, first), first);
    draw_unused(result, bd_area_part(area, 0, 1, area.columns, 1));
  }
  if (above) draw_head(&to, result, bd_area_part(area, 0, above - 1, area.columns, 1));
  draw_levels(&to, view, state, bd_area_part(area, 0, above, area.columns, view->rows));
  int end = above + (view->rows < result->level_count ? view->rows : result->level_count);
  if (below) draw_legend(result, bd_area_part(area, 0, end, area.columns, 1));
}

static void draw_parts(const bd_result *result, bd_area area) {
  char granularity[32], text[160];
  bd_setting_get(&result->setting, BD_FIELD_GRANULARITY, granularity, sizeof granularity);
  snprintf(text, sizeof text, "granularity %s: %zu codebooks, of at most %d levels each",
           granularity, result->parts.count, result->most_levels);
  bd_print_wrapped(area, BD_ROLE_DIM, text);
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  if (!state || !state->result)
    bd_draw_nothing(desk, area);
  else if (state->result->part)
    draw_parts(state->result, area);
  else if (state->result->level_count == 0)
    bd_print_wrapped(area, BD_ROLE_DIM, "the layer stays float: it has no codebook");
  else
    draw_layer(view, state, area);
}

static void command(bd_view *view, bd_desk *desk, int id) {
  const bd_layer_state *state = bd_desk_state(desk);
  int page = view->rows > 1 ? view->rows - 1 : 1;
  if (!state || !state->result) return;
  if (id == FIRST) view->top = 0;
  if (id == LAST) view->top = state->result->level_count;
  if (id == PAGE_UP) view->top -= page;
  if (id == PAGE_DOWN) view->top += page;
  clamp_top(view, state->result);
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)column;
  (void)row;
  const bd_layer_state *state = bd_desk_state(desk);
  if (!state || !state->result) return;
  view->top += wheel * WHEEL_ROWS;
  clamp_top(view, state->result);
}

// Level and weights of each, apart by commas.
static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  (void)view;
  const bd_layer_state *state = bd_desk_state(desk);
  const bd_result *result = state ? state->result : NULL;
  size_t used = 0;
  if (size > 0) out[0] = '\0';
  for (int i = 0; result && i < result->level_count && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%.9g %zu", i ? ", " : "",
                             result->levels[i], result->occupancy[i]);
}

const bd_view_class bd_codebook_view = {
    .name = "codebook",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_codebook,
    .close = close_codebook,
    .draw = draw,
    .command = command,
    .mouse = mouse,
    .copy = copy,
};
