// The layer table.
#include "viewers/layers.h"

#include "core/base/text.h"
#include "core/session/live.h"
#include "viewers/columns.h"
#include "viewers/match.h"
#include "viewers/order.h"
#include "viewers/shared.h"
#include "viewers/show.h"
#include "viewers/spark.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_ROWS = 1, WHEEL_ROWS = 3 };

struct bd_view {
  bd_order order;
  bd_plan plan; // of the last draw
  bd_longest longest;
  int measured;                         // layers that `longest` was taken over
  bd_spark *sparks;                     // one a layer
  int top, rows;                        // first place shown, places that fit
  int seen_hand, seen_first, seen_last; // what the session was told last
};

enum {
  FIRST,
  LAST,
  UP,
  DOWN,
  PAGE_UP,
  PAGE_DOWN,
  HALF_UP,
  HALF_DOWN,
  SORT_NEXT,
  SORT_PREVIOUS,
  REVERSE
};

static const bd_command commands[] = {
    {"up", "<up> k", NULL, "the layer above", UP},
    {"down", "<down> j", NULL, "the layer below", DOWN},
    {"page-up", "<pgup>", NULL, "a page up", PAGE_UP},
    {"page-down", "<pgdn>", NULL, "a page down", PAGE_DOWN},
    {"half-page-up", "<c-u>", NULL, "half a page up", HALF_UP},
    {"half-page-down", "<c-d>", NULL, "half a page down", HALF_DOWN},
    {"first", "<home> g", NULL, "the first layer", FIRST},
    {"last", "<end> G", NULL, "the last layer", LAST},
    {"sort-previous", "<", NULL, "sort by the column to the left; y copies from that column",
     SORT_PREVIOUS},
    {"sort-next", ">", "sort", "sort by the column to the right; y copies from that column",
     SORT_NEXT},
    {"sort-reverse", "S", NULL, "turn the order of the sort around", REVERSE},
};

static bd_view *open_layers(void) {
  bd_view *view = calloc(1, sizeof *view);
  if (view) view->seen_last = -1;
  return view;
}

static void close_layers(bd_view *view) {
  if (!view) return;
  bd_order_close(&view->order);
  free(view->sparks);
  free(view);
}

// --- what is shown ------------------------------------------------------------------------------

static void lengthen(int *longest, const char *text) {
  int columns = bd_show_columns(text);
  if (columns > *longest) *longest = columns;
}

// Widths that depend on the model: taken once, for names and shapes never change.
static void measure(bd_view *view, const bd_desk *desk, bool ascii) {
  const bd_model *model = bd_session_model(desk->session);
  int count = bd_session_count(desk->session);
  if (view->measured == count) return;
  bd_longest longest = {0};
  char text[512];
  for (int i = 0; i < count; i++) {
    const bd_layer *layer = bd_model_layer(model, i);
    lengthen(&longest.tensor, bd_show_name(text, sizeof text, layer->tensor, ascii));
    lengthen(&longest.op, bd_show_op(text, sizeof text, layer));
    lengthen(&longest.shape, bd_show_shape(text, sizeof text, layer));
    lengthen(&longest.weights, bd_text_count(text, sizeof text, layer->weights));
  }
  snprintf(text, sizeof text, "%d", count);
  lengthen(&longest.number, text);
  view->longest = longest;
  view->measured = count;
}

static void update(bd_view *view, const bd_desk *desk) {
  bd_order_update(&view->order, desk->session, desk->filter);
  if (!view->sparks && view->order.total > 0)
    view->sparks = calloc((size_t)view->order.total, sizeof *view->sparks);
}

// The place of the layer in hand; where the filter hides it, of the next one that is shown.
static int place_in_hand(const bd_view *view, const bd_desk *desk) {
  const bd_order *order = &view->order;
  if (desk->layer < 0 || desk->layer >= order->total || order->count == 0) return -1;
  for (int layer = desk->layer; layer < order->total; layer++)
    if (order->places[layer] >= 0) return order->places[layer];
  return order->count - 1;
}

static int clamp(int value, int least, int most) {
  return value > most ? (most < least ? least : most) : value < least ? least : value;
}

static void scroll(bd_view *view, int place) {
  int count = view->order.count;
  if (place >= 0) view->top = clamp(view->top, place - view->rows + 1, place);
  view->top = clamp(view->top, 0, count - view->rows);
}

// --- drawing ------------------------------------------------------------------------------------

static void draw_head(const bd_view *view, bd_area area) {
  uint32_t arrow = bd_glyph_sign(area.canvas, view->order.reverse ? BD_SIGN_DOWN : BD_SIGN_UP);
  bd_tint(area, 0, 0, area.columns, BD_ROLE_HEADER);
  for (int i = 0; i < BD_COLUMN_COUNT; i++) {
    bd_column column = (bd_column)i;
    int at = view->plan.at[i], width = view->plan.width[i];
    const char *title = bd_column_title(column);
    if (!width) continue;
    if (bd_column_right(column))
      bd_print_right(area, at + width, 0, BD_ROLE_HEADER, title);
    else
      bd_print_fit(area, at, 0, width, BD_ROLE_HEADER, title);
    if (column != view->order.sort || column == BD_COLUMN_NUMBER) continue;
    int length = bd_show_columns(title);
    int cell = bd_column_right(column) ? at + width - length - 1 : at + length;
    bd_put(area, cell, 0, arrow, BD_ROLE_HEADER);
  }
}

// A value that needs an index or a result, neither of which is there yet.
static const char *pending(const bd_layer_state *state) {
  return state->refused ? "–" : "···";
}

// What the dial and the result of a layer say; "" where that is not known yet.
static void value_text(const bd_layer_state *state, bd_column column, char value[BD_SHOW_SIZE]) {
  const bd_result *result = state->result;
  value[0] = '\0';
  if (column == BD_COLUMN_BITS) snprintf(value, BD_SHOW_SIZE, "%d", state->dial.setting.bits);
  if (column == BD_COLUMN_PRUNE) bd_show_prune(value, state->dial.setting.prune);
  if (column == BD_COLUMN_LOCAL && state->local_known) bd_show_sqnr(value, state->local_db);
  if (!result) return;
  if (column == BD_COLUMN_SQNR) bd_show_sqnr(value, result->sqnr_db);
  if (column == BD_COLUMN_OPTIMUM) bd_show_optimum(value, result);
  if (column == BD_COLUMN_SIZE) bd_show_bytes(value, result->bytes);
}

static void cell_text(const bd_desk *desk, int index, bd_column column, bool ascii, char *out,
                      size_t size) {
  const bd_layer *layer = bd_model_layer(bd_session_model(desk->session), index);
  const bd_layer_state *state = bd_session_layer(desk->session, index);
  const bd_survey *survey = bd_session_survey(desk->session);
  char value[BD_SHOW_SIZE];
  switch (column) {
  case BD_COLUMN_NUMBER:
    snprintf(out, size, "%d", index + 1);
    break;
  case BD_COLUMN_TENSOR:
    bd_show_name(out, size, layer->tensor, ascii);
    break;
  case BD_COLUMN_OP:
    bd_show_op(out, size, layer);
    break;
  case BD_COLUMN_SHAPE:
    bd_show_shape(out, size, layer);
    break;
  case BD_COLUMN_WEIGHTS:
    bd_text_count(out, size, layer->weights);
    break;
  case BD_COLUMN_MACS:
    snprintf(out, size, "%s", survey ? bd_show_macs(value, survey->macs[index]) : "···");
    break;
  default:
    value_text(state, column, value);
    snprintf(out, size, "%s", value[0] ? value : pending(state));
  }
}

// Is what the column shows of the setting before?
static bool is_stale(const bd_layer_state *state, bd_column column) {
  if (column == BD_COLUMN_LOCAL) return state->local_stale;
  bool of_result =
      column == BD_COLUMN_SQNR || column == BD_COLUMN_OPTIMUM || column == BD_COLUMN_SIZE;
  return of_result && state->stale && state->result;
}

static bd_role cell_role(const bd_layer_state *state, bd_column column) {
  const bd_setting *setting = &state->dial.setting;
  bd_setting usual = bd_setting_default();
  switch (column) {
  case BD_COLUMN_NUMBER:
  case BD_COLUMN_SHAPE:
    return BD_ROLE_DIM;
  case BD_COLUMN_BITS:
    return setting->bits != usual.bits ? BD_ROLE_CHANGED : BD_ROLE_TEXT;
  case BD_COLUMN_PRUNE:
    return setting->prune > 0 ? BD_ROLE_CHANGED : BD_ROLE_DIM;
  case BD_COLUMN_LOCAL:
    return is_stale(state, column) ? BD_ROLE_STALE
           : state->local_known    ? BD_ROLE_TEXT
                                   : BD_ROLE_DIM;
  case BD_COLUMN_SQNR:
  case BD_COLUMN_OPTIMUM:
  case BD_COLUMN_SIZE:
    if (!state->result) return BD_ROLE_DIM;
    if (is_stale(state, column)) return BD_ROLE_STALE;
    return column == BD_COLUMN_OPTIMUM && state->result->proved ? BD_ROLE_GOOD : BD_ROLE_TEXT;
  default:
    return BD_ROLE_TEXT;
  }
}

// The number, a gauge that keeps a gap to the row above at 8 bits, and the lock.
static void draw_bits(const bd_desk *desk, const bd_layer_state *state, bd_area area, int at,
                      int row) {
  char why[160];
  int bits = state->dial.setting.bits;
  bool warn =
      desk->target && !state->refused &&
      bd_format_warns(desk->target, desk->target_version, &state->dial.setting, why, sizeof why);
  bd_role role = warn ? BD_ROLE_WARN : cell_role(state, BD_COLUMN_BITS);
  bd_printf(area, at, row, role, "%2d", bits);
  if (bits <= BD_BITS_MAX) {
    int ramp = BD_ROLE_RAMP2 + clamp(bits, 2, BD_BITS_MAX) - 2;
    bd_put(area, at + 2, row, bd_glyph_bar(area.canvas, bits > 1 ? bits - 1 : 1), (bd_role)ramp);
  }
  if (state->dial.locked)
    bd_put(area, at + 3, row, bd_glyph_sign(area.canvas, BD_SIGN_LOCK), BD_ROLE_WARN);
  else if (warn)
    bd_put(area, at + 3, row, '!', BD_ROLE_WARN);
}

static void draw_spark(bd_view *view, const bd_layer_state *state, int index, bd_area area, int at,
                       int row) {
  if (!view->sparks) return;
  bd_spark *spark = &view->sparks[index];
  int width = view->plan.width[BD_COLUMN_SPARK];
  if (!spark->known && state->index) bd_spark_fill(spark, state->index);
  if (spark->known)
    bd_spark_draw(spark, area, at, row, width, BD_ROLE_SPARK);
  else
    bd_print(area, at, row, BD_ROLE_DIM, "···");
}

static void draw_cell(bd_view *view, const bd_desk *desk, int index, bd_column column, bd_area area,
                      int row) {
  const bd_layer_state *state = bd_session_layer(desk->session, index);
  int at = view->plan.at[column], width = view->plan.width[column];
  char text[512], brief[512];
  if (column == BD_COLUMN_BITS) {
    draw_bits(desk, state, area, at, row);
    return;
  }
  if (column == BD_COLUMN_SPARK) {
    draw_spark(view, state, index, area, at, row);
    return;
  }
  cell_text(desk, index, column, bd_canvas_ascii(area.canvas), text, sizeof text);
  if (is_stale(state, column))
    bd_put(area, at + width - bd_show_columns(text) - 1, row, '~', BD_ROLE_STALE);
  if (bd_column_right(column))
    bd_print_right(area, at + width, row, cell_role(state, column), text);
  else if (column == BD_COLUMN_TENSOR)
    bd_print(area, at, row, cell_role(state, column),
             bd_show_short(brief, sizeof brief, text, width));
  else
    bd_print_fit(area, at, row, width, cell_role(state, column), text);
}

// A layer that cannot be quantized: its name, and why, over the columns that say nothing of it.
static void draw_refused(bd_view *view, const bd_desk *desk, int index, bd_area area, int row) {
  const bd_layer_state *state = bd_session_layer(desk->session, index);
  char reason[512];
  for (int i = 0; i <= BD_COLUMN_TENSOR; i++)
    if (view->plan.width[i]) draw_cell(view, desk, index, (bd_column)i, area, row);
  int at = view->plan.at[BD_COLUMN_TENSOR] + view->plan.width[BD_COLUMN_TENSOR] + 1;
  bd_show_name(reason, sizeof reason, state->refused, bd_canvas_ascii(area.canvas));
  bd_print_start(area, at, row, BD_ROLE_DIM, reason);
  bd_tint(area, 0, row, area.columns, BD_ROLE_DIM);
}

static void draw_layer(bd_view *view, const bd_desk *desk, int place, bd_area area, int row) {
  int index = view->order.layers[place];
  bool marked = desk->marks && desk->marks[index];
  if (bd_session_layer(desk->session, index)->refused) {
    draw_refused(view, desk, index, area, row);
  } else {
    for (int i = 0; i < BD_COLUMN_COUNT; i++)
      if (view->plan.width[i]) draw_cell(view, desk, index, (bd_column)i, area, row);
  }
  if (marked) {
    bd_put(area, 1, row, bd_glyph_sign(area.canvas, BD_SIGN_MARK), BD_ROLE_MARKED);
    bd_tint(area, view->plan.at[BD_COLUMN_TENSOR], row, view->plan.width[BD_COLUMN_TENSOR],
            BD_ROLE_MARKED);
  }
  if (index == desk->layer) {
    bd_put(area, 0, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
    bd_tint(area, 0, row, area.columns, BD_ROLE_CURSOR);
  }
}

// Tells the session which layers are seen, so that their work comes first.
static void look(bd_view *view, const bd_desk *desk) {
  int first = view->order.total, last = -1;
  for (int i = 0; i < view->rows && view->top + i < view->order.count; i++) {
    int index = view->order.layers[view->top + i];
    first = index < first ? index : first;
    last = index > last ? index : last;
  }
  bool same =
      view->seen_hand == desk->layer && view->seen_first == first && view->seen_last == last;
  if (last < 0 || same) return;
  bd_session_look_at(desk->session, desk->layer, first, last);
  view->seen_hand = desk->layer;
  view->seen_first = first;
  view->seen_last = last;
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused; // the cursor stays: the other panels show the layer in hand
  if (area.columns <= 0 || area.rows <= 0) return;
  update(view, desk);
  measure(view, desk, bd_canvas_ascii(area.canvas));
  int head = area.rows > HEAD_ROWS ? HEAD_ROWS : 0;
  view->longest.local = bd_session_live(desk->session)->on;
  view->plan = bd_columns_plan(&view->longest, area.columns);
  view->rows = area.rows - head;
  scroll(view, place_in_hand(view, desk));
  if (head) draw_head(view, area);
  if (view->order.count == 0)
    bd_print(area, 2, head, BD_ROLE_DIM,
             desk->filter[0] ? "no layer matches the filter" : "no layers with weights");
  for (int i = 0; i < view->rows && view->top + i < view->order.count; i++)
    draw_layer(view, desk, view->top + i, area, head + i);
  look(view, desk);
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  (void)columns;
  update(view, desk);
  int place = desk->layer >= 0 && desk->layer < view->order.total && view->order.count > 0
                  ? view->order.places[desk->layer]
                  : -1;
  char filter[sizeof desk->filter * 4];
  int used = snprintf(out, size, "%d/%d", place + 1, view->order.count);
  if (desk->filter[0] && used > 0 && (size_t)used < size)
    snprintf(out + used, size - (size_t)used, " of %d: %s", view->order.total,
             bd_show_name(filter, sizeof filter, desk->filter, ascii));
}

// --- keys, mouse --------------------------------------------------------------------------------

static void move_to(bd_view *view, bd_desk *desk, int place) {
  if (view->order.count == 0) return;
  desk->layer = view->order.layers[clamp(place, 0, view->order.count - 1)];
}

static void sort_by(bd_view *view, bd_desk *desk, bd_column column, bool reverse) {
  view->order.sort = column;
  view->order.reverse = reverse;
  const char *name = column == BD_COLUMN_NUMBER ? "number" : bd_column_title(column);
  bd_desk_say(desk, "sorted by %s, %s", name, reverse ? "falling" : "rising");
}

// The next column to sort by; that of local errors only where it is there.
static bd_column beside(const bd_desk *desk, bd_column sort, int step) {
  do
    sort = (bd_column)(((int)sort + BD_COLUMN_SPARK + step) % BD_COLUMN_SPARK);
  while (sort == BD_COLUMN_LOCAL && !bd_session_live(desk->session)->on);
  return sort;
}

static void command(bd_view *view, bd_desk *desk, int id) {
  update(view, desk);
  int place = place_in_hand(view, desk), page = view->rows > 1 ? view->rows - 1 : 1;
  const int steps[] = {[UP] = -1,
                       [DOWN] = 1,
                       [PAGE_UP] = -page,
                       [PAGE_DOWN] = page,
                       [HALF_UP] = -(page + 1) / 2,
                       [HALF_DOWN] = (page + 1) / 2};
  bd_column sort = view->order.sort;
  switch (id) {
  case FIRST:
    move_to(view, desk, 0);
    break;
  case LAST:
    move_to(view, desk, view->order.count - 1);
    break;
  case SORT_NEXT:
    sort_by(view, desk, beside(desk, sort, 1), view->order.reverse);
    break;
  case SORT_PREVIOUS:
    sort_by(view, desk, beside(desk, sort, -1), view->order.reverse);
    break;
  case REVERSE:
    sort_by(view, desk, sort, !view->order.reverse);
    break;
  default:
    if (id >= UP && id <= HALF_DOWN) move_to(view, desk, place + steps[id]);
  }
}

static void click_head(bd_view *view, bd_desk *desk, int column) {
  bd_column clicked = bd_columns_at(&view->plan, column);
  if (clicked >= BD_COLUMN_SPARK) return;
  bool again = clicked == view->order.sort;
  sort_by(view, desk, clicked, again ? !view->order.reverse : view->order.reverse);
}

// The wheel turns the page under the cursor, which is held in sight.
static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  update(view, desk);
  int place = place_in_hand(view, desk);
  if (wheel) {
    view->top = clamp(view->top + wheel * WHEEL_ROWS, 0, view->order.count - view->rows);
    move_to(view, desk, clamp(place, view->top, view->top + view->rows - 1));
  } else if (row < HEAD_ROWS) {
    click_head(view, desk, column);
  } else if (view->top + row - HEAD_ROWS < view->order.count) {
    move_to(view, desk, view->top + row - HEAD_ROWS);
  }
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  bd_column column = view->order.sort == BD_COLUMN_NUMBER ? BD_COLUMN_TENSOR : view->order.sort;
  if (size > 0) out[0] = '\0';
  if (desk->layer >= 0) cell_text(desk, desk->layer, column, false, out, size);
}

bool bd_table_find(bd_view *view, bd_desk *desk, const char *text, int direction) {
  update(view, desk);
  const bd_model *model = bd_session_model(desk->session);
  int count = view->order.count, place = place_in_hand(view, desk);
  int start = place < 0 ? (direction > 0 ? -1 : 0) : place;
  for (int i = 1; i <= count; i++) {
    int at = ((start + direction * i) % count + count) % count;
    if (!bd_layer_matches(bd_model_layer(model, view->order.layers[at]), text)) continue;
    move_to(view, desk, at);
    return true;
  }
  return false;
}

int bd_table_shown(bd_view *view, const bd_desk *desk, const int **layers) {
  update(view, desk);
  *layers = view->order.layers;
  return view->order.count;
}

const bd_view_class bd_layers_view = {
    .name = "layers",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_layers,
    .close = close_layers,
    .draw = draw,
    .title = title,
    .command = command,
    .mouse = mouse,
    .copy = copy,
    .signs = "A ~ marks a number of the setting before, here and in the first line: the new one is "
             "being computed. A ! beside the bits: the format that :target names cannot hold them. "
             "MACs are the multiply–accumulates of one run. local, with data: the SQNR of the "
             "layer's own output with this layer alone quantized, on the first 32 samples, or as "
             "many as 256 MiB of activations hold. "
             "opt is how far the clustering is from the optimum: ✓ none, +2% so "
             "much, ≤+2% at most so much.",
};
