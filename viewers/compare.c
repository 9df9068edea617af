#include "viewers/compare.h"

#include "viewers/shared.h"
#include "viewers/sides.h"
#include "viewers/spots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOTAL_ROWS = 2, HEAD_ROWS = 3, DETAIL_FROM = 8, NAME_LEAST = 8 };

struct bd_view {
  bd_side_column sort; // BD_SIDE_TENSOR: the model's order
  bool reverse;
  int *order; // layers as they are shown. Owned.
  int count, top, rows;
  int at[BD_SIDE_COLUMNS + 1]; // where each column ends, as drawn last; 0: left out
};

enum { UP, DOWN, PAGE_UP, PAGE_DOWN, SORT_NEXT, SORT_PREVIOUS, REVERSE, JUMP, NEXT };

static const bd_command commands[] = {
    {"compare-up", "<up> k", NULL, "the layer above in the comparison", UP},
    {"compare-down", "<down> j", NULL, "the layer below in the comparison", DOWN},
    {"compare-page-up", "<pgup> <c-u>", NULL, "a page up in the comparison", PAGE_UP},
    {"compare-page-down", "<pgdn> <c-d>", NULL, "a page down in the comparison", PAGE_DOWN},
    {"compare-sort-next", ">", "sort", "sort the comparison by the column to the right", SORT_NEXT},
    {"compare-sort-previous", "<", NULL, "sort the comparison by the column to the left",
     SORT_PREVIOUS},
    {"compare-reverse", "S", NULL, "turn the order of the comparison around", REVERSE},
    {"compare-jump", "<enter>", "to table", "go to the layer in the table", JUMP},
    {"compare-next", "x", "next pin", "compare with the next pin", NEXT},
};

static bd_view *open_compare(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_compare(bd_view *view) {
  if (!view) return;
  free(view->order);
  free(view);
}

// --- with what -----------------------------------------------------------------------------------

// The pin after the letter, around; NULL: there is none.
static const bd_seen *pin_after(const bd_session *session, char letter) {
  const bd_seen *next = NULL, *first = NULL;
  for (int i = 0; i < bd_session_seen_count(session); i++) {
    const bd_seen *seen = bd_session_seen(session, i);
    if (!seen->pin) continue;
    if (!first || seen->pin < first->pin) first = seen;
    if (seen->pin > letter && (!next || seen->pin < next->pin)) next = seen;
  }
  return next ? next : first;
}

// What was chosen, as long as it is pinned; else the first pin.
static const bd_seen *other_side(const bd_desk *desk) {
  int index = bd_session_seen_find(desk->session, desk->compare);
  const bd_seen *chosen = index < 0 ? NULL : bd_session_seen(desk->session, index);
  return chosen && chosen->pin ? chosen : pin_after(desk->session, 0);
}

// --- order ---------------------------------------------------------------------------------------

typedef struct place {
  double value;
  int layer;
  bool reverse;
} place;

// What is not known stands at the end.
static int by_value(const void *a, const void *b) {
  const place *x = a, *y = b;
  bool known = !isnan(x->value), also = !isnan(y->value);
  if (known != also) return known ? -1 : 1;
  if (known && x->value != y->value) return (x->value < y->value) == x->reverse ? 1 : -1;
  return x->layer - y->layer;
}

static void sort_layers(bd_view *view, const bd_session *session, const bd_seen *other) {
  place *places = calloc((size_t)view->count + 1, sizeof *places);
  for (int i = 0; places && i < view->count; i++) {
    bool refused = bd_session_layer(session, i)->refused != NULL;
    double value = view->sort == BD_SIDE_TENSOR ? i
                   : refused                    ? NAN
                                                : bd_side_value(session, other, i, view->sort);
    places[i] = (place){value, i, view->reverse};
  }
  if (places) qsort(places, (size_t)view->count, sizeof *places, by_value);
  for (int i = 0; i < view->count; i++)
    view->order[i] = places ? places[i].layer : i;
  free(places);
}

static bool update(bd_view *view, const bd_session *session, const bd_seen *other) {
  int count = bd_session_count(session);
  if (view->count != count || !view->order) {
    free(view->order);
    view->order = calloc((size_t)count + 1, sizeof *view->order);
    view->count = view->order ? count : 0;
  }
  if (view->order && other) sort_layers(view, session, other);
  return other && view->count > 0;
}

static int place_of(const bd_view *view, int layer) {
  for (int i = 0; i < view->count; i++)
    if (view->order[i] == layer) return i;
  return 0;
}

// --- drawing -------------------------------------------------------------------------------------

static const int widths[BD_SIDE_COLUMNS] = {0, 5, 4, 6, 6, 8, 8, 6, 6};
static const char *const heads[] = {"tensor", "bits", "", "prune", "", "SQNR", "", "size", ""};

// Leaves prune ratios out first, then sizes, where the names would not fit.
static int plan(bd_view *view, int columns) {
  int room = columns, left_out = 0;
  static const bd_side_column least_wanted[] = {BD_SIDE_PRUNE, BD_SIDE_SIZE};
  bool shown[BD_SIDE_COLUMNS];
  for (int i = 1; i < BD_SIDE_COLUMNS; i++) {
    shown[i] = true;
    room -= widths[i];
  }
  for (; left_out < 2 && room < NAME_LEAST + 2; left_out++) {
    bd_side_column pair = least_wanted[left_out];
    shown[pair] = shown[pair + 1] = false;
    room += widths[pair] + widths[pair + 1];
  }
  int end = room;
  for (int i = 1; i < BD_SIDE_COLUMNS; i++)
    view->at[i] = shown[i] ? end += widths[i] : 0;
  return room;
}

// "A fast.json".
static char *label_of(const bd_seen *seen, bool ascii, char *out, size_t size) {
  char name[256];
  bd_show_name(name, sizeof name, seen->name, ascii);
  snprintf(out, size, "%c%s%s", seen->pin, *name ? " " : "", name);
  return out;
}

static void draw_total(const bd_spot *spot, const char *label, const char *mark, bd_area area,
                       int row) {
  char size[BD_SHOW_SIZE], sqnr[BD_SHOW_SIZE], kl[BD_SHOW_SIZE], top1[BD_SHOW_SIZE];
  bd_role role = *mark ? BD_ROLE_STALE : BD_ROLE_TEXT;
  bd_put(area, 1, row, (uint32_t)label[0], label[0] == '@' ? BD_ROLE_FOCUS : BD_ROLE_MARKED);
  int at = 3;
  if (isnan(spot->bytes))
    at = bd_print(area, at, row, BD_ROLE_DIM, "being computed …");
  else
    at = bd_printf(area, at, row, role, "%s%5s  %.2f bits/w  %s", mark,
                   bd_show_bytes(size, spot->bytes), spot->bits_per_weight,
                   bd_show_sqnr(sqnr, spot->sqnr_db));
  if (!isnan(spot->kl)) at = bd_printf(area, at, row, role, "  KL %s", bd_show_kl(kl, spot->kl));
  if (!isnan(spot->top1))
    at = bd_printf(area, at, row, role, "  %s", bd_show_share(top1, spot->top1));
  bd_print_start(area, at + 2, row, BD_ROLE_DIM, label + 1 + (label[1] == ' '));
}

static void draw_totals(const bd_desk *desk, const bd_seen *other, bd_area area) {
  char label[300];
  bd_totals totals = bd_session_totals(desk->session);
  int now = bd_session_seen_now(desk->session);
  bd_spot own = {.bytes = totals.layers ? totals.bytes : NAN,
                 .bits_per_weight = totals.bits_per_weight,
                 .sqnr_db = totals.sqnr_db,
                 .kl = NAN,
                 .top1 = NAN};
  if (now >= 0) own = bd_spot_of(desk->session, bd_session_seen(desk->session, now));
  draw_total(&own, "@ as it is", now >= 0 ? "" : "~", area, 0);
  bd_spot spot = bd_spot_of(desk->session, other);
  draw_total(&spot, label_of(other, bd_canvas_ascii(area.canvas), label, sizeof label), "", area,
             1);
}

static void draw_head(const bd_view *view, const bd_seen *other, bd_area area) {
  uint32_t arrow = bd_glyph_sign(area.canvas, view->reverse ? BD_SIGN_DOWN : BD_SIGN_UP);
  bd_tint(area, 0, TOTAL_ROWS, area.columns, BD_ROLE_HEADER);
  bd_print(area, 1, TOTAL_ROWS, BD_ROLE_HEADER, heads[0]);
  for (int i = 1; i < BD_SIDE_COLUMNS; i++) {
    const char letter[2] = {other->pin, '\0'};
    const char *head = bd_side_is_other((bd_side_column)i) ? letter : heads[i];
    if (!view->at[i]) continue;
    bd_print_right(area, view->at[i], TOTAL_ROWS, BD_ROLE_HEADER, head);
    if ((int)view->sort == i)
      bd_put(area, view->at[i] - (int)strlen(head) - 1, TOTAL_ROWS, arrow, BD_ROLE_HEADER);
  }
}

// Is the other side's value the better one? Bits and prune ratios are neither.
static bd_role role_of(bd_side_column column, double own, double other) {
  if (isnan(own) || isnan(other)) return BD_ROLE_TEXT;
  if (column < BD_SIDE_SQNR) return BD_ROLE_CHANGED;
  return (other > own) == (column == BD_SIDE_OTHER_SQNR) ? BD_ROLE_GOOD : BD_ROLE_BAD;
}

static void draw_cell(const bd_view *view, const bd_desk *desk, const bd_seen *other, int layer,
                      bd_side_column column, bd_area area, int row) {
  char text[BD_SHOW_SIZE];
  double value = bd_side_value(desk->session, other, layer, column);
  bd_role role = bd_side_differs(desk->session, other, layer) ? BD_ROLE_TEXT : BD_ROLE_DIM;
  bd_side_show(text, value, column);
  if (bd_side_is_other(column)) {
    double own = bd_side_value(desk->session, other, layer, column - 1);
    if (own == value)
      strcpy(text, "=");
    else
      role = role_of(column, own, value);
    if (own == value) role = BD_ROLE_DIM;
  }
  bd_print_right(area, view->at[column], row, role, *text ? text : "···");
}

static void draw_layer(const bd_view *view, const bd_desk *desk, const bd_seen *other, int layer,
                       int names, bd_area area, int row) {
  const bd_layer *about = bd_model_layer(bd_session_model(desk->session), layer);
  const bd_layer_state *state = bd_session_layer(desk->session, layer);
  bool differs = bd_side_differs(desk->session, other, layer);
  char name[512], brief[512];
  bd_show_name(name, sizeof name, about->tensor, bd_canvas_ascii(area.canvas));
  bd_print(area, 1, row, differs ? BD_ROLE_TEXT : BD_ROLE_DIM,
           bd_show_short(brief, sizeof brief, name, names - 2));
  if (state->refused)
    bd_print_start(area, names, row, BD_ROLE_DIM, "cannot be quantized");
  else
    for (int i = 1; i < BD_SIDE_COLUMNS; i++)
      if (view->at[i]) draw_cell(view, desk, other, layer, (bd_side_column)i, area, row);
  if (layer != desk->layer) return;
  bd_put(area, 0, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
  bd_tint(area, 0, row, names - 1, BD_ROLE_CURSOR);
}

static void draw_detail(const bd_desk *desk, const bd_seen *other, bd_area area) {
  char text[512];
  int layer = desk->layer;
  if (layer < 0 || bd_session_layer(desk->session, layer)->refused) return;
  bd_side_difference(desk->session, other, layer, text, sizeof text);
  bd_print_start(area, 1, area.rows - 1, *text ? BD_ROLE_CHANGED : BD_ROLE_DIM,
                 *text ? text : "this layer is the same");
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused;
  const bd_seen *other = other_side(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  if (!update(view, desk->session, other)) {
    bd_print_wrapped(area, BD_ROLE_DIM,
                     "nothing to compare with yet: P pins the configuration as it is, "
                     ":compare FILE takes a config in");
    return;
  }
  bool detail = area.rows >= DETAIL_FROM;
  view->rows = area.rows - HEAD_ROWS - detail;
  int names = plan(view, area.columns), at = place_of(view, desk->layer);
  if (at < view->top) view->top = at;
  if (at >= view->top + view->rows) view->top = at - view->rows + 1;
  if (view->top > view->count - view->rows) view->top = view->count - view->rows;
  if (view->top < 0) view->top = 0;
  draw_totals(desk, other, area);
  draw_head(view, other, area);
  for (int i = 0; i < view->rows && view->top + i < view->count; i++)
    draw_layer(view, desk, other, view->order[view->top + i], names, area, HEAD_ROWS + i);
  if (detail) draw_detail(desk, other, area);
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  char label[300];
  int differing = 0;
  const bd_seen *other = other_side(desk);
  (void)view;
  if (!other) return;
  for (int i = 0; i < bd_session_count(desk->session); i++)
    differing += bd_side_differs(desk->session, other, i);
  if (columns < 30)
    snprintf(out, size, "@ %c  %d differ", other->pin, differing);
  else
    snprintf(out, size, "@ with %s  %d layer%s differ%s",
             label_of(other, ascii, label, sizeof label), differing, differing == 1 ? "" : "s",
             differing == 1 ? "s" : "");
}

// --- keys ----------------------------------------------------------------------------------------

static void move_to(const bd_view *view, bd_desk *desk, int at) {
  if (at >= view->count) at = view->count - 1;
  if (view->count) desk->layer = view->order[at < 0 ? 0 : at];
}

static void next_pin(bd_desk *desk) {
  char label[300];
  const bd_seen *other = other_side(desk);
  const bd_seen *next = pin_after(desk->session, other ? other->pin : 0);
  if (!next) {
    bd_desk_say(desk, "nothing is pinned: P pins the configuration as it is");
    return;
  }
  desk->compare = next->id;
  bd_desk_say(desk, "compared with %s", label_of(next, false, label, sizeof label));
}

static void sort_by(bd_view *view, bd_desk *desk, int column, bool reverse) {
  const char *of = bd_side_is_other((bd_side_column)column) ? " of the other" : "";
  int head = of[0] ? column - 1 : column;
  view->sort = (bd_side_column)column;
  view->reverse = reverse;
  if (column == BD_SIDE_TENSOR)
    bd_desk_say(desk, "the comparison is in the model's order");
  else
    bd_desk_say(desk, "the comparison is sorted by %s%s, %s", heads[head], of,
                reverse ? "falling" : "rising");
}

static void command(bd_view *view, bd_desk *desk, int id) {
  update(view, desk->session, other_side(desk));
  int at = place_of(view, desk->layer), page = view->rows > 1 ? view->rows : 1;
  const int steps[] = {[UP] = -1, [DOWN] = 1, [PAGE_UP] = -page, [PAGE_DOWN] = page};
  int sort = (int)view->sort;
  if (id <= PAGE_DOWN) move_to(view, desk, at + steps[id]);
  if (id == SORT_NEXT) sort_by(view, desk, (sort + 1) % BD_SIDE_COLUMNS, view->reverse);
  if (id == SORT_PREVIOUS)
    sort_by(view, desk, (sort + BD_SIDE_COLUMNS - 1) % BD_SIDE_COLUMNS, view->reverse);
  if (id == REVERSE) sort_by(view, desk, sort, !view->reverse);
  if (id == JUMP) desk->to_table = true;
  if (id == NEXT) next_pin(desk);
}

static void click_head(bd_view *view, bd_desk *desk, int column) {
  int clicked = BD_SIDE_TENSOR;
  for (int i = BD_SIDE_COLUMNS - 1; i > 0; i--)
    if (view->at[i] && column < view->at[i] && column >= view->at[i] - widths[i]) clicked = i;
  sort_by(view, desk, clicked, clicked == (int)view->sort ? !view->reverse : view->reverse);
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  if (!update(view, desk->session, other_side(desk))) return;
  if (wheel)
    move_to(view, desk, place_of(view, desk->layer) + wheel);
  else if (row == TOTAL_ROWS)
    click_head(view, desk, column);
  else if (row >= HEAD_ROWS && view->top + row - HEAD_ROWS < view->count)
    move_to(view, desk, view->top + row - HEAD_ROWS);
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  const bd_seen *other = other_side(desk);
  (void)view;
  if (other && desk->layer >= 0) bd_side_difference(desk->session, other, desk->layer, out, size);
}

const bd_view_class bd_compare_view = {
    .name = "compare",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_compare,
    .close = close_compare,
    .draw = draw,
    .title = title,
    .command = command,
    .mouse = mouse,
    .signs = "the layers as they are (@), and beside them as a pin has them: = the same. x takes "
             "the next pin; the last row names every field of the layer in hand that differs",
    .copy = copy,
};
