// The error panel. From the top: total, the parts of the squared error, distance from the optimum,
// what is stored, and SQNR at 1 to 8 bits: as bars under the ceiling that pruning sets, and as
// numbers, of every method where there is room.
#include "viewers/error.h"

#include "core/base/text.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  CURVE_LABEL = 5,
  CURVE_ROWS_MOST = 12,
  BAR_MOST = 72,
  METHOD_LABEL = 14, // of the table: pointer, name, blank
  WHOLE_LABEL = 20,  // where there is room for whole names and a decimal
  WHOLE_FROM = WHOLE_LABEL + BD_BITS_MAX * 5,
  TABLE_STEP = 4,  // cells that a bit width needs at least
  LINES_ABOVE = 3, // total, parts, optimum: they stay above the table
  BARS_LEAST = 4,
};

struct bd_view {
  char unused; // the panel keeps no state
};

static bd_view *open_error(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_error(bd_view *view) {
  free(view);
}

// --- the error and its parts --------------------------------------------------------------------

// A name and its value, if there is room for both. Returns the column after.
static int pair(bd_area row, int at, const char *name, bd_role role, const char *value) {
  int columns = bd_show_columns(name) + 1 + bd_show_columns(value);
  if (at + columns > row.columns) return at;
  bd_print(row, at, 0, BD_ROLE_DIM, name);
  bd_print(row, at + bd_show_columns(name) + 1, 0, role, value);
  return at + columns + 3;
}

// The same of a value of the result: marked while a new one is computed.
static int result_pair(const bd_layer_state *state, bd_area row, int at, const char *name,
                       bd_role role, const char *value) {
  char marked[2 * BD_SHOW_SIZE];
  snprintf(marked, sizeof marked, "%s%s", bd_stale_mark(state), value);
  return pair(row, at, name, state->stale ? BD_ROLE_STALE : role, marked);
}

static void draw_total(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  char value[BD_SHOW_SIZE];
  bool levels = result->most_levels > 0;
  int at = result_pair(state, row, 0, "total", BD_ROLE_TITLE, bd_show_sqnr(value, result->sqnr_db));
  bd_show_value(value, result->max_error);
  at = result_pair(state, row, at, "max error", BD_ROLE_TEXT, value);
  bd_show_levels(value, sizeof value, result);
  at = result_pair(state, row, at, levels ? "levels" : "weights", BD_ROLE_TEXT, value);
  if (state->stale) bd_print_whole(row, at, 0, BD_ROLE_STALE, "~ of the setting before");
}

typedef struct part {
  const char *name;
  double sse;
  int shade; // told apart by shade, and by colour where there is one
  bd_role role;
} part;

enum { PARTS = 3 };

static void get_parts(const bd_result *result, part parts[PARTS]) {
  parts[0] = (part){"prune", result->sse_prune, 2, BD_ROLE_PRUNED};
  parts[1] = (part){"cluster", result->sse_cluster, 4, BD_ROLE_AFTER};
  parts[2] = (part){"map", result->sse_map, 1, BD_ROLE_LEVEL};
}

static char *show_part(char out[BD_SHOW_SIZE], const part *of, const bd_layer_state *state,
                       bool exact) {
  double percent = of->sse / state->result->sse * 100;
  snprintf(out, BD_SHOW_SIZE, "%s %s%s%.*f%%", of->name, bd_stale_mark(state),
           percent <= -0.05 ? "−" : "", exact, fabs(percent));
  return out;
}

static void draw_split(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  bd_role role = state->stale ? BD_ROLE_STALE : BD_ROLE_TEXT;
  part parts[PARTS];
  char text[BD_SHOW_SIZE];
  bool wide = row.columns >= 48;
  get_parts(result, parts);
  if (!(result->sse > 0)) {
    bd_print_start(row, 0, 0, BD_ROLE_GOOD, "no error: every weight keeps its value");
    return;
  }
  for (int i = 0, at = 0; i < PARTS; i++) {
    bd_put(row, at, 0, bd_glyph_shade(row.canvas, parts[i].shade), parts[i].role);
    at = bd_print(row, at + 2, 0, role, show_part(text, &parts[i], state, wide));
    at += wide ? 3 : 1;
  }
}

// One bar, as long as the panel, in three parts. A part below zero (a grid that does better than
// the clusters) has no length.
static void draw_stack(const bd_result *result, bd_area row) {
  part parts[PARTS];
  get_parts(result, parts);
  int length = row.columns < BAR_MOST ? row.columns : BAR_MOST;
  double sum = 0, end = 0;
  for (int i = 0; i < PARTS; i++)
    sum += fmax(0, parts[i].sse);
  for (int i = 0, at = 0; i < PARTS && sum > 0; i++) {
    end += fmax(0, parts[i].sse);
    for (int stop = (int)lround(end / sum * length); at < stop; at++)
      bd_put(row, at, 0, bd_glyph_shade(row.canvas, parts[i].shade), parts[i].role);
  }
}

static void draw_stored(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  char text[BD_SHOW_SIZE];
  bd_text_bytes(text, sizeof text, result->bytes);
  int at = result_pair(state, row, 0, "stored", BD_ROLE_TEXT, text);
  snprintf(text, sizeof text, "%.2f", result->bits_per_weight);
  at = result_pair(state, row, at, "bits/w", BD_ROLE_TEXT, text);
  snprintf(text, sizeof text, "%.2f", result->entropy_bits);
  result_pair(state, row, at, "entropy", BD_ROLE_TEXT, text);
}

// --- SQNR at 1 to 8 bits ------------------------------------------------------------------------

typedef struct bit_curve {
  const bd_layer_state *state;
  const bd_insight *insight; // of every method; NULL: of the one in use
  int label, step;           // cells of the names, and of a bit width
  double top;                // dB at full height
} bit_curve;

static const bd_field *methods(void) {
  return bd_setting_field(BD_FIELD_METHOD);
}

// Rows of the table: bits, the methods, what the sign means.
static int table_rows(void) {
  return methods()->choice_count + 2;
}

static bool table_fits(int columns, int rows) {
  return columns >= METHOD_LABEL + BD_BITS_MAX * TABLE_STEP && rows >= LINES_ABOVE + table_rows();
}

static int curve_at(const bit_curve *curve, int bits) {
  return curve->label + (bits - 1) * curve->step;
}

static bit_curve get_curve(const bd_layer_state *state, const bd_insight *insight, int columns) {
  bit_curve curve = {.state = state, .insight = insight, .top = 1};
  int label = columns >= WHOLE_FROM ? WHOLE_LABEL : METHOD_LABEL;
  curve.label = insight ? label : CURVE_LABEL;
  int step = (columns - curve.label) / BD_BITS_MAX;
  curve.step = step > 8 ? 8 : step;
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    if (isfinite(state->curve[bits])) curve.top = fmax(curve.top, state->curve[bits]);
  if (isfinite(state->curve_prune)) curve.top = fmax(curve.top, state->curve_prune);
  return curve;
}

static void draw_bits(const bit_curve *curve, bd_area row) {
  int now = curve->state->dial.setting.bits;
  bd_print(row, curve->insight ? 2 : 0, 0, BD_ROLE_DIM, "bits");
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    int end = curve_at(curve, bits) + curve->step - 1;
    bd_printf(row, end - 2, 0, bits == now ? BD_ROLE_CURSOR : BD_ROLE_TEXT,
              bits == now ? "[%d]" : " %d ", bits);
  }
}

static void draw_db(const bit_curve *curve, bd_area row, int bits, double db, bd_role role) {
  int end = curve_at(curve, bits) + curve->step - 1;
  char text[BD_SHOW_SIZE] = "·";
  if (isinf(db)) snprintf(text, sizeof text, bd_canvas_ascii(row.canvas) ? "ex" : "∞");
  if (isfinite(db))
    snprintf(text, sizeof text, "%s%.*f", db <= -0.05 ? "−" : "", curve->step >= 5, fabs(db));
  bd_print_right(row, end, 0, isnan(db) ? BD_ROLE_DIM : role, text);
}

static void draw_curve_numbers(const bit_curve *curve, bd_area row) {
  int now = curve->state->dial.setting.bits;
  bd_print(row, 0, 0, BD_ROLE_DIM, "dB");
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    draw_db(curve, row, bits, curve->state->curve[bits],
            bits == now ? BD_ROLE_CURSOR : BD_ROLE_TEXT);
}

// The greatest of a column; NaN while some are not known, so that no sign moves from row to row.
static double best_at(const bd_insight *insight, int bits) {
  double best = -INFINITY;
  for (int i = 0; i < methods()->choice_count && i < BD_METHODS_MAX; i++) {
    if (isnan(insight->methods[i][bits])) return NAN;
    best = fmax(best, insight->methods[i][bits]);
  }
  return best;
}

static void draw_method(const bit_curve *curve, int method, bd_area row) {
  const bd_setting *setting = &curve->state->dial.setting;
  bool current = method == (int)setting->method;
  if (current) bd_put(row, 0, 0, bd_glyph_sign(row.canvas, BD_SIGN_CURSOR), BD_ROLE_TITLE);
  bd_print_start(bd_area_part(row, 2, 0, curve->label - 3, 1), 0, 0,
                 current ? BD_ROLE_TITLE : BD_ROLE_TEXT, methods()->choices[method].name);
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    double db = curve->insight->methods[method][bits];
    if (isnan(db) && current) db = curve->state->curve[bits]; // known sooner
    bool best = db >= best_at(curve->insight, bits);
    bool here = current && bits == setting->bits;
    draw_db(curve, row, bits, db,
            here      ? BD_ROLE_CURSOR
            : best    ? BD_ROLE_GOOD
            : current ? BD_ROLE_TITLE
                      : BD_ROLE_TEXT);
    if (best) bd_put(row, curve_at(curve, bits) + curve->step - 1, 0, '*', BD_ROLE_GOOD);
  }
}

static void draw_table(const bit_curve *curve, bd_area area) {
  int count = methods()->choice_count;
  for (int i = 0; i < count && i < BD_METHODS_MAX; i++)
    draw_method(curve, i, bd_area_part(area, 0, i, area.columns, 1));
  int at = bd_print(area, 2, count, BD_ROLE_GOOD, "*");
  bd_print_start(area, at + 1, count, BD_ROLE_DIM,
                 bd_canvas_ascii(area.canvas) ? "best SQNR (dB) at these bits; ex no error"
                                              : "best SQNR (dB) at these bits; ∞ no error");
}

static void draw_curve_bars(const bit_curve *curve, bd_area rows) {
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    double db = curve->state->curve[bits];
    double share = isinf(db) ? 1 : isnan(db) ? 0 : fmax(0, db / curve->top);
    int height = (int)lround(share * rows.rows * 8);
    int width = curve->step > 3 ? curve->step - 2 : 1;
    bd_role ramp = (bd_role)(BD_ROLE_RAMP2 + (bits < 2 ? 0 : bits - 2));
    for (int row = 0; row * 8 < height; row++)
      for (int i = 0; i < width; i++)
        bd_put(rows, curve_at(curve, bits) + curve->step - 1 - width + i, rows.rows - 1 - row,
               bd_glyph_bar(rows.canvas, height - row * 8), ramp);
  }
}

// The ceiling: no bit width does better than what pruning alone leaves.
static void draw_ceiling(const bit_curve *curve, bd_area row) {
  char text[BD_SHOW_SIZE];
  int end = curve_at(curve, BD_BITS_MAX + 1) - 1;
  int at = bd_printf(row, curve->label, 0, BD_ROLE_PRUNED, "pruning alone %s ",
                     bd_show_sqnr(text, curve->state->curve_prune));
  for (; at < end; at++)
    bd_put(row, at, 0, bd_glyph_sign(row.canvas, BD_SIGN_DASHED), BD_ROLE_PRUNED);
}

// Bars under the ceiling, above the numbers; numbers alone where it is low.
static void draw_curve(const bit_curve *curve, bd_area area) {
  int numbers = curve->insight ? table_rows() : 2, bars = area.rows - numbers;
  bool ceiling = bars >= 2 && isfinite(curve->state->curve_prune);
  if (curve->insight && bars < BARS_LEAST) bars = 0;
  if (curve->step < 3) return;
  if (ceiling && bars) draw_ceiling(curve, bd_area_part(area, 0, 0, area.columns, 1));
  draw_curve_bars(curve, bd_area_part(area, 0, ceiling, area.columns, bars - ceiling));
  draw_bits(curve, bd_area_part(area, 0, bars, area.columns, 1));
  bd_area rest = bd_area_part(area, 0, bars + 1, area.columns, numbers - 1);
  if (curve->insight)
    draw_table(curve, rest);
  else
    draw_curve_numbers(curve, rest);
}

// --- the panel ----------------------------------------------------------------------------------

static bd_area line(bd_area area, int row) {
  return bd_area_part(area, 0, row, area.columns, 1);
}

// What there is room for: total, parts, numbers of the curve, optimum, table of the methods, stack,
// stored, bars.
static void draw_layer(const bd_layer_state *state, const bd_insight *insight, bd_area area) {
  const bd_result *result = state->result;
  if (!table_fits(area.columns, area.rows)) insight = NULL;
  int row = 0, rows = area.rows - (insight ? table_rows() - 2 : 0); // as if it were two rows
  draw_total(state, line(area, row++));
  if (rows >= 6 && result->sse > 0) draw_stack(result, line(area, row++));
  draw_split(state, line(area, row++));
  if (rows == 3 || rows >= 5) bd_draw_optimum(state, line(area, row++));
  if (rows >= 7) draw_stored(state, line(area, row++));
  if (rows >= 11) row++;
  int left = rows - row;
  left = left > CURVE_ROWS_MOST + 2 ? CURVE_ROWS_MOST + 2 : left;
  bit_curve curve = get_curve(state, insight, area.columns);
  if (left >= 2)
    draw_curve(&curve, bd_area_part(area, 0, row, area.columns, area.rows - rows + left));
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)view;
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  const bd_insight *insight = bd_session_insight(desk->session);
  if (state && state->result)
    draw_layer(state, insight->layer == desk->layer ? insight : NULL, area);
  else
    bd_draw_nothing(desk, area);
}

static unsigned wants(int columns, int rows) {
  return table_fits(columns, rows) ? BD_WANT_METHODS : 0;
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  (void)view;
  const bd_layer_state *state = bd_desk_state(desk);
  if (size > 0) out[0] = '\0';
  if (state && state->result) snprintf(out, size, "%.6g", state->result->sqnr_db);
}

// What the layer alone does to its output, where there is data.
static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  (void)view;
  (void)ascii;
  const bd_layer_state *state = bd_desk_state(desk);
  char db[BD_SHOW_SIZE];
  out[0] = '\0';
  if (!state || !state->local_known || isnan(state->local_db)) return;
  snprintf(out, size, "local %s%s", state->local_stale ? "~" : "",
           bd_show_sqnr(db, state->local_db));
  if (bd_show_columns(out) > columns) out[0] = '\0';
}

const bd_view_class bd_error_view = {
    .name = "error",
    .title = title,
    .open = open_error,
    .close = close_error,
    .draw = draw,
    .wants = wants,
    .copy = copy,
    .signs = "The squared error in three parts: of pruning, of the K-means clusters, and of moving "
             "their centres onto the grid. merged: centres that fell on one level of the grid, so "
             "that codes stay unused. A ~ marks a number of the setting before: the new one is "
             "being computed. local, in the title: the same figure as in the table of layers.",
};
