// The channels panel: what `channel` would gain over `tensor`, then a row for each output channel,
// which scrolls and can be sorted.
#include "viewers/channels.h"

#include "core/base/text.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdlib.h>

enum {
  WHEEL_ROWS = 3,
  VALUE = 9,
  SQNR = 8,
  COUNT = 7,
  BAR_LEAST = 10,
  BAR_MOST = 60,
  LEGEND_FROM = 8
};

// What the rows can be sorted by, and the columns: from left to right.
typedef enum figure { NUMBER, LOW, HIGH, RMS, OUTLIERS, SHARED, OWN, GAIN, COLUMNS } figure;

static const struct {
  const char *title;
  int width;
} table[COLUMNS] = {
    [NUMBER] = {"channel", COUNT + 1},
    [LOW] = {"min", VALUE},
    [HIGH] = {"max", VALUE},
    [RMS] = {"rms", VALUE},
    [OUTLIERS] = {"out", COUNT},
    [SHARED] = {"tensor", SQNR},
    [OWN] = {"own", SQNR},
    [GAIN] = {"gain", SQNR},
};
// Columns go in this order where room is short.
static const figure dropped_first[] = {RMS, LOW, HIGH, OWN, OUTLIERS};

struct bd_view {
  int top, rows; // first row shown; how many fitted last
  figure sort;
  bool reverse;
  size_t *order; // channel numbers, `count` of them
  size_t count;
};

enum { PAGE_UP, PAGE_DOWN, FIRST, LAST, SORT_LEFT, SORT_RIGHT, REVERSE };

static const bd_command commands[] = {
    {"channels-up", "<pgup> <c-u>", NULL, "channels above", PAGE_UP},
    {"channels-down", "<pgdn> <c-d>", "channels", "channels below", PAGE_DOWN},
    {"channels-first", "<home> g", NULL, "the first channel", FIRST},
    {"channels-last", "<end> G", NULL, "the last channel", LAST},
    {"channels-sort-previous", "<", NULL, "sort by the column to the left", SORT_LEFT},
    {"channels-sort-next", ">", "sort", "sort by the column to the right", SORT_RIGHT},
    {"channels-sort-reverse", "S", NULL, "turn the order of the sort around", REVERSE},
};

static bd_view *open_channels(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_channels(bd_view *view) {
  if (view) free(view->order);
  free(view);
}

// --- order --------------------------------------------------------------------------------------

static double gain_of(const bd_channel *channel) {
  bool exact = isinf(channel->own_db) && isinf(channel->shared_db);
  return exact ? 0 : (double)channel->own_db - (double)channel->shared_db;
}

static double key_of(const bd_channel *channel, figure sort, size_t number) {
  switch (sort) {
  case LOW:
    return (double)channel->min;
  case HIGH:
    return (double)channel->max;
  case RMS:
    return (double)channel->rms;
  case OUTLIERS:
    return channel->outliers;
  case SHARED:
    return (double)channel->shared_db;
  case OWN:
    return (double)channel->own_db;
  case GAIN:
    return gain_of(channel);
  default:
    return (double)number;
  }
}

typedef struct sorting {
  const bd_channels *channels;
  figure sort;
  bool reverse;
} sorting;

static int compare(const void *a, const void *b, void *arg) {
  const sorting *by = arg;
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  double left = key_of(&by->channels->channels[x], by->sort, x);
  double right = key_of(&by->channels->channels[y], by->sort, y);
  if (left != right) return (left < right) != by->reverse ? -1 : 1;
  return x < y ? -1 : x > y;
}

// False without memory.
static bool bring_in_order(bd_view *view, const bd_channels *channels) {
  size_t *order = reallocarray(view->order, channels->count, sizeof *order);
  if (!order) return false;
  view->order = order;
  view->count = channels->count;
  for (size_t i = 0; i < view->count; i++)
    order[i] = i;
  sorting by = {channels, view->sort, view->reverse};
  qsort_r(order, view->count, sizeof *order, compare, &by);
  return true;
}

// --- columns ------------------------------------------------------------------------------------

// Where the columns end, and the bar begins; 0: dropped.
typedef struct plan {
  int end[COLUMNS];
  int bar, bar_columns;
} plan;

static plan plan_of(int columns) {
  plan to = {.bar = 0};
  bool shown[COLUMNS];
  int total = 0, at = 0;
  for (figure i = 0; i < COLUMNS; i++) {
    shown[i] = true;
    total += table[i].width;
  }
  for (size_t i = 0; i < sizeof dropped_first / sizeof *dropped_first; i++) {
    if (total + 1 + BAR_LEAST <= columns) break;
    shown[dropped_first[i]] = false;
    total -= table[dropped_first[i]].width;
  }
  for (figure i = 0; i < COLUMNS; i++)
    if (shown[i]) to.end[i] = at += table[i].width;
  to.bar = at + 1;
  to.bar_columns = columns - to.bar < BAR_MOST ? columns - to.bar : BAR_MOST;
  if (to.bar_columns < BAR_LEAST) to.bar_columns = 0;
  return to;
}

static void put(const plan *to, figure where, bd_role role, const char *text, bd_area row) {
  if (to->end[where] > 0) bd_print_right(row, to->end[where], 0, role, text);
}

static void draw_head(const plan *to, const bd_view *view, bd_area row) {
  bd_tint(row, 0, 0, row.columns, BD_ROLE_HEADER);
  for (figure i = 0; i < COLUMNS; i++) {
    char title[BD_SHOW_SIZE];
    const char *mark = i != view->sort ? "" : view->reverse ? "▼" : "▲";
    snprintf(title, sizeof title, "%s%s", table[i].title, mark);
    put(to, i, BD_ROLE_HEADER, title, row);
  }
}

// --- a channel ----------------------------------------------------------------------------------

// The widest range of all: the bars' common axis.
typedef struct axis {
  double low, high;
} axis;

static axis axis_of(const bd_channels *channels) {
  axis out = {0, 0};
  for (size_t i = 0; i < channels->count; i++) {
    out.low = fmin(out.low, (double)channels->channels[i].min);
    out.high = fmax(out.high, (double)channels->channels[i].max);
  }
  return out;
}

static int cell_of(const plan *to, axis of, double value) {
  double width = of.high - of.low;
  int cell = width > 0 ? (int)((value - of.low) / width * to->bar_columns) : 0;
  return cell < 0 ? 0 : cell >= to->bar_columns ? to->bar_columns - 1 : cell;
}

// The range is shaded; from -rms to +rms it is solid.
static void draw_bar(const plan *to, axis of, const bd_channel *channel, bd_area row) {
  if (to->bar_columns == 0) return;
  double rms = (double)channel->rms;
  int first = cell_of(to, of, (double)channel->min), last = cell_of(to, of, (double)channel->max);
  int from = cell_of(to, of, fmax(-rms, (double)channel->min));
  int until = cell_of(to, of, fmin(rms, (double)channel->max));
  for (int cell = first; cell <= last; cell++) {
    bool inner = cell >= from && cell <= until;
    bd_put(row, to->bar + cell, 0,
           inner ? bd_glyph_row(row.canvas, 8) : bd_glyph_shade(row.canvas, 1),
           inner ? BD_ROLE_AFTER : BD_ROLE_BEFORE);
  }
}

static char *show_gain(char out[BD_SHOW_SIZE], double gain) {
  if (isinf(gain)) return bd_show_sqnr(out, gain);
  snprintf(out, BD_SHOW_SIZE, "%s%.1fdB", gain <= -0.05 ? "−" : "+", fabs(gain));
  return out;
}

static void draw_channel(const plan *to, axis of, const bd_channels *channels, size_t number,
                         bd_area row) {
  const bd_channel *channel = &channels->channels[number];
  char text[BD_SHOW_SIZE];
  double gain = gain_of(channel);
  snprintf(text, sizeof text, "%zu", number);
  put(to, NUMBER, BD_ROLE_DIM, text, row);
  put(to, LOW, BD_ROLE_TEXT, bd_show_value(text, (double)channel->min), row);
  put(to, HIGH, BD_ROLE_TEXT, bd_show_value(text, (double)channel->max), row);
  put(to, RMS, BD_ROLE_TEXT, bd_show_value(text, (double)channel->rms), row);
  snprintf(text, sizeof text, "%u", channel->outliers);
  put(to, OUTLIERS, channel->outliers ? BD_ROLE_WARN : BD_ROLE_DIM, text, row);
  put(to, SHARED, BD_ROLE_TEXT, bd_show_sqnr(text, (double)channel->shared_db), row);
  put(to, OWN, BD_ROLE_TEXT, bd_show_sqnr(text, (double)channel->own_db), row);
  bd_role role = gain > 0.05 ? BD_ROLE_GOOD : gain < -0.05 ? BD_ROLE_BAD : BD_ROLE_DIM;
  put(to, GAIN, role, show_gain(text, gain), row);
  draw_bar(to, of, channel, row);
}

// --- the panel ----------------------------------------------------------------------------------

static double gain_of_all(const bd_channels *channels) {
  bool exact = isinf(channels->own_db) && isinf(channels->shared_db);
  return exact ? 0 : channels->own_db - channels->shared_db;
}

static void draw_gain(const bd_channels *channels, bd_area row) {
  char text[128], gain[BD_SHOW_SIZE], bytes[BD_SHOW_SIZE], shared[BD_SHOW_SIZE], own[BD_SHOW_SIZE];
  if (channels->count == 1) {
    bd_print_start(row, 0, 0, BD_ROLE_DIM, "one channel: nothing to tell apart");
    return;
  }
  double more = channels->own_bytes - channels->shared_bytes, db = gain_of_all(channels);
  snprintf(text, sizeof text, "%zu channels", channels->count);
  int at = bd_print_whole(row, 0, 0, BD_ROLE_TEXT, text);
  snprintf(text, sizeof text, "over tensor: %s for %s%s", show_gain(gain, db), more < 0 ? "−" : "+",
           bd_show_bytes(bytes, fabs(more)));
  at = bd_print_whole(row, at, 0, db > 0 ? BD_ROLE_GOOD : BD_ROLE_BAD, text);
  snprintf(text, sizeof text, "tensor %s, channel %s", bd_show_sqnr(shared, channels->shared_db),
           bd_show_sqnr(own, channels->own_db));
  bd_print_whole(row, at, 0, BD_ROLE_TEXT, text);
}

// What the signs mean, as far as the position leaves room.
static void draw_legend(const bd_view *view, bd_area row) {
  char text[3 * BD_SHOW_SIZE] = "";
  if ((size_t)view->rows < view->count)
    snprintf(text, sizeof text, "%d–%d of %zu", view->top + 1, view->top + view->rows, view->count);
  int position = bd_show_columns(text);
  bd_print_right(row, row.columns, 0, BD_ROLE_DIM, text);
  bd_area left = bd_area_part(row, 0, 0, row.columns - position - (position > 0), 1);
  int at = bd_print_whole(left, 0, 0, BD_ROLE_DIM, "out: beyond 4 deviations");
  bd_print_whole(left, at, 0, BD_ROLE_DIM, "solid: −rms to rms");
}

static void clamp_top(bd_view *view) {
  int most = (int)view->count - view->rows;
  if (view->top > most) view->top = most;
  if (view->top < 0) view->top = 0;
}

static void draw_channels(bd_view *view, const bd_channels *channels, bd_area area) {
  plan to = plan_of(area.columns);
  axis of = axis_of(channels);
  int above = area.rows > 2 ? 2 : 1, below = area.rows >= LEGEND_FROM;
  view->rows = area.rows - above - below;
  clamp_top(view);
  draw_gain(channels, bd_area_part(area, 0, 0, area.columns, 1));
  if (above > 1) draw_head(&to, view, bd_area_part(area, 0, 1, area.columns, 1));
  for (int i = 0; i < view->rows && (size_t)(view->top + i) < view->count; i++)
    draw_channel(&to, of, channels, view->order[view->top + i],
                 bd_area_part(area, 0, above + i, area.columns, 1));
  if (below) draw_legend(view, bd_area_part(area, 0, area.rows - 1, area.columns, 1));
}

// What is known of the layer in hand, or NULL.
static const bd_channels *channels_of(const bd_desk *desk) {
  const bd_insight *insight = bd_session_insight(desk->session);
  return insight->layer == desk->layer ? insight->channels : NULL;
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  const bd_channels *channels = state ? channels_of(desk) : NULL;
  bool failed = bd_session_insight(desk->session)->channels_failed;
  if (area.columns <= 0 || area.rows <= 0) return;
  if (!state || !state->index)
    bd_draw_nothing(desk, area);
  else if (!channels || !bring_in_order(view, channels))
    bd_print_wrapped(area, BD_ROLE_DIM,
                     failed ? "the channels could not be measured" : "measuring the channels …");
  else
    draw_channels(view, channels, area);
}

static unsigned wants(int columns, int rows) {
  (void)columns;
  (void)rows;
  return BD_WANT_CHANNELS;
}

static void command(bd_view *view, bd_desk *desk, int id) {
  (void)desk;
  int page = view->rows > 1 ? view->rows - 1 : 1;
  if (id == FIRST) view->top = 0;
  if (id == LAST) view->top = (int)view->count;
  if (id == PAGE_UP) view->top -= page;
  if (id == PAGE_DOWN) view->top += page;
  if (id == SORT_LEFT) view->sort = (view->sort + COLUMNS - 1) % COLUMNS;
  if (id == SORT_RIGHT) view->sort = (view->sort + 1) % COLUMNS;
  if (id == REVERSE) view->reverse = !view->reverse;
  clamp_top(view);
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)desk;
  (void)column;
  (void)row;
  view->top += wheel * WHEEL_ROWS;
  clamp_top(view);
}

// Number, SQNR with the tensor's levels and with its own of each channel, as it is sorted.
static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  const bd_channels *channels = channels_of(desk);
  size_t used = 0;
  if (size > 0) out[0] = '\0';
  for (size_t i = 0; channels && view->count == channels->count && i < view->count; i++) {
    const bd_channel *channel = &channels->channels[view->order[i]];
    if (used >= size) break;
    used += (size_t)snprintf(out + used, size - used, "%s%zu %.9g %.9g", i ? ", " : "",
                             view->order[i], (double)channel->shared_db, (double)channel->own_db);
  }
}

const bd_view_class bd_channels_view = {
    .name = "channels",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_channels,
    .close = close_channels,
    .draw = draw,
    .wants = wants,
    .command = command,
    .mouse = mouse,
    .copy = copy,
};
