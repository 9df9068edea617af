// The error panel. From the top: total, the parts of the squared error, distance from the optimum,
// what is stored, and SQNR at 1 to 8 bits as bars under the ceiling that pruning sets.
#include "viewers/error.h"

#include "core/base/text.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE_LABEL = 5, CURVE_ROWS_MOST = 12, BAR_MOST = 72 };

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

static void draw_total(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  char sqnr[BD_SHOW_SIZE], total[BD_SHOW_SIZE + 1], value[BD_SHOW_SIZE];
  bd_role role = state->stale ? BD_ROLE_STALE : BD_ROLE_TITLE;
  snprintf(total, sizeof total, "%s%s", state->stale ? "~" : "",
           bd_show_sqnr(sqnr, result->sqnr_db));
  int at = pair(row, 0, "total", role, total);
  at = pair(row, at, "max error", BD_ROLE_TEXT, bd_show_value(value, result->max_error));
  bd_show_levels(value, sizeof value, result);
  pair(row, at, "levels", BD_ROLE_TEXT, value);
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

static char *show_part(char out[BD_SHOW_SIZE], const part *of, double sse, bool exact) {
  double percent = of->sse / sse * 100;
  snprintf(out, BD_SHOW_SIZE, "%s %s%.*f%%", of->name, percent <= -0.05 ? "−" : "", exact,
           fabs(percent));
  return out;
}

static void draw_split(const bd_result *result, bd_area row) {
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
    at = bd_print(row, at + 2, 0, BD_ROLE_TEXT, show_part(text, &parts[i], result->sse, wide));
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

static const char *choice_name(int field, int choice) {
  const bd_field *about = bd_setting_field(field);
  return choice >= 0 && choice < about->choice_count ? about->choices[choice].name : "?";
}

static void draw_optimum(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  const char *init = choice_name(BD_FIELD_INIT, (int)result->setting.init);
  const char *method = choice_name(BD_FIELD_METHOD, (int)result->setting.method);
  char text[128], merged[BD_SHOW_SIZE];
  bool clusters = bd_setting_clusters(&result->setting);
  if (!clusters || isnan(result->optimum_ratio)) {
    snprintf(text, sizeof text,
             clusters ? "%s: looking for the optimum …" : "%s: no clustering, so no optimum",
             clusters ? init : method);
    bd_print_start(row, 0, 0, BD_ROLE_DIM, text);
    return;
  }
  int at = bd_printf(row, 0, 0, BD_ROLE_TEXT, "%s %s%.6f × optimum ", init,
                     result->proved ? "" : "≤ ", result->optimum_ratio);
  if (result->proved)
    at = bd_print_whole(row, at, 0, BD_ROLE_GOOD, "(proved)");
  else
    at = bd_print_whole(row, at, 0, BD_ROLE_DIM, state->proving ? "(proving …)" : "(a bound)");
  snprintf(merged, sizeof merged, "%d merged", result->merged);
  if (result->merged > 0) bd_print_whole(row, at, 0, BD_ROLE_WARN, merged);
}

static void draw_stored(const bd_result *result, bd_area row) {
  char text[BD_SHOW_SIZE];
  int at = pair(row, 0, "stored", BD_ROLE_TEXT, bd_text_bytes(text, sizeof text, result->bytes));
  snprintf(text, sizeof text, "%.2f", result->bits_per_weight);
  at = pair(row, at, "bits/w", BD_ROLE_TEXT, text);
  snprintf(text, sizeof text, "%.2f", result->entropy_bits);
  pair(row, at, "entropy", BD_ROLE_TEXT, text);
}

// --- SQNR at 1 to 8 bits ------------------------------------------------------------------------

typedef struct bit_curve {
  const bd_layer_state *state;
  int step;   // cells a bit width
  double top; // dB at full height
} bit_curve;

static int curve_at(const bit_curve *curve, int bits) {
  return CURVE_LABEL + (bits - 1) * curve->step;
}

static bit_curve get_curve(const bd_layer_state *state, int columns) {
  bit_curve curve = {.state = state, .top = 1};
  int step = (columns - CURVE_LABEL) / BD_BITS_MAX;
  curve.step = step > 8 ? 8 : step;
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    if (isfinite(state->curve[bits])) curve.top = fmax(curve.top, state->curve[bits]);
  if (isfinite(state->curve_prune)) curve.top = fmax(curve.top, state->curve_prune);
  return curve;
}

static void draw_curve_numbers(const bit_curve *curve, bd_area rows) {
  int now = curve->state->dial.setting.bits;
  bd_print(rows, 0, 0, BD_ROLE_DIM, "bits");
  bd_print(rows, 0, 1, BD_ROLE_DIM, "dB");
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    int end = curve_at(curve, bits) + curve->step - 1;
    double db = curve->state->curve[bits];
    char text[BD_SHOW_SIZE] = "·";
    bd_role role = bits == now ? BD_ROLE_CURSOR : BD_ROLE_TEXT;
    if (isinf(db)) snprintf(text, sizeof text, "exact");
    if (isfinite(db))
      snprintf(text, sizeof text, "%s%.*f", db <= -0.05 ? "−" : "", curve->step >= 5, fabs(db));
    bd_printf(rows, end - 2, 0, role, bits == now ? "[%d]" : " %d ", bits);
    bd_print_right(rows, end, 1, isnan(db) ? BD_ROLE_DIM : role, text);
  }
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
  int at = bd_printf(row, CURVE_LABEL, 0, BD_ROLE_PRUNED, "pruning alone %s ",
                     bd_show_sqnr(text, curve->state->curve_prune));
  for (; at < end; at++)
    bd_put(row, at, 0, bd_glyph_sign(row.canvas, BD_SIGN_DASHED), BD_ROLE_PRUNED);
}

// Bars under the ceiling, above two rows of numbers; numbers alone where it is low.
static void draw_curve(const bd_layer_state *state, bd_area area) {
  bit_curve curve = get_curve(state, area.columns);
  int bars = area.rows - 2;
  int ceiling = bars >= 2 && isfinite(state->curve_prune);
  if (curve.step < 3) return;
  if (ceiling) draw_ceiling(&curve, bd_area_part(area, 0, 0, area.columns, 1));
  draw_curve_bars(&curve, bd_area_part(area, 0, ceiling, area.columns, bars - ceiling));
  draw_curve_numbers(&curve, bd_area_part(area, 0, bars, area.columns, 2));
}

// --- the panel ----------------------------------------------------------------------------------

static bd_area line(bd_area area, int row) {
  return bd_area_part(area, 0, row, area.columns, 1);
}

// What there is room for: total, parts, numbers of the curve, optimum, stack, stored, bars.
static void draw_layer(const bd_layer_state *state, bd_area area) {
  const bd_result *result = state->result;
  int row = 0, rows = area.rows;
  draw_total(state, line(area, row++));
  if (rows >= 6 && result->sse > 0) draw_stack(result, line(area, row++));
  draw_split(result, line(area, row++));
  if (rows == 3 || rows >= 5) draw_optimum(state, line(area, row++));
  if (rows >= 7) draw_stored(result, line(area, row++));
  if (rows >= 11) row++;
  int left = rows - row;
  left = left > CURVE_ROWS_MOST + 2 ? CURVE_ROWS_MOST + 2 : left;
  if (left >= 2) draw_curve(state, bd_area_part(area, 0, row, area.columns, left));
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)view;
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  if (state && state->result)
    draw_layer(state, area);
  else
    bd_draw_nothing(desk, area);
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  (void)view;
  const bd_layer_state *state = bd_desk_state(desk);
  if (size > 0) out[0] = '\0';
  if (state && state->result) snprintf(out, size, "%.6g", state->result->sqnr_db);
}

const bd_view_class bd_error_view = {
    .name = "error",
    .open = open_error,
    .close = close_error,
    .draw = draw,
    .copy = copy,
};
