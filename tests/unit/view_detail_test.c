// The panels about how a layer was quantized: what they say is the session's own, worked out here
// anew.
#include "core/base/rng.h"
#include "tests/unit/view_bench.h"
#include "viewers/book.h"
#include "viewers/excess.h"

#include <math.h>

enum { LAYERS = 3, SIZE = 2048 };

static float normal[SIZE], few[64], far[64];

static const tiny_layer layers[LAYERS] = {
    {"normal", "MatMul", {32, 64}, 2, normal},
    {"few", "MatMul", {8, 8}, 2, few},
    {"far", "MatMul", {8, 8}, 2, far},
};

static void fill_weights(void) {
  bd_rng rng = bd_rng_seed(11, 0);
  for (int i = 0; i < SIZE; i++)
    normal[i] = (float)bd_rng_normal(&rng);
  for (int i = 0; i < 64; i++) {
    few[i] = (float)(i % 5) - 2;
    far[i] = i == 9 ? 1000 : (float)i / 64;
  }
}

static void ask(bench *b, unsigned wants) {
  int last = bd_session_count(b->desk.session) - 1;
  bd_session_look_at(b->desk.session, b->desk.layer, 0, last);
  bd_session_want(b->desk.session, wants);
  settle(b->desk.session);
}

static bench open_bench(bool ascii, const char *fields) {
  bench b = bench_open(open_tiny(layers, LAYERS), ascii);
  for (int i = 0; i < LAYERS; i++)
    set(&b, i, fields);
  settle(b.desk.session);
  return b;
}

static const bd_result *result_of(const bench *b) {
  return bd_session_layer(b->desk.session, b->desk.layer)->result;
}

// The line of a text that holds `part`; valid until the next call.
static const char *line_with(const char *text, const char *part) {
  static char line[1024];
  const char *at = strstr(text, part);
  if (!at) fail_msg("'%s' is not in\n%s", part, text);
  while (at > text && at[-1] != '\n')
    at--;
  snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
  return line;
}

// --- the excess ---------------------------------------------------------------------------------

static void test_an_excess_is_shown_as_a_distance(void **unused) {
  (void)unused;
  static const struct {
    double sse, optimum;
    const char *text;
  } cases[] = {{1, 1, "exact"},          {1 + 1e-10, 1, "exact"}, {1.0002, 1, "+.02%"},
               {1.000004, 1, "+.0004%"}, {1.00002, 1, "+.002%"},  {1 + 1e-7, 1, "<.0001%"},
               {2.5, 1, "+150%"},        {40, 2, "×20"},          {0, 0, "exact"},
               {1, 0, ">×9999"},         {1, (double)NAN, "···"}};
  char text[BD_SHOW_SIZE];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(bd_excess_show(text, bd_excess(cases[i].sse, cases[i].optimum)),
                        cases[i].text);
  static const char *const labels[] = {"+.0001%", "+.001%", "+.01%", "+.1%",
                                       "+1%",     "+10%",   "+100%", "×11"};
  for (int decade = -6; decade <= 1; decade++)
    assert_string_equal(bd_excess_label(text, decade), labels[decade + 6]);
}

static void test_the_axis_holds_what_it_is_made_of(void **unused) {
  (void)unused;
  double values[] = {0, NAN, INFINITY, 0.003, 0.2};
  bd_excess_axis axis = bd_excess_axis_of(values, 5);
  assert_int_equal(axis.low, -3);
  assert_int_equal(axis.high, 0);
  assert_true(fabs(bd_excess_place(axis, 0.01) - 1.0 / 3) < 1e-12);
  assert_true(bd_excess_place(axis, 1e-9) == 0 && bd_excess_place(axis, INFINITY) == 1);
  values[3] = values[4] = 1e-12; // below what is shown
  axis = bd_excess_axis_of(values, 5);
  assert_true(axis.low < axis.high);
  axis = bd_excess_axis_of(values, 3); // nothing stands on it
  assert_true(axis.low < axis.high);
}

// --- convergence --------------------------------------------------------------------------------

static int ascending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

// Best, median, worst and the number of exact ones of every init, from the session's numbers.
static void test_the_spread_has_a_row_for_every_init(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=4,prune=0.5");
  ask(&b, BD_WANT_SPREAD);
  const bd_insight *insight = bd_session_insight(b.desk.session);
  const bd_field *inits = bd_setting_field(BD_FIELD_INIT);
  const char *text = text_of(&b, CONVERGENCE, 110, 24);
  for (int i = 0; i < inits->choice_count; i++) {
    double sse[BD_SPREAD_SEEDS];
    char name[64], values[3][BD_SHOW_SIZE], expected[256];
    int exact = 0;
    memcpy(sse, insight->spread[i], sizeof sse);
    qsort(sse, BD_SPREAD_SEEDS, sizeof *sse, ascending);
    for (int j = 0; j < BD_SPREAD_SEEDS; j++)
      exact += sse[j] <= insight->optimum * (1 + 2e-9);
    for (int j = 0; j < 3; j++)
      bd_excess_show(values[j], bd_excess(sse[j == 0 ? 0 : j == 1 ? 9 : 19], insight->optimum));
    snprintf(name, sizeof name, "%s%s ", i == 0 ? "▸ " : "  ", inits->choices[i].name);
    const char *line = line_with(text, name);
    for (int j = 0; j < 3; j++)
      expect(line, values[j]);
    snprintf(expected, sizeof expected, " %2d │", exact);
    expect(line, expected);
  }
  expect(line_with(text, "  optimal "), "exact   exact   exact 20 │");
  expect(text, "above the proved optimum, log scale");
  bench_close(&b);
}

// Every seed that is not exact stands in the strip: its bars are as high as there are seeds.
static void test_nothing_is_said_before_it_is_known(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=4");
  const char *text = text_of(&b, CONVERGENCE, 110, 24);
  expect_not(line_with(text, "  optimal "), "exact");
  expect(line_with(text, "  optimal "), "···");
  ask(&b, BD_WANT_SPREAD);
  expect(line_with(text_of(&b, CONVERGENCE, 110, 24), "  optimal "), "exact");
  b.desk.layer = 1; // the insight is still of the other layer
  expect_not(text_of(&b, CONVERGENCE, 110, 24), " 20 │");
  ask(&b, BD_WANT_SPREAD); // five values, fifteen clusters: every start finds them
  expect(line_with(text_of(&b, CONVERGENCE, 110, 24), "▸ pso "), "exact   exact   exact 20 │");
  expect(text_of(&b, CONVERGENCE, 110, 24), "every value has its own level");
  bench_close(&b);
}

// The height of the bar in a column of the chart, in eighths.
static int bar_height(const bench *b, int column, int first, int last) {
  int height = 0;
  for (int row = first; row <= last; row++) {
    uint32_t glyph = bd_canvas_at(b->canvas, column, row).glyph;
    if (glyph >= 0x2581 && glyph <= 0x2588) height += (int)(glyph - 0x2580);
  }
  return height;
}

static void test_the_chart_falls_as_the_trace_does(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=4,prune=0.5");
  ask(&b, BD_WANT_SPREAD);
  const bd_trace *trace = &result_of(&b)->trace;
  const char *text = text_of(&b, CONVERGENCE, 60, 24);
  char label[64];
  assert_true(trace->swarm_count > 0 && trace->lloyd_count > 0);
  snprintf(label, sizeof label, "swarm %d", trace->swarm_count);
  expect(text, label);
  int last = bar_height(&b, 8, 2, 20);
  for (int column = 9; column < 60; column++) {
    if (bd_canvas_at(b.canvas, column, 4).glyph == 0x2502) continue; // the wall
    int height = bar_height(&b, column, 2, 20);
    if (height == 0) break; // exact, or past the end
    assert_true(height <= last);
    last = height;
  }
  set(&b, 0, "init=optimal");
  settle(b.desk.session);
  expect(text_of(&b, CONVERGENCE, 60, 24), "the optimum is computed at once");
  set(&b, 0, "method=linear");
  settle(b.desk.session);
  expect(text_of(&b, CONVERGENCE, 60, 24), "does not cluster");
  set(&b, 0, "bits=32");
  settle(b.desk.session);
  expect(text_of(&b, CONVERGENCE, 60, 24), "stays float");
  bench_close(&b);
}

// --- codebook -----------------------------------------------------------------------------------

// Weights by level, counted one by one.
static void check_level(const bench *b, int level) {
  const bd_layer_state *state = bd_session_layer(b->desk.session, b->desk.layer);
  const bd_result *result = state->result;
  bd_book_level row = bd_book_at(result, state->index, level);
  size_t count = 0;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < result->count; i++) {
    bool pruned = i >= result->hole.from && i < result->hole.to;
    double takes = pruned ? 0 : NAN;
    for (int j = 0; j < result->cell_count && !pruned; j++)
      if (i >= result->cells[j].from && i < result->cells[j].to)
        takes = result->levels[result->cells[j].level];
    if (takes != result->levels[level]) continue;
    count++;
    low = fmin(low, (double)bd_index_value(state->index, i));
    high = fmax(high, (double)bd_index_value(state->index, i));
  }
  assert_int_equal(row.weights, count);
  assert_true(row.low == low && row.high == high);
  if (bd_book_has_grid(result))
    assert_true(fabs(result->step * (row.code - result->zero_point) - row.value) < 1e-6);
}

static int check_book(const bench *b) {
  const bd_layer_state *state = bd_session_layer(b->desk.session, b->desk.layer);
  int extra = 0;
  for (int i = 0; i < state->result->level_count; i++) {
    check_level(b, i);
    bd_book_level row = bd_book_at(state->result, state->index, i);
    extra += row.centroids > 1 ? row.centroids - 1 : 0;
    if (bd_book_is_mapped(state->result)) {
      // Nearest on the grid: no farther than half a step.
      assert_true(fabs(row.moved) <= state->result->step * 0.5 * (1 + 1e-6));
    }
  }
  assert_int_equal(extra, state->result->merged);
  return state->result->merged;
}

static void test_the_book_counts_every_weight(void **unused) {
  (void)unused;
  static const char *const fields[] = {
      "bits=4",
      "bits=4,prune=0.3",
      "bits=5,prune=0.5,grid=affine",
      "bits=3,prune=0.5,zero=mask",
      "bits=4,method=kmeans",
      "bits=1,method=linear",
      "bits=8,prune=0.7,grid=affine,zero=mask",
  };
  int merged = 0;
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    bench b = open_bench(false, fields[i]);
    for (b.desk.layer = 0; b.desk.layer < LAYERS; b.desk.layer++)
      merged += check_book(&b);
    bench_close(&b);
  }
  assert_true(merged > 0);
}

static void test_the_codebook_shows_every_level(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=4,prune=0.3");
  const bd_result *result = result_of(&b);
  const char *text = text_of(&b, CODEBOOK, 100, 30);
  char number[64], unused_codes[128];
  int used = 0;
  for (int i = 0; i < result->level_count; i++) {
    int code = (int)lround(result->levels[i] / result->step);
    char share[32], value[BD_SHOW_SIZE];
    bd_show_value(value, result->levels[i]);
    snprintf(share, sizeof share, "%.1f%%",
             100 * (double)result->occupancy[i] / (double)result->count);
    snprintf(number, sizeof number, " %s ", code == 0 ? "zero" : value);
    const char *line = line_with(strstr(text, "share"), number);
    expect(line, share);
    snprintf(number, sizeof number, " %s%d ", code < 0 ? "−" : "", abs(code));
    expect(line, number);
    used++;
  }
  snprintf(number, sizeof number, "%d unused: ", 15 - used);
  expect(text, used == 15 ? "every code is used" : number);
  if (used < 15) expect(text, bd_book_unused(result, unused_codes, sizeof unused_codes));
  expect(text, "codes −7…7");
  expect(text, "moved");
  if (result->merged) expect(text, "×2");
  set(&b, 0, "method=kmeans");
  settle(b.desk.session);
  text = text_of(&b, CODEBOOK, 100, 30);
  expect(text, "centroids, on no grid");
  expect_not(text, "moved");
  set(&b, 0, "bits=32");
  settle(b.desk.session);
  expect(text_of(&b, CODEBOOK, 100, 30), "no codebook");
  bench_close(&b);
}

static void test_unused_codes_are_listed_by_runs(void **unused) {
  (void)unused;
  double levels[] = {-0.7, -0.3, -0.2, 0, 0.1, 0.7};
  size_t occupancy[] = {1, 1, 1, 1, 1, 1};
  bd_result result = {.setting = {.bits = 4},
                      .count = 6,
                      .levels = levels,
                      .occupancy = occupancy,
                      .level_count = 6,
                      .step = 0.1};
  char text[64];
  assert_string_equal(bd_book_unused(&result, text, sizeof text), "−6…−4 −1 2…6");
  assert_string_equal(bd_book_unused(&result, text, 24), "−6…−4 −1 …");
  assert_int_equal(bd_book_codes_of(&result).unused, 9);
  bd_setting_parse(&result.setting, "grid=affine", NULL);
  result.zero_point = 7;
  assert_string_equal(bd_book_unused(&result, text, sizeof text), "1…3 6 9…13 15");
}

static void test_the_codebook_scrolls(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=8,method=kmeans");
  int count = result_of(&b)->level_count;
  char text[64];
  const char *first = text_of(&b, CODEBOOK, 80, 20);
  snprintf(text, sizeof text, "1–16 of %d", count);
  expect(first, text);
  for (int i = 0; i < 3; i++)
    bd_view_at(CODEBOOK)->mouse(b.views[CODEBOOK], &b.desk, 1, 1, 1);
  snprintf(text, sizeof text, "10–25 of %d", count);
  expect(text_of(&b, CODEBOOK, 80, 20), text);
  run(&b, CODEBOOK, "levels-last");
  snprintf(text, sizeof text, "%d–%d of %d", count - 15, count, count);
  expect(text_of(&b, CODEBOOK, 80, 20), text);
  for (int i = 0; i < 100; i++)
    run(&b, CODEBOOK, "levels-up");
  snprintf(text, sizeof text, "1–16 of %d", count);
  expect(text_of(&b, CODEBOOK, 80, 20), text);
  run(&b, CODEBOOK, "levels-last");
  b.desk.layer = 1; // five levels: nothing to scroll
  expect_not(text_of(&b, CODEBOOK, 80, 20), " of ");
  bench_close(&b);
}

// --- channels -----------------------------------------------------------------------------------

static void test_channels_show_what_was_measured(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=2,method=kmeans");
  expect(text_of(&b, CHANNELS, 100, 20), "measuring the channels");
  ask(&b, BD_WANT_CHANNELS);
  const bd_channels *channels = bd_session_insight(b.desk.session)->channels;
  assert_non_null(channels);
  assert_true(channels->count > 1);
  const char *text = text_of(&b, CHANNELS, 100, 20);
  char number[BD_SHOW_SIZE];
  expect(text, bd_show_sqnr(number, channels->shared_db));
  expect(text, bd_show_sqnr(number, channels->own_db));
  expect(text, bd_show_sqnr(number, (double)channels->channels[1].own_db));
  expect(text, bd_show_value(number, (double)channels->channels[1].max));
  set(&b, 0, "bits=5"); // another setting: what was measured is no longer true
  bd_session_look_at(b.desk.session, 0, 0, 0);
  settle(b.desk.session);
  assert_true(bd_session_insight(b.desk.session)->channels->shared_db > 0);
  expect(text_of(&b, CHANNELS, 40, 10), "gain");
  b.desk.layer = 1;
  expect(text_of(&b, CHANNELS, 100, 20), "measuring the channels");
  bench_close(&b);
}

// The gains from top to bottom, as numbers.
static int gains_of(const char *text, double gains[64]) {
  int count = 0;
  for (const char *at = strstr(text, "gain"); (at = strchr(at, '\n')) && count < 64;) {
    const char *end = strchr(++at, '\n'), *plus = at;
    double gain = NAN;
    for (; plus < end && *plus != '+'; plus++)
      continue;
    if (plus < end) gain = atof(plus);
    if (!isnan(gain)) gains[count++] = gain;
  }
  return count;
}

static void test_channels_are_sorted(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=2,method=kmeans,init=optimal");
  ask(&b, BD_WANT_CHANNELS);
  text_of(&b, CHANNELS, 100, 30);
  for (int i = 0; i < 7; i++)
    run(&b, CHANNELS, "channels-sort-next");
  run(&b, CHANNELS, "channels-sort-reverse");
  double gains[64];
  const char *text = text_of(&b, CHANNELS, 100, 30);
  expect(text, "gain▼");
  int count = gains_of(text, gains);
  assert_true(count > 1);
  for (int i = 1; i < count; i++)
    assert_true(gains[i] <= gains[i - 1]);
  bench_close(&b);
}

// --- all methods --------------------------------------------------------------------------------

static void test_the_table_shows_all_methods(void **unused) {
  (void)unused;
  bench b = open_bench(false, "bits=3,prune=0.2");
  ask(&b, BD_WANT_METHODS);
  const bd_insight *insight = bd_session_insight(b.desk.session);
  const bd_field *methods = bd_setting_field(BD_FIELD_METHOD);
  const char *text = text_of(&b, ERROR, 90, 26);
  for (int i = 0; i < methods->choice_count; i++) {
    char name[64], number[64];
    bool current = i == BD_TWO_STAGE;
    snprintf(name, sizeof name, "%s%s ", current ? "▸ " : "  ", methods->choices[i].name);
    const char *line = line_with(strstr(text, "[3]"), name);
    for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
      bool best = true;
      for (int j = 0; j < methods->choice_count; j++)
        best &= insight->methods[i][bits] >= insight->methods[j][bits];
      snprintf(number, sizeof number, " %s%.1f%s", insight->methods[i][bits] <= -0.05 ? "−" : "",
               fabs(insight->methods[i][bits]), best ? "*" : "");
      expect(line, number);
    }
  }
  expect(text, "* best SQNR");
  expect(text, "█");                                    // and the bars
  expect_not(text_of(&b, ERROR, 40, 26), "* the best"); // no room: the method in use alone
  expect_not(text_of(&b, ERROR, 90, 6), "* the best");
  bench_close(&b);
}

// A panel asks for what it shows, and only for that.
static void test_panels_want_what_they_show(void **unused) {
  (void)unused;
  for (int panel = 0; panel < PANELS; panel++) {
    const bd_view_class *view = bd_view_at(panel);
    unsigned large = view->wants ? view->wants(90, 26) : 0;
    assert_int_equal(large, panel == ERROR         ? BD_WANT_METHODS
                            : panel == CONVERGENCE ? BD_WANT_SPREAD
                            : panel == CHANNELS    ? BD_WANT_CHANNELS
                            : panel == SENSITIVITY ? BD_WANT_CURVES
                            : panel == FRONTIER    ? BD_WANT_CURVES
                                                   : 0);
  }
  assert_int_equal(bd_view_at(ERROR)->wants(40, 26), 0);
  assert_int_equal(bd_view_at(ERROR)->wants(90, 6), 0);
}

static void test_ascii_screens_are_ascii(void **unused) {
  (void)unused;
  bench b = open_bench(true, "bits=4,prune=0.3");
  ask(&b, BD_WANT_METHODS | BD_WANT_SPREAD | BD_WANT_CHANNELS);
  for (int panel = ERROR; panel < PANELS; panel++) {
    const char *text = text_of(&b, panel, 110, 24);
    for (const char *c = text; *c; c++)
      assert_true(*c == '\n' || (*c >= 0x20 && *c <= 0x7e));
    expect_not(text, "?");
  }
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_excess_is_shown_as_a_distance),
      cmocka_unit_test(test_the_axis_holds_what_it_is_made_of),
      cmocka_unit_test(test_the_spread_has_a_row_for_every_init),
      cmocka_unit_test(test_nothing_is_said_before_it_is_known),
      cmocka_unit_test(test_the_chart_falls_as_the_trace_does),
      cmocka_unit_test(test_the_book_counts_every_weight),
      cmocka_unit_test(test_the_codebook_shows_every_level),
      cmocka_unit_test(test_unused_codes_are_listed_by_runs),
      cmocka_unit_test(test_the_codebook_scrolls),
      cmocka_unit_test(test_channels_show_what_was_measured),
      cmocka_unit_test(test_channels_are_sorted),
      cmocka_unit_test(test_the_table_shows_all_methods),
      cmocka_unit_test(test_panels_want_what_they_show),
      cmocka_unit_test(test_ascii_screens_are_ascii),
  };
  fill_weights();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
