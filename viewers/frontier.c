#include "viewers/frontier.h"

#include "viewers/shared.h"
#include "viewers/show.h"
#include "viewers/spots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  BESIDE = 72, // columns from which the list stands beside the picture
  LIST_COLUMNS = 38,
  BELOW = 16,        // rows from which it stands below it
  MARGIN = 7,        // columns of the values on the left
  PICTURE_LEAST = 4, // rows, with axis and sizes
};

struct bd_view {
  bd_measure measure;
  uint64_t id; // the point in hand: a configuration; 0: `bits`, or where the session is
  int bits;    // of a reference in hand; 0: none
  int top;     // of the list
  bd_area panel, picture, list; // as drawn last
  double low, high;             // values at the picture's lower and upper edge
  double least, most;           // bytes at its sides
};

enum { LARGER, SMALLER, LARGEST, SMALLEST, ADOPT, PIN, MEASURE, HOME };

static const bd_command commands[] = {
    {"larger", "<up> k <right> l", NULL, "the next larger configuration", LARGER},
    {"smaller", "<down> j <left> h", "smaller", "the next smaller configuration", SMALLER},
    {"largest", "<end> G", NULL, "the largest configuration", LARGEST},
    {"smallest", "<home> g", NULL, "the smallest configuration", SMALLEST},
    {"adopt", "<enter>", "take it", "give all layers that are not locked its settings", ADOPT},
    {"pin-point", "P", "pin", "pin the configuration in hand, or unpin it", PIN},
    {"frontier-measure", "v", "measure", "size against SQNR, KL or top-1", MEASURE},
    {"here", "0", NULL, "back to where the session is", HOME},
};

static const char *const names[] = {"SQNR", "KL", "top-1"};

// Without labels the network is held against the float one, which is no top-1.
static bool is_agreement(const bd_desk *desk, bd_measure measure) {
  const bd_evaluation *e = &bd_session_live(desk->session)->figures;
  return measure == BD_BY_TOP1 && e->agreement.count > 0 && e->real.top1.count == 0;
}

static const char *name_of(const bd_desk *desk, bd_measure measure) {
  return is_agreement(desk, measure) ? "same class" : names[measure];
}

static bd_view *open_frontier(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_frontier(bd_view *view) {
  free(view);
}

// The place of the point in hand; where it is gone, of the session's own; -1: there is none.
static int place_of(const bd_view *view, const bd_spots *spots) {
  int now = -1;
  for (int i = 0; i < spots->count; i++) {
    const bd_spot *spot = &spots->list[i];
    if (view->id ? spot->id == view->id : view->bits && spot->bits == view->bits) return i;
    if (spot->now) now = i;
  }
  return now < 0 ? spots->count - 1 : now;
}

static void take(bd_view *view, const bd_spot *spot) {
  view->id = spot->now ? 0 : spot->id;
  view->bits = spot->bits;
}

// --- the picture ---------------------------------------------------------------------------------

// Higher is better. KL by its logarithm, from a ten-thousandth on.
static double height_of(const bd_spot *spot, bd_measure measure) {
  double value = bd_spot_value(spot, measure);
  if (measure == BD_BY_KL) return -log10(fmax(value, 1e-4));
  return isinf(value) ? (value > 0 ? 100 : -100) : value;
}

static void fit(bd_view *view, const bd_spots *spots) {
  view->low = view->least = INFINITY;
  view->high = view->most = -INFINITY;
  for (int i = 0; i < spots->count; i++) {
    double height = height_of(&spots->list[i], view->measure);
    view->low = fmin(view->low, height);
    view->high = fmax(view->high, height);
    view->least = fmin(view->least, spots->list[i].bytes);
    view->most = fmax(view->most, spots->list[i].bytes);
  }
}

// A value's cell of so many; the middle where all are the same.
static int cell_of(double value, double low, double high, int cells) {
  double share = high > low ? (value - low) / (high - low) : 0.5;
  return (int)lround(share * (cells - 1));
}

static void cell_at(const bd_view *view, const bd_spot *spot, int *column, int *row) {
  double height = height_of(spot, view->measure);
  *column = cell_of(spot->bytes, view->least, view->most, view->picture.columns);
  *row = view->picture.rows - 1 - cell_of(height, view->low, view->high, view->picture.rows);
}

// A measure at the edge of the picture.
static void show_height(char out[BD_SHOW_SIZE], bd_measure measure, double height) {
  if (measure == BD_BY_SQNR) bd_show_sqnr(out, height);
  if (measure == BD_BY_KL) snprintf(out, BD_SHOW_SIZE, "KL%.2g", pow(10, -height));
  if (measure == BD_BY_TOP1) snprintf(out, BD_SHOW_SIZE, "%.1f%%", 100 * height);
}

static void draw_axes(const bd_view *view, bd_area area) {
  char text[BD_SHOW_SIZE];
  int rows = view->picture.rows;
  bd_rule(area, MARGIN - 1, 0, rows, true, BD_ROLE_RULE);
  bd_rule(area, MARGIN, rows, view->picture.columns, false, BD_ROLE_RULE);
  bd_put(area, MARGIN - 1, rows, bd_glyph_line(area.canvas, BD_EDGE_UP | BD_EDGE_RIGHT),
         BD_ROLE_RULE);
  show_height(text, view->measure, view->high);
  bd_print_right(area, MARGIN - 1, 0, BD_ROLE_DIM, text);
  show_height(text, view->measure, view->low);
  if (view->high > view->low) bd_print_right(area, MARGIN - 1, rows - 1, BD_ROLE_DIM, text);
  bd_print(area, MARGIN, rows + 1, BD_ROLE_DIM, bd_show_bytes(text, view->least));
  if (view->most > view->least)
    bd_print_right(area, area.columns, rows + 1, BD_ROLE_DIM, bd_show_bytes(text, view->most));
}

// The line's stairs: what one can have at most for so many bytes.
static void draw_line(const bd_view *view, const bd_spots *spots) {
  uint32_t dot = bd_glyph_sign(view->picture.canvas, BD_SIGN_DOT);
  int column = 0, row = -1;
  for (int i = 0; i < spots->count; i++) {
    if (!spots->list[i].on_line) continue;
    int to, level;
    cell_at(view, &spots->list[i], &to, &level);
    for (; row >= 0 && column < to; column++)
      bd_put(view->picture, column, row, dot, BD_ROLE_LEVEL);
    for (; row > level; row--)
      bd_put(view->picture, to, row, dot, BD_ROLE_LEVEL);
    column = to;
    row = level;
  }
  for (; row >= 0 && column < view->picture.columns; column++)
    bd_put(view->picture, column, row, dot, BD_ROLE_LEVEL);
}

static bd_role role_of(const bd_spot *spot) {
  if (spot->now) return BD_ROLE_FOCUS;
  if (spot->pin) return BD_ROLE_MARKED;
  if (!spot->id) return BD_ROLE_BEFORE;
  return spot->on_line ? BD_ROLE_GOOD : BD_ROLE_DIM;
}

// What lies over the others: references at the bottom, then those that are beaten, the line, pins.
static int rank_of(const bd_spot *spot) {
  if (spot->now) return 4;
  if (spot->pin) return 3;
  return spot->id ? 1 + spot->on_line : 0;
}

static void draw_picture(bd_view *view, const bd_spots *spots, int place, bd_area area) {
  if (area.rows < PICTURE_LEAST || area.columns < MARGIN + 4) return;
  view->picture = bd_area_part(area, MARGIN, 0, area.columns - MARGIN, area.rows - 2);
  fit(view, spots);
  draw_axes(view, area);
  draw_line(view, spots);
  for (int rank = 0; rank <= 4; rank++)
    for (int i = 0; i < spots->count; i++) {
      int column, row;
      const bd_spot *spot = &spots->list[i];
      if (rank_of(spot) != rank) continue;
      cell_at(view, spot, &column, &row);
      bd_put(view->picture, column, row, (uint32_t)bd_spot_sign(spot), role_of(spot));
    }
  int column, row;
  cell_at(view, &spots->list[place], &column, &row);
  bd_put(view->picture, column, row, (uint32_t)bd_spot_sign(&spots->list[place]), BD_ROLE_CURSOR);
}

// --- the list ------------------------------------------------------------------------------------

static void draw_head(const bd_view *view, const bd_desk *desk, bd_area area) {
  static const int ends[] = {24, 31, 37};
  bd_tint(area, 0, 0, area.columns, BD_ROLE_HEADER);
  bd_print_right(area, 9, 0, BD_ROLE_HEADER, "size");
  bd_print_right(area, 16, 0, BD_ROLE_HEADER, "bits/w");
  for (int i = 0; i < BD_BY_COUNT; i++) {
    const char *head = is_agreement(desk, (bd_measure)i) ? "same" : names[i];
    bd_print_right(area, ends[i], 0, BD_ROLE_HEADER, head);
    if ((int)view->measure == i)
      bd_put(area, ends[i] - bd_show_columns(head) - 1, 0,
             bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_HEADER);
  }
}

static void draw_row(const bd_desk *desk, const bd_spot *spot, bool in_hand, bd_area area,
                     int row) {
  char text[BD_SHOW_SIZE], name[256];
  bd_put(area, 2, row, (uint32_t)bd_spot_sign(spot), role_of(spot));
  if (spot->now && spot->pin) bd_put(area, 3, row, (uint32_t)spot->pin, BD_ROLE_MARKED);
  bd_print_right(area, 9, row, BD_ROLE_TEXT, bd_show_bytes(text, spot->bytes));
  snprintf(text, sizeof text, "%.2f", spot->bits_per_weight);
  bd_print_right(area, 16, row, BD_ROLE_TEXT, text);
  bd_print_right(area, 24, row, BD_ROLE_TEXT, bd_show_sqnr(text, spot->sqnr_db));
  bd_print_right(area, 31, row, BD_ROLE_TEXT, bd_show_kl(text, spot->kl));
  bd_print_right(area, 37, row, BD_ROLE_TEXT, bd_show_share(text, spot->top1));
  int index = spot->id ? bd_session_seen_find(desk->session, spot->id) : -1;
  if (index >= 0)
    bd_print_start(area, 39, row, BD_ROLE_DIM,
                   bd_show_name(name, sizeof name, bd_session_seen(desk->session, index)->name,
                                bd_canvas_ascii(area.canvas)));
  else if (area.columns >= LIST_COLUMNS + 8)
    bd_printf(area, 39, row, BD_ROLE_DIM, "%d bit%s", spot->bits, spot->bits == 1 ? "" : "s");
  if (!in_hand) return;
  bd_put(area, 0, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
  bd_tint(area, 0, row, area.columns, BD_ROLE_CURSOR);
}

// The largest on top, as in the picture.
static void draw_list(bd_view *view, const bd_desk *desk, const bd_spots *spots, int place,
                      bd_area area) {
  int rows = area.rows - 1, at = spots->count - 1 - place;
  if (rows <= 0) return;
  view->list = area;
  if (at < view->top) view->top = at;
  if (at >= view->top + rows) view->top = at - rows + 1;
  if (view->top > spots->count - rows) view->top = spots->count - rows;
  if (view->top < 0) view->top = 0;
  draw_head(view, desk, area);
  for (int i = 0; i < rows && view->top + i < spots->count; i++) {
    int next = spots->count - 1 - view->top - i;
    draw_row(desk, &spots->list[next], next == place, area, 1 + i);
  }
}

// --- the panel -----------------------------------------------------------------------------------

static void draw_empty(const bd_desk *desk, bd_area area) {
  const char *text = "the settings are being computed …";
  if (bd_session_seen_count(desk->session) > 0)
    text = "not measured yet: v shows another measure; --data brings KL and top-1";
  bd_print_wrapped(area, BD_ROLE_DIM, text);
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  bd_spots spots;
  int left_out;
  (void)focused;
  view->panel = area;
  view->picture = view->list = (bd_area){0};
  if (area.columns <= 0 || area.rows <= 0) return;
  bd_spots_gather(desk->session, view->measure, &spots, &left_out);
  int place = place_of(view, &spots);
  bool beside = area.columns >= BESIDE, below = !beside && area.rows >= BELOW;
  int list = below ? area.rows * 2 / 5 : 0, width = area.columns - (beside ? LIST_COLUMNS + 10 : 0);
  if (beside && width < area.columns / 3) width = area.columns - LIST_COLUMNS - 1;
  if (place < 0) {
    draw_empty(desk, area);
  } else {
    draw_picture(view, &spots, place, bd_area_part(area, 0, 0, width, area.rows - list));
    if (beside)
      draw_list(view, desk, &spots, place,
                bd_area_part(area, width + 1, 0, area.columns - width - 1, area.rows));
    if (below)
      draw_list(view, desk, &spots, place,
                bd_area_part(area, 0, area.rows - list, area.columns, list));
  }
  free(spots.list);
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  bd_spots spots;
  int left_out, seen = bd_session_seen_count(desk->session);
  (void)ascii;
  bd_spots_gather(desk->session, view->measure, &spots, &left_out);
  if (columns >= 36)
    snprintf(out, size, "size against %s: %d seen, %d on the line", name_of(desk, view->measure),
             seen, spots.on_line);
  else
    snprintf(out, size, "%s: %d seen", name_of(desk, view->measure), seen);
  free(spots.list);
}

static unsigned wants(int columns, int rows) {
  return columns > MARGIN && rows > PICTURE_LEAST ? BD_WANT_CURVES : 0;
}

// --- keys ----------------------------------------------------------------------------------------

static void adopt(const bd_spot *spot, bd_desk *desk) {
  int held, changed;
  char kept[64] = "";
  int index = spot->id ? bd_session_seen_find(desk->session, spot->id) : -1;
  changed = index >= 0 ? bd_session_adopt(desk->session, index, &held)
                       : bd_session_adopt_bits(desk->session, spot->bits, &held);
  if (held) snprintf(kept, sizeof kept, ", %d locked one%s kept", held, held == 1 ? "" : "s");
  if (changed)
    bd_desk_say(desk, "%d layer%s changed%s; u takes it back", changed, changed == 1 ? "" : "s",
                kept);
  else
    bd_desk_say(desk, held ? "all layers that differ are locked" : "that is as the layers are");
}

static void pin(const bd_spot *spot, bd_desk *desk) {
  bd_error err;
  int index = spot->id ? bd_session_seen_find(desk->session, spot->id) : -1;
  if (index < 0)
    bd_desk_say(desk, "Enter takes the %d bits; then P pins them", spot->bits);
  else if (bd_desk_pin(desk, index, NULL, &err) != BD_OK)
    bd_desk_fail(desk, "%s", err.text);
}

static void next_measure(bd_view *view, bd_desk *desk) {
  view->measure = (bd_measure)((view->measure + 1) % BD_BY_COUNT);
  bd_desk_say(desk, "size against %s", name_of(desk, view->measure));
}

static void command(bd_view *view, bd_desk *desk, int id) {
  bd_spots spots;
  int left_out;
  bd_spots_gather(desk->session, view->measure, &spots, &left_out);
  int place = place_of(view, &spots), last = spots.count - 1;
  const int to[] = {[LARGER] = place + 1, [SMALLER] = place - 1, [LARGEST] = last, [SMALLEST] = 0};
  if (id == MEASURE) next_measure(view, desk);
  if (id == HOME) take(view, &(bd_spot){.now = true});
  if (id <= SMALLEST && to[id] >= 0 && to[id] <= last) take(view, &spots.list[to[id]]);
  if (id == ADOPT && place >= 0) adopt(&spots.list[place], desk);
  if (id == PIN && place >= 0) pin(&spots.list[place], desk);
  free(spots.list);
}

// The point nearest to a cell of the picture.
static int nearest(const bd_view *view, const bd_spots *spots, int column, int row) {
  int best = -1, least = 0;
  for (int i = 0; i < spots->count; i++) {
    int x, y;
    cell_at(view, &spots->list[i], &x, &y);
    int far = abs(x - column) + 2 * abs(y - row);
    if (best >= 0 && far >= least) continue;
    best = i;
    least = far;
  }
  return best;
}

// Makes a cell of the panel one of the part's; false where it is not in it.
static bool inside(const bd_view *view, bd_area part, int *column, int *row) {
  *column += view->panel.column - part.column;
  *row += view->panel.row - part.row;
  return *column >= 0 && *row >= 0 && *column < part.columns && *row < part.rows;
}

static int place_at(const bd_view *view, const bd_spots *spots, int column, int row) {
  int x = column, y = row;
  if (inside(view, view->picture, &x, &y)) return nearest(view, spots, x, y);
  x = column;
  y = row;
  bool listed = inside(view, view->list, &x, &y) && y > 0;
  return listed ? spots->count - view->top - y : -1;
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  bd_spots spots;
  int left_out;
  bd_spots_gather(desk->session, view->measure, &spots, &left_out);
  int place = wheel ? place_of(view, &spots) - wheel : place_at(view, &spots, column, row);
  if (place >= 0 && place < spots.count) take(view, &spots.list[place]);
  free(spots.list);
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  bd_spots spots;
  int left_out;
  bd_spots_gather(desk->session, view->measure, &spots, &left_out);
  int place = place_of(view, &spots);
  const bd_spot *spot = place < 0 ? NULL : &spots.list[place];
  if (spot)
    snprintf(out, size, "%.17g %.17g %.17g %.17g", spot->bytes, spot->sqnr_db, spot->kl,
             spot->top1);
  free(spots.list);
}

const bd_view_class bd_frontier_view = {
    .name = "frontier",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_frontier,
    .close = close_frontier,
    .draw = draw,
    .title = title,
    .wants = wants,
    .command = command,
    .mouse = mouse,
    .signs =
        "every configuration seen, size against what v chooses, better is higher: @ where you "
        "are, A to Z pins (P; w saves them with the config), * on the Pareto line, . beaten by "
        "another, 1 to 8 the same bits everywhere. y copies bytes, SQNR, KL, top-1. Without "
        "labels: same, how often the class is the float network's",
    .copy = copy,
};
