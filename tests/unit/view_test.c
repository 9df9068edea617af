// The panels on real sessions: what they draw is what the session holds; they never leave their
// area or die at any size; keys and the mouse do what they say.
#include "core/base/rng.h"
#include "core/base/text.h"
#include "tests/unit/view_bench.h"
#include "viewers/layers.h"
#include "viewers/show.h"

#include <math.h>

enum { TINY = 6, SIZE = 2048 };

static float normal[SIZE], spiky[SIZE], constant[64], broken[64], zeros[64];

static const tiny_layer tiny[TINY] = {
    {"conv.weight", "MatMul", {32, 64}, 2, normal}, {"spiky/weight", "MatMul", {64, 32}, 2, spiky},
    {"constant", "MatMul", {8, 8}, 2, constant},    {"broken", "MatMul", {8, 8}, 2, broken},
    {"zeros", "MatMul", {8, 8}, 2, zeros},          {"evil\x1b[2J\nñ", "Gemm", {8, 8}, 2, normal},
};

static void fill_weights(void) {
  bd_rng rng = bd_rng_seed(7, 0);
  for (int i = 0; i < SIZE; i++) {
    normal[i] = (float)bd_rng_normal(&rng);
    spiky[i] = i % 3 ? 0 : (float)(0.01 * bd_rng_normal(&rng)); // two thirds are exactly 0
  }
  spiky[0] = 40; // far out
  for (int i = 0; i < 64; i++) {
    constant[i] = 0.25f;
    broken[i] = i == 17 ? NAN : 1.0f;
  }
}

static bench tiny_bench(bool ascii) {
  bench b = bench_open(open_tiny(tiny, TINY), ascii);
  set(&b, 0, "bits=3,prune=0.5");
  set(&b, 1, "bits=4,prune=0.1");
  set(&b, 5, "bits=1");
  settle(b.desk.session);
  return b;
}

// --- what is drawn is what is there -------------------------------------------------------------

// The row of a layer, each field compared with the session's own number, printed here anew.
static void expect_row(const char *text, const bd_session *session, int index) {
  const bd_layer *layer = bd_model_layer(bd_session_model(session), index);
  const bd_layer_state *state = bd_session_layer(session, index);
  const bd_result *result = state->result;
  char name[128], count[32], number[64];
  bd_text_escape(name, sizeof name, layer->tensor);
  const char *row = strstr(text, name);
  if (!row) fail_msg("no row '%s' in\n%s", name, text);
  char line[512];
  snprintf(line, sizeof line, "%.*s", (int)strcspn(row, "\n"), row);
  if (state->refused) {
    expect(line, state->refused);
    return;
  }
  expect(line, layer->depthwise ? "dwConv" : layer->op);
  expect(line, bd_text_count(count, sizeof count, layer->weights));
  snprintf(number, sizeof number, isinf(result->sqnr_db) ? " exact " : " %.1fdB ", result->sqnr_db);
  expect(line, number);
  static const char *const gauges[] = {"▁", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
  int bits = state->dial.setting.bits;
  snprintf(number, sizeof number, " %d%s", bits, gauges[bits - 1]);
  expect(line, number);
  if (state->dial.setting.prune > 0) {
    snprintf(number, sizeof number, " %.0f%% ", state->dial.setting.prune * 100);
    expect(line, number);
  }
  if (result->bytes < 999) {
    snprintf(number, sizeof number, " %.0fB ", result->bytes);
    expect(line, number);
  }
  if (result->proved && result->optimum_ratio < 1 + 1e-9) expect(line, " ✓ ");
}

static void test_the_table_shows_the_session(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  const char *text = text_of(&b, 0, 150, TINY + 1);
  for (int i = 0; i < TINY; i++)
    expect_row(text, b.desk.session, i);
  expect(text, "▸ ");
  expect(text, "evil\\x1B[2J\\nñ");
  bench_close(&b);
}

static void test_the_sample_shows_its_layers(void **unused) {
  (void)unused;
  bd_session *session = open_model("samples/fashion.onnx");
  if (!session) skip();
  bench b = bench_open(session, false);
  for (int i = 0; i < bd_session_count(session); i++)
    set(&b, i, i % 2 ? "bits=3,prune=0.5" : "bits=4");
  settle(session);
  const char *text = text_of(&b, 0, 160, bd_session_count(session) + 1);
  for (int i = 0; i < bd_session_count(session); i++)
    expect_row(text, session, i);
  expect(text_of(&b, 0, 80, 12), "dB ");
  bench_close(&b);
}

static void test_marks_locks_and_stale_results_have_signs(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  int layer = 1;
  bd_dial dial = bd_session_layer(b.desk.session, layer)->dial;
  dial.locked = true;
  dial.setting.bits = 5;
  b.desk.marks[2] = true;
  bd_session_edit(b.desk.session, &layer, &dial, 1, "test");
  const char *text = text_of(&b, 0, 150, TINY + 1);
  expect(text, " 5▄▣");
  expect(text, "~"); // the result is still of 4 bits
  expect(text, " ●");
  settle(b.desk.session);
  expect_not(text_of(&b, 0, 150, TINY + 1), "~");
  bench_close(&b);
}

static const char *header_of(bench *b, int columns) {
  static char *text;
  free(text);
  bd_canvas_reset(b->canvas, columns, 1);
  bd_draw_header(&b->desk, bd_area_whole(b->canvas));
  return text = bd_canvas_text(b->canvas);
}

// All numbers of an earlier setting carry a ~, which is explained beside them.
static void test_numbers_of_the_setting_before_are_marked(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  expect_not(header_of(&b, 140), "~");
  set(&b, 0, "bits=5");
  const char *line = header_of(&b, 140);
  static const char *const totals[] = {" → ~", "×   ~", "  ~", " SQNR ~"};
  for (int i = 0; i < 4; i++)
    expect(line, totals[i]);
  assert_int_equal(bd_canvas_at(b.canvas, 139, 0).role, BD_ROLE_STALE);
  const char *text = text_of(&b, 2, 100, 20);
  static const char *const values[] = {"total ~",
                                       "max error ~",
                                       "levels ~",
                                       "prune ~",
                                       "cluster ~",
                                       "map ~",
                                       "pso ~",
                                       "stored ~",
                                       "bits/w ~",
                                       "entropy ~",
                                       "~ of the setting before"};
  for (int i = 0; i < 11; i++)
    expect(text, values[i]);
  char size[64], bytes[32];
  snprintf(size, sizeof size, "~%s",
           bd_show_bytes(bytes, bd_session_layer(b.desk.session, 0)->result->bytes));
  expect(text_of(&b, 0, 150, 2), size);
  settle(b.desk.session);
  expect_not(text_of(&b, 2, 100, 20), "~");
  expect_not(header_of(&b, 140), "~");
  bench_close(&b);
}

static void test_titles_keep_the_shape(void **unused) {
  (void)unused;
  static const tiny_layer layers[] = {
      {"block2.pointwise.weight", "MatMul", {48, 40}, 2, normal},
      {"a", "MatMul", {1, 1}, 2, normal},
  };
  bench b = bench_open(open_tiny(layers, 2), false);
  settle(b.desk.session);
  for (int columns = 18; columns < 60; columns++) {
    char title[256];
    bd_view_at(1)->title(b.views[1], &b.desk, false, columns, title, sizeof title);
    expect(title, " 48×40");
    assert_true(bd_show_columns(title) <= columns);
    if (!strstr(title, "block2.pointwise.weight")) expect(title, "…");
  }
  bd_canvas_reset(b.canvas, 140, 1);
  expect(header_of(&b, 140), "1,921 weights");
  bench_close(&b);
  b = bench_open(open_tiny(&layers[1], 1), false);
  expect(header_of(&b, 140), "· 1 weight\n");
  bench_close(&b);
}

// Eight numbers of a row never touch, also where there is no error.
static void test_exact_has_a_short_sign(void **unused) {
  (void)unused;
  for (int ascii = 0; ascii < 2; ascii++) {
    bench b = tiny_bench(ascii);
    b.desk.layer = 4; // zeros
    for (int columns = 30; columns < 100; columns++) {
      const char *text = text_of(&b, 2, columns, 6);
      expect(strstr(text, "\ndB"), ascii ? " ex " : " ∞ ");
      expect_not(strstr(text, "\ndB"), "exact");
    }
    bench_close(&b);
  }
}

static void test_the_error_panel_shows_the_split(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  const bd_layer_state *state = bd_session_layer(b.desk.session, 0);
  const bd_result *result = state->result;
  char number[128];
  const char *text = text_of(&b, 2, 100, 14);
  snprintf(number, sizeof number, "total %.1fdB", result->sqnr_db);
  expect(text, number);
  snprintf(number, sizeof number, "▒ prune %.1f%%   █ cluster %.1f%%",
           100 * result->sse_prune / result->sse, 100 * result->sse_cluster / result->sse);
  expect(text, number);
  snprintf(number, sizeof number, "pso %.6f × optimum (proved)", result->optimum_ratio);
  if (result->proved) expect(text, number);
  snprintf(number, sizeof number, "bits/w %.2f   entropy %.2f", result->bits_per_weight,
           result->entropy_bits);
  expect(text, number);
  double ceiling = 10 * log10(bd_index_stats(state->index)->energy / result->sse_prune);
  snprintf(number, sizeof number, "pruning alone %.1fdB", ceiling);
  text = text_of(&b, 2, 45, 14); // narrow: the method in use alone
  expect(text, number);
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    snprintf(number, sizeof number, bits == 3 ? "[%d]" : "  %d", bits);
    expect(strstr(text, "bits  "), number);
    snprintf(number, sizeof number, " %.1f", state->curve[bits]);
    expect(strstr(text, "dB  "), number);
  }
  bench_close(&b);
}

// How many cells of the stacked bar each part has: its share of the squared error.
static void test_the_stack_is_in_proportion(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  const bd_result *result = bd_session_layer(b.desk.session, 0)->result;
  draw(&b, 2, 50, 14);
  int cells[3] = {0};
  for (int i = 0; i < 50; i++) {
    bd_role role = bd_canvas_at(b.canvas, i, 1).role;
    cells[0] += role == BD_ROLE_PRUNED;
    cells[1] += role == BD_ROLE_AFTER;
    cells[2] += role == BD_ROLE_LEVEL;
  }
  assert_int_equal(cells[0] + cells[1] + cells[2], 50);
  assert_true(fabs(cells[0] - 50 * result->sse_prune / result->sse) <= 1);
  assert_true(fabs(cells[1] - 50 * result->sse_cluster / result->sse) <= 1);
  bench_close(&b);
}

static int count_role(const bd_canvas *canvas, int row, bd_role role) {
  int count = 0;
  for (int i = 0; i < bd_canvas_columns(canvas); i++)
    count += bd_canvas_at(canvas, i, row).role == role;
  return count;
}

static void test_the_histogram_marks_levels_and_the_pruned_band(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  const bd_result *result = bd_session_layer(b.desk.session, 0)->result;
  draw(&b, 1, 70, 20); // a narrow panel: two rows of legend, plot, axis, levels, labels
  assert_int_equal(count_role(b.canvas, 18, BD_ROLE_LEVEL), result->level_count);
  int band = count_role(b.canvas, 17, BD_ROLE_PRUNED);
  const bd_stats *stats = bd_index_stats(bd_session_layer(b.desk.session, 0)->index);
  double expected = 2 * result->hole.threshold / (stats->max - stats->min) * 70;
  assert_true(fabs(band - expected) <= 2);
  const char *text = text_of(&b, 1, 70, 20);
  expect(text, "[");
  expect(text, " pruned ");
  expect(text, "pruned 1,024  50.0%");
  expect(text, "before");
  expect(text, "after");
  char title[256];
  bd_view_at(1)->title(b.views[1], &b.desk, false, 80, title, sizeof title);
  assert_string_equal(title, "conv.weight  MatMul 32×64 2,048");
  bench_close(&b);
}

// What lies far out is counted at the edge; zooming out brings it in.
static void test_the_window_says_what_it_leaves_out(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  b.desk.layer = 1;
  expect(text_of(&b, 1, 60, 16), "1 more");
  run(&b, 1, "zoom-in");
  expect(text_of(&b, 1, 60, 16), "more");
  for (int i = 0; i < 20; i++)
    run(&b, 1, "zoom-out");
  const char *text = text_of(&b, 1, 60, 16);
  expect_not(text, "more ");
  expect(text, "40.00");
  run(&b, 1, "zoom-reset");
  expect(text_of(&b, 1, 60, 16), "1 more");
  for (int i = 0; i < 200; i++)
    run(&b, 1, "pan-right");
  expect(text_of(&b, 1, 60, 16), "40.00");
  run(&b, 1, "log-scale");
  expect(text_of(&b, 1, 60, 16), ", log");
  bench_close(&b);
}

static void test_the_header_adds_up(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  bd_totals totals = bd_session_totals(b.desk.session);
  char number[64];
  bd_canvas_reset(b.canvas, 140, 1);
  bd_draw_header(&b.desk, bd_area_whole(b.canvas));
  char *text = bd_canvas_text(b.canvas);
  snprintf(number, sizeof number, "SQNR %.1fdB", totals.sqnr_db);
  expect(text, number);
  snprintf(number, sizeof number, "%.1f×   %.2f bits/w", totals.ratio, totals.bits_per_weight);
  expect(text, number);
  expect(text, "· 6 layers · ");
  expect(text, " * "); // edited
  free(text);
  bd_canvas_reset(b.canvas, 40, 1);
  bd_draw_header(&b.desk, bd_area_whole(b.canvas));
  text = bd_canvas_text(b.canvas);
  expect(text, "SQNR");
  expect(text, "bitdial-v");
  free(text);
  bench_close(&b);
}

// --- order
// ----------------------------------------------------------------------------------------

static void test_sort_filter_and_find(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  const int *layers;
  for (int i = 0; i < 8; i++)
    run(&b, 0, "sort-next"); // number, tensor, op, shape, weights, MACs, bits, prune, SQNR
  assert_string_equal(b.desk.message, "sorted by SQNR, rising");
  assert_int_equal(bd_table_shown(b.views[0], &b.desk, &layers), TINY);
  double last = -INFINITY;
  for (int i = 0; i < TINY - 1; i++) {
    double now = bd_session_layer(b.desk.session, layers[i])->result->sqnr_db;
    assert_true(now >= last);
    last = now;
  }
  assert_int_equal(layers[TINY - 1], 3); // what has no value stands last, also falling
  run(&b, 0, "sort-reverse");
  bd_table_shown(b.views[0], &b.desk, &layers);
  assert_int_equal(layers[TINY - 1], 3);
  set(&b, 0, "bits=8,prune=0"); // the order follows the results
  settle(b.desk.session);
  bd_table_shown(b.views[0], &b.desk, &layers);
  for (int i = 1; i < TINY - 1; i++)
    assert_true(bd_session_layer(b.desk.session, layers[i - 1])->result->sqnr_db >=
                bd_session_layer(b.desk.session, layers[i])->result->sqnr_db);
  snprintf(b.desk.filter, sizeof b.desk.filter, "WEIGHT");
  assert_int_equal(bd_table_shown(b.views[0], &b.desk, &layers), 0);
  expect(text_of(&b, 0, 60, 5), "no layer matches");
  snprintf(b.desk.filter, sizeof b.desk.filter, "weight");
  assert_int_equal(bd_table_shown(b.views[0], &b.desk, &layers), 2);
  b.desk.filter[0] = '\0';
  assert_true(bd_table_find(b.views[0], &b.desk, "gemm", 1));
  assert_int_equal(b.desk.layer, 5);
  assert_false(bd_table_find(b.views[0], &b.desk, "nowhere", 1));
  assert_int_equal(b.desk.layer, 5);
  bench_close(&b);
}

static void test_find_goes_around_both_ways(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  static const int on[] = {1, 0, 1}, back[] = {0, 1, 0};
  for (int i = 0; i < 3; i++) {
    assert_true(bd_table_find(b.views[0], &b.desk, "weight", 1));
    assert_int_equal(b.desk.layer, on[i]);
  }
  for (int i = 0; i < 3; i++) {
    assert_true(bd_table_find(b.views[0], &b.desk, "weight", -1));
    assert_int_equal(b.desk.layer, back[i]);
  }
  bench_close(&b);
}

// The row of the cursor sign, or -1.
static int cursor_row(const bench *b) {
  for (int row = 0; row < bd_canvas_rows(b->canvas); row++)
    if (bd_canvas_at(b->canvas, 0, row).glyph == 0x25b8) return row;
  return -1;
}

static void test_the_cursor_stays_in_sight(void **unused) {
  (void)unused;
  static const char *const names[] = {"down",      "page-down",   "up",           "half-page-down",
                                      "last",      "page-up",     "half-page-up", "first",
                                      "sort-next", "sort-reverse"};
  enum { MANY = 300 };
  static tiny_layer many[MANY];
  static char labels[MANY][16];
  for (int i = 0; i < MANY; i++) {
    snprintf(labels[i], sizeof labels[i], "w%d", i);
    many[i] = (tiny_layer){labels[i], "MatMul", {2, 4}, 2, normal + i};
  }
  bench b = bench_open(open_tiny(many, MANY), false);
  bd_rng rng = bd_rng_seed(3, 0);
  for (int i = 0; i < 500; i++) {
    int rows = 1 + (int)(bd_rng_next(&rng) % 40);
    run(&b, 0, names[bd_rng_next(&rng) % 10]);
    if (i % 7 == 0) bd_view_at(0)->mouse(b.views[0], &b.desk, 5, 3, i % 2 ? 1 : -1);
    draw(&b, 0, 60, rows);
    assert_in_range(cursor_row(&b), rows > 1 ? 1 : 0, rows - 1);
    assert_in_range(b.desk.layer, 0, MANY - 1);
  }
  run(&b, 0, "last");
  draw(&b, 0, 60, 20);
  assert_int_equal(cursor_row(&b), 19); // no empty rows below the last layer
  bench_close(&b);
}

static void test_a_click_takes_a_layer_or_sorts(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  draw(&b, 0, 120, 10);
  bd_view_at(0)->mouse(b.views[0], &b.desk, 8, 3, 0);
  assert_int_equal(b.desk.layer, 2);
  bd_view_at(0)->mouse(b.views[0], &b.desk, 8, 9, 0); // below the last row
  assert_int_equal(b.desk.layer, 2);
  char *head = bd_canvas_text(b.canvas);
  int column = (int)(strstr(head, "weights") - head) + 3;
  free(head);
  bd_view_at(0)->mouse(b.views[0], &b.desk, column, 0, 0);
  assert_string_equal(b.desk.message, "sorted by weights, rising");
  bd_view_at(0)->mouse(b.views[0], &b.desk, column, 0, 0);
  assert_string_equal(b.desk.message, "sorted by weights, falling");
  expect(text_of(&b, 0, 120, 10), "▼weights");
  bench_close(&b);
}

static void test_copy_gives_the_value_in_hand(void **unused) {
  (void)unused;
  bench b = tiny_bench(false);
  char out[256], expected[64];
  bd_view_at(0)->copy(b.views[0], &b.desk, out, sizeof out);
  assert_string_equal(out, "conv.weight");
  for (int i = 0; i < 8; i++)
    run(&b, 0, "sort-next");
  bd_view_at(0)->copy(b.views[0], &b.desk, out, sizeof out);
  const bd_result *result = bd_session_layer(b.desk.session, 0)->result;
  snprintf(expected, sizeof expected, "%.1fdB", result->sqnr_db);
  assert_string_equal(out, expected);
  bd_view_at(1)->copy(b.views[1], &b.desk, out, sizeof out);
  assert_true(fabs(strtod(out, NULL) - result->levels[0]) < 1e-6);
  bd_view_at(1)->copy(b.views[1], &b.desk, out, 4);
  assert_true(strlen(out) < 4);
  b.desk.layer = 3; // refused
  bd_view_at(2)->copy(b.views[2], &b.desk, out, sizeof out);
  assert_string_equal(out, "");
  bench_close(&b);
}

// --- every size
// -----------------------------------------------------------------------------------

// Draws a panel on a part of a larger canvas, and checks that nothing around it was touched.
static void draw_inside(bench *b, int panel, int columns, int rows) {
  assert_true(bd_canvas_reset(b->canvas, columns + 2, rows + 2));
  bd_area whole = bd_area_whole(b->canvas), area = bd_area_part(whole, 1, 1, columns, rows);
  for (int row = 0; row < rows + 2; row++)
    for (int column = 0; column < columns + 2; column++)
      bd_put(whole, column, row, '!', BD_ROLE_ERROR);
  if (panel < PANELS)
    bd_view_at(panel)->draw(b->views[panel], &b->desk, area, true);
  else
    bd_draw_header(&b->desk, area);
  for (int row = 0; row < rows + 2; row++)
    for (int column = 0; column < columns + 2; column++)
      if (row == 0 || column == 0 || row > rows || column > columns)
        assert_int_equal(bd_canvas_at(b->canvas, column, row).glyph, '!');
}

// Every size up to 200×60, or (coarse) every small one and some of the others.
static void sweep(bool ascii, bool settled, bool coarse) {
  bench b = tiny_bench(ascii);
  if (!settled) {
    bd_session_free(b.desk.session);
    b.desk.session = open_tiny(tiny, TINY); // nothing is taken in: no index, no result
  }
  bd_session_want(b.desk.session, settled ? BD_WANT_METHODS | BD_WANT_SPREAD : 0);
  for (int rows = 0; rows <= 60; rows += !coarse || rows < 24 ? 1 : 6)
    for (int columns = 0; columns <= 200; columns += !coarse || columns < 90 ? 1 : 11) {
      b.desk.layer = (rows + columns) % TINY;
      if (settled && (rows + columns) % 37 == 0) bd_session_poll(b.desk.session);
      for (int panel = 0; panel <= PANELS; panel++)
        draw_inside(&b, panel, columns, rows);
    }
  bench_close(&b);
}

static void test_every_size_is_safe(void **unused) {
  (void)unused;
  sweep(false, true, false);
  sweep(true, true, true);
  sweep(false, false, true);
}

static void test_a_model_without_layers(void **unused) {
  (void)unused;
  bench b = bench_open(open_tiny(NULL, 0), false);
  for (int panel = 0; panel <= PANELS; panel++)
    for (int size = 0; size < 80; size++)
      draw_inside(&b, panel, size, size / 3);
  for (int panel = 0; panel < PANELS; panel++)
    for (int i = 0; i < bd_view_at(panel)->command_count; i++)
      run(&b, panel, bd_view_at(panel)->commands[i].name);
  assert_int_equal(b.desk.layer, -1);
  assert_false(bd_table_find(b.views[0], &b.desk, "x", 1));
  expect(text_of(&b, 0, 60, 5), "no layers with weights");
  bench_close(&b);
}

// --- the report
// -----------------------------------------------------------------------------------

static char *report(bench *b, int columns, bool ascii) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  bd_report_text(&b->desk, out, columns, ascii);
  fclose(out);
  return text;
}

static void check_report(bench *b, int columns, bool ascii) {
  char *text = report(b, columns, ascii), number[64];
  const bd_session *session = b->desk.session;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_result *result = bd_session_layer(session, i)->result;
    if (!result || isinf(result->sqnr_db)) continue;
    snprintf(number, sizeof number, "total %.1fdB", result->sqnr_db);
    expect(text, number);
    snprintf(number, sizeof number, "swarm %d: ", result->trace.swarm_count);
    if (result->trace.swarm_count > 0 && columns > 79) expect(text, number);
  }
  if (columns > 79) expect(text, "moved"); // a short codebook is there
  if (columns > 79) expect(text, bd_session_layer(session, 3)->refused); // else wrapped
  expect(text, ascii ? "evil\\x1B[2J\\n\\xC3\\xB1" : "evil\\x1B[2J\\nñ");
  expect_not(text, "▸"); // no cursor on paper
  for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
    int width = 0;
    for (const char *c = line; *c && *c != '\n'; c++) {
      if (ascii) assert_in_range(*c, 0x20, 0x7e);
      width += ((unsigned char)*c & 0xC0) != 0x80;
    }
    assert_true(width <= (columns < 40 ? 40 : columns));
  }
  free(text);
}

static void test_the_report_shows_everything(void **unused) {
  (void)unused;
  static const int widths[] = {1, 40, 79, 120, 400};
  bench b = tiny_bench(false);
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    check_report(&b, widths[i], false);
    check_report(&b, widths[i], true);
  }
  assert_int_equal(b.desk.layer, 0);
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_table_shows_the_session),
      cmocka_unit_test(test_the_sample_shows_its_layers),
      cmocka_unit_test(test_marks_locks_and_stale_results_have_signs),
      cmocka_unit_test(test_numbers_of_the_setting_before_are_marked),
      cmocka_unit_test(test_titles_keep_the_shape),
      cmocka_unit_test(test_exact_has_a_short_sign),
      cmocka_unit_test(test_the_error_panel_shows_the_split),
      cmocka_unit_test(test_the_stack_is_in_proportion),
      cmocka_unit_test(test_the_histogram_marks_levels_and_the_pruned_band),
      cmocka_unit_test(test_the_window_says_what_it_leaves_out),
      cmocka_unit_test(test_the_header_adds_up),
      cmocka_unit_test(test_sort_filter_and_find),
      cmocka_unit_test(test_find_goes_around_both_ways),
      cmocka_unit_test(test_the_cursor_stays_in_sight),
      cmocka_unit_test(test_a_click_takes_a_layer_or_sorts),
      cmocka_unit_test(test_copy_gives_the_value_in_hand),
      cmocka_unit_test(test_every_size_is_safe),
      cmocka_unit_test(test_a_model_without_layers),
      cmocka_unit_test(test_the_report_shows_everything),
  };
  fill_weights();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
