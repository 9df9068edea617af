#include "viewers/sensitivity.h"

#include "core/session/sensing.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A cell: a column for the sign of the width that the layer has, two for its number.
enum { CELL = 3, CELLS = CELL * BD_BITS_MAX, NAME_LEAST = 8, HEATS = 7 };

// What the cells say.
typedef enum quantity { WEIGHTS, LOCAL, OUTPUT, KL, TOP1, MEASURES } quantity;
static const char *const measure_names[] = {"SQNR of the weights", "SQNR of the layer's output",
                                            "SQNR of the network's output", "KL in hundredths",
                                            "top-1 lost, points"};
static const char *const measure_heads[] = {"dB weights", "dB layer", "dB output", "KL x100",
                                            "top-1 lost"};

struct bd_view {
  quantity measure;
  int sort;     // 0: in the model's order; else by what the layers cost at so many bits
  bool reverse; // the least first
  int *order;   // layers as they are shown. Owned.
  int count, top, rows;
};

enum { UP, DOWN, PAGE_UP, PAGE_DOWN, SORT_NEXT, SORT_PREVIOUS, REVERSE, JUMP, MEASURE };

static const bd_command commands[] = {
    {"row-up", "<up> k", NULL, "the layer above in the map", UP},
    {"row-down", "<down> j", NULL, "the layer below in the map", DOWN},
    {"rows-up", "<pgup> <c-u>", NULL, "a page up in the map", PAGE_UP},
    {"rows-down", "<pgdn> <c-d>", NULL, "a page down in the map", PAGE_DOWN},
    {"map-sort-next", ">", "sort", "sort the map by the next bit width", SORT_NEXT},
    {"map-sort-previous", "<", NULL, "sort the map by the bit width before", SORT_PREVIOUS},
    {"map-reverse", "S", NULL, "turn the order of the map around", REVERSE},
    {"jump", "<enter>", "to table", "go to the layer in the table", JUMP},
    {"measure", "v", "measure", "what the map says: weights, or what a sweep (s) measured",
     MEASURE},
};

static bd_view *open_map(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_map(bd_view *view) {
  if (!view) return;
  free(view->order);
  free(view);
}

// --- order ---------------------------------------------------------------------------------------

// What a layer costs at so many bits: NaN not known, +Inf (of an SQNR) exact.
static double value_of(const bd_view *view, const bd_session *session, int layer, int bits) {
  bd_effect e;
  if (view->measure == WEIGHTS) return bd_session_layer(session, layer)->curve[bits];
  if (!bd_session_effect(session, layer, bits, &e)) return NAN;
  double exact = e.relative_sse == 0 ? INFINITY : NAN;
  if (view->measure == KL) return e.kl;
  if (view->measure == TOP1) return bd_session_float_top1(session) - e.top1;
  double db = view->measure == LOCAL ? e.local_sqnr_db : e.output_sqnr_db;
  return isnan(db) ? exact : db;
}

// The same as how little it loses: greater is better.
static double goodness(const bd_view *view, const bd_session *session, int layer, int bits) {
  double value = value_of(view, session, layer, bits);
  return view->measure >= KL ? -value : value;
}

typedef struct place {
  double good;
  int layer;
} place;

// The worst first; what is not known yet stands at the end.
static int by_goodness(const void *a, const void *b) {
  const place *x = a, *y = b;
  bool known = !isnan(x->good), other = !isnan(y->good);
  if (known != other) return known ? -1 : 1;
  if (known && x->good != y->good) return x->good < y->good ? -1 : 1;
  return x->layer - y->layer;
}

static void sort_layers(bd_view *view, const bd_session *session) {
  place *places = calloc((size_t)view->count + 1, sizeof *places);
  for (int i = 0; places && i < view->count; i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    bool sorts = view->sort && !state->refused;
    double good = sorts ? goodness(view, session, i, view->sort) : NAN;
    places[i] = (place){view->reverse ? -good : good, i};
  }
  if (places) qsort(places, (size_t)view->count, sizeof *places, by_goodness);
  for (int i = 0; i < view->count; i++)
    view->order[i] = places ? places[i].layer : i;
  free(places);
}

static bool update(bd_view *view, const bd_session *session) {
  int count = bd_session_count(session);
  if (view->count != count || !view->order) {
    free(view->order);
    view->order = calloc((size_t)count + 1, sizeof *view->order);
    view->count = view->order ? count : 0;
  }
  if (view->order) sort_layers(view, session);
  return view->count > 0;
}

static int place_of(const bd_view *view, int layer) {
  for (int i = 0; i < view->count; i++)
    if (view->order[i] == layer) return i;
  return 0;
}

// --- drawing -------------------------------------------------------------------------------------

static int clamp_heat(double heat) {
  return heat < 0 ? 0 : heat >= HEATS ? HEATS - 1 : (int)heat;
}

int bd_heat_of_sqnr(double db) {
  return clamp_heat(ceil((40 - db) / 40 * (HEATS - 1)));
}

// The same of any measure: 0 is a KL of 1e-4, a tenth of a point.
static int heat_of(quantity measure, double value) {
  double heat = 0;
  if (measure < KL) return bd_heat_of_sqnr(value);
  if (measure == KL) heat = ceil((log10(fmax(value, 1e-9)) + 4) / 4 * (HEATS - 1));
  if (measure == TOP1) heat = ceil((log10(fmax(value, 1e-9)) + 3) / 3 * (HEATS - 1));
  return clamp_heat(heat);
}

// In two columns: decibels (−9: at most that), or hundredths, those under one as ".4".
static void cell_text(quantity measure, double value, char out[8]) {
  double hundredths = 100 * value;
  if (isnan(value))
    snprintf(out, 8, "··");
  else if (measure < KL && isinf(value))
    snprintf(out, 8, "==");
  else if (measure < KL && value <= -0.5)
    snprintf(out, 8, "−%.0f", fmin(-value, 9));
  else if (measure < KL)
    snprintf(out, 8, "%2.0f", fmin(fmax(value, 0), 99));
  else if (hundredths >= 0.95)
    snprintf(out, 8, "%2.0f", fmin(hundredths, 99));
  else if (hundredths >= 0.05)
    snprintf(out, 8, ".%1.0f", 10 * hundredths);
  else
    snprintf(out, 8, " 0");
}

static void draw_cell(const bd_view *view, const bd_desk *desk, int layer, int bits, bd_area area,
                      int at, int row) {
  double value = value_of(view, desk->session, layer, bits);
  char text[8];
  int heat = isnan(value) ? -1 : heat_of(view->measure, value);
  cell_text(view->measure, value, text);
  bd_role role = heat < 0 ? BD_ROLE_DIM : (bd_role)(BD_ROLE_HEAT0 + heat);
  bd_print(area, at + 1, row, role, text);
  if (bd_session_layer(desk->session, layer)->dial.setting.bits == bits)
    bd_put(area, at, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CHANGED);
  else if (bd_canvas_ascii(area.canvas) && heat > 0)
    bd_put(area, at, row, bd_glyph_shade(area.canvas, (heat + 1) / 2), BD_ROLE_DIM);
}

static void draw_layer(const bd_view *view, const bd_desk *desk, int layer, int names, bd_area area,
                       int row) {
  const bd_layer *about = bd_model_layer(bd_session_model(desk->session), layer);
  const bd_layer_state *state = bd_session_layer(desk->session, layer);
  char name[512], brief[512];
  bd_show_name(name, sizeof name, about->tensor, bd_canvas_ascii(area.canvas));
  bd_print(area, 1, row, state->refused ? BD_ROLE_DIM : BD_ROLE_TEXT,
           bd_show_short(brief, sizeof brief, name, names - 2));
  if (layer == desk->layer) {
    bd_put(area, 0, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
    bd_tint(area, 0, row, names - 1, BD_ROLE_CURSOR);
  }
  if (state->refused) {
    bd_print_start(area, names, row, BD_ROLE_DIM, "cannot be quantized");
    return;
  }
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    draw_cell(view, desk, layer, bits, area, names + CELL * (bits - 1), row);
}

static void draw_head(const bd_view *view, int names, bd_area area) {
  bd_tint(area, 0, 0, area.columns, BD_ROLE_HEADER);
  bd_print(area, 1, 0, BD_ROLE_HEADER, names > 12 ? measure_heads[view->measure] : "bits");
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    int at = names + CELL * (bits - 1);
    bd_printf(area, at + 2, 0, BD_ROLE_HEADER, "%d", bits);
    if (bits == view->sort)
      bd_put(area, at + 1, 0, bd_glyph_sign(area.canvas, view->reverse ? BD_SIGN_DOWN : BD_SIGN_UP),
             BD_ROLE_HEADER);
  }
}

// The longest name, as far as there is room beside the cells.
static int name_columns(const bd_desk *desk, bd_area area) {
  int longest = NAME_LEAST;
  char name[512];
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    const bd_layer *about = bd_model_layer(bd_session_model(desk->session), i);
    int length = bd_show_columns(
        bd_show_name(name, sizeof name, about->tensor, bd_canvas_ascii(area.canvas)));
    if (length > longest) longest = length;
  }
  int room = area.columns - CELLS - 1;
  if (room < NAME_LEAST) room = NAME_LEAST;
  return longest + 3 < room ? longest + 3 : room;
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused;
  view->rows = area.rows - 1;
  if (area.columns <= 0 || view->rows <= 0) return;
  if (!update(view, desk->session)) {
    bd_draw_nothing(desk, area);
    return;
  }
  int names = name_columns(desk, area), at = place_of(view, desk->layer);
  if (at < view->top) view->top = at;
  if (at >= view->top + view->rows) view->top = at - view->rows + 1;
  if (view->top > view->count - view->rows) view->top = view->count - view->rows;
  if (view->top < 0) view->top = 0;
  draw_head(view, names, area);
  for (int i = 0; i < view->rows && view->top + i < view->count; i++)
    draw_layer(view, desk, view->order[view->top + i], names, area, 1 + i);
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  const bd_sensing_state *sweep = bd_session_sensing(desk->session);
  (void)ascii;
  int known = 0, all = 0;
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    const bd_layer_state *state = bd_session_layer(desk->session, i);
    all += !state->refused;
    known += !state->refused && !isnan(state->curve[BD_BITS_MAX]);
  }
  if (sweep->running || (view->measure != WEIGHTS && sweep->samples))
    snprintf(out, size, "%s%lld of %lld samples", sweep->running ? "sweep: " : "",
             (long long)sweep->samples, (long long)sweep->wanted);
  else if (view->measure != WEIGHTS)
    snprintf(out, size, "s sweeps");
  else if (known < all)
    snprintf(out, size, "%d of %d layers", known, all);
  else
    snprintf(out, size, columns >= 34 ? "SQNR of the weights, every layer" : "SQNR");
}

static unsigned wants(int columns, int rows) {
  return columns > CELLS && rows > 1 ? BD_WANT_CURVES : 0;
}

// --- keys ----------------------------------------------------------------------------------------

static void move_to(const bd_view *view, bd_desk *desk, int at) {
  if (at >= view->count) at = view->count - 1;
  if (view->count) desk->layer = view->order[at < 0 ? 0 : at];
}

static void command(bd_view *view, bd_desk *desk, int id) {
  update(view, desk->session);
  int at = place_of(view, desk->layer), page = view->rows > 1 ? view->rows : 1;
  const int steps[] = {[UP] = -1, [DOWN] = 1, [PAGE_UP] = -page, [PAGE_DOWN] = page};
  if (id <= PAGE_DOWN) move_to(view, desk, at + steps[id]);
  if (id == SORT_NEXT) view->sort = (view->sort + 1) % (BD_BITS_MAX + 1);
  if (id == SORT_PREVIOUS) view->sort = (view->sort + BD_BITS_MAX) % (BD_BITS_MAX + 1);
  if (id == REVERSE) view->reverse = !view->reverse;
  if (id == JUMP) desk->to_table = true;
  if (id == MEASURE) {
    view->measure = (quantity)((view->measure + 1) % MEASURES);
    bd_desk_say(desk, "the map says: %s", measure_names[view->measure]);
  }
  if (id >= SORT_NEXT && id <= REVERSE) {
    update(view, desk->session);
    if (view->sort)
      bd_desk_say(desk, "the map is sorted by %s at %d bits, %s first",
                  measure_names[view->measure], view->sort,
                  view->reverse ? "the best" : "the worst");
    else
      bd_desk_say(desk, "the map is in the model's order");
  }
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)column;
  if (!view->order) return;
  if (wheel)
    move_to(view, desk, place_of(view, desk->layer) + wheel);
  else if (row >= 1 && view->top + row - 1 < view->count)
    move_to(view, desk, view->top + row - 1);
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  if (!bd_desk_state(desk)) return;
  for (int bits = 1; bits <= BD_BITS_MAX && used < size; bits++)
    used += (size_t)snprintf(out + used, size - used, "%s%.6g", bits > 1 ? " " : "",
                             value_of(view, desk->session, desk->layer, bits));
}

const bd_view_class bd_sensitivity_view = {
    .name = "sensitivity",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_map,
    .close = close_map,
    .draw = draw,
    .title = title,
    .wants = wants,
    .command = command,
    .mouse = mouse,
    .signs = "what every layer costs at 1 to 8 bits: SQNR in dB (== exact), or KL and top-1 in "
             "hundredths; ▸ as it is set; brighter costs more",
    .copy = copy,
};
