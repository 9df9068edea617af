// Values as people read them, short names, and the plan of the table's columns.
#include "viewers/columns.h"
#include "viewers/show.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_sqnr_carries_its_unit(void **state) {
  (void)state;
  char out[BD_SHOW_SIZE];
  assert_string_equal(bd_show_sqnr(out, 44.1), "44.1dB");
  assert_string_equal(bd_show_sqnr(out, -3.26), "−3.3dB");
  assert_string_equal(bd_show_sqnr(out, -0.01), "0.0dB");
  assert_string_equal(bd_show_sqnr(out, INFINITY), "exact");
  assert_string_equal(bd_show_sqnr(out, NAN), "–");
}

static void test_prune_shows_what_was_asked(void **state) {
  (void)state;
  char out[BD_SHOW_SIZE];
  assert_string_equal(bd_show_prune(out, 0), "–");
  assert_string_equal(bd_show_prune(out, 0.5), "50%");
  assert_string_equal(bd_show_prune(out, 0.29), "29%");
  assert_string_equal(bd_show_prune(out, 0.125), "12.5%");
  assert_string_equal(bd_show_prune(out, 0.0004), "0.04%");
  assert_string_equal(bd_show_prune(out, 1), "100%");
}

// A tick says proved, a plain distance was proved too, a bound says that it is one and is never
// rounded down.
static void test_distance_to_the_optimum(void **state) {
  (void)state;
  static const struct {
    double ratio;
    bool proved;
    const char *text;
  } cases[] = {
      {1, true, "✓"},
      {1 + 1e-10, true, "✓"},
      {1.0002, true, "+.02%"},
      {1.00003, true, "+<.01%"},
      {1.013, true, "+1.3%"},
      {1.13, true, "+13%"},
      {3, true, "+200%"},
      {20.2, true, "×20"},
      {1.0002, false, "≤+.02%"},
      {1.00021, false, "≤+.03%"},
      {1, false, "≤+.01%"},
      {1.0101, false, "≤+1.1%"},
      {1.101, false, "≤+11%"},
      {20.2, false, "≤×21"},
      {NAN, false, "…"},
      {INFINITY, false, "…"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bd_result result = {.setting = bd_setting_default(),
                        .optimum_ratio = cases[i].ratio,
                        .proved = cases[i].proved};
    char out[BD_SHOW_SIZE];
    assert_string_equal(bd_show_optimum(out, &result), cases[i].text);
    assert_true(bd_show_columns(out) <= 6);
    result.setting.method = BD_LINEAR;
    assert_string_equal(bd_show_optimum(out, &result), "–");
  }
}

static void test_bytes_take_five_columns(void **state) {
  (void)state;
  char out[BD_SHOW_SIZE];
  assert_string_equal(bd_show_bytes(out, 208), "208B");
  assert_string_equal(bd_show_bytes(out, 20787), "20.3K");
  assert_string_equal(bd_show_bytes(out, 431718), "422K");
  assert_string_equal(bd_show_bytes(out, 9.0 * (1 << 20)), "9.0M");
  static const char units[] = "BKMGTP";
  for (double bytes = 1; bytes < 1e15; bytes *= 1.01) { // to half of the last digit
    char unit;
    double number, step = strchr(bd_show_bytes(out, bytes), '.') ? 0.1 : 1;
    assert_true(strlen(out) <= 5);
    assert_int_equal(sscanf(out, "%lf%c", &number, &unit), 2);
    double size = pow(1024, (double)(strchr(units, unit) - units));
    assert_true(fabs(number - bytes / size) <= step / 2 + 1e-9);
  }
}

static void test_macs_take_five_columns(void **state) {
  (void)state;
  static const struct {
    double macs;
    const char *text;
  } cases[] = {{0, "0"},         {812, "812"},     {999, "999"},
               {1000, "1.0K"},   {20300, "20.3K"}, {999499, "999K"},
               {999500, "1.0M"}, {4.1e9, "4.1G"},  {NAN, "–"}};
  char out[BD_SHOW_SIZE];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(bd_show_macs(out, cases[i].macs), cases[i].text);
  for (double macs = 1; macs < 1e17; macs *= 1.01)
    assert_true(strlen(bd_show_macs(out, macs)) <= 5);
}

static void test_values_are_short(void **state) {
  (void)state;
  char out[BD_SHOW_SIZE];
  assert_string_equal(bd_show_value(out, 0), "0");
  assert_string_equal(bd_show_value(out, -0.3149), "−0.315");
  assert_string_equal(bd_show_value(out, 0.02), "0.0200");
  assert_string_equal(bd_show_value(out, 12.345), "12.35");
  assert_string_equal(bd_show_value(out, -1.2e-5), "−1.2e−5");
  assert_string_equal(bd_show_value(out, 3e38), "3.0e38");
  assert_string_equal(bd_show_value(out, 5e-324), "4.9e−324");
}

static void test_shapes_and_operators(void **state) {
  (void)state;
  char out[64];
  bd_layer layer = {.op = "Conv", .shape = {96, 1, 3, 3}, .rank = 4, .depthwise = true};
  assert_string_equal(bd_show_shape(out, sizeof out, &layer), "96×1×3×3");
  assert_string_equal(bd_show_op(out, sizeof out, &layer), "dwConv");
  layer.rank = 0;
  layer.depthwise = false;
  assert_string_equal(bd_show_shape(out, sizeof out, &layer), "–");
  assert_string_equal(bd_show_op(out, sizeof out, &layer), "Conv");
}

static void test_names_reach_the_screen_safe(void **state) {
  (void)state;
  char out[64];
  assert_string_equal(bd_show_name(out, sizeof out, "añb\x1b[2J", false), "añb\\x1B[2J");
  assert_string_equal(bd_show_name(out, sizeof out, "añb", true), "a\\xC3\\xB1b");
}

static void test_short_names_stay_apart(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int columns;
    const char *brief;
  } cases[] = {
      {"c3.weight", 9, "c3.weight"},
      {"model.layers.10.self_attn.q_proj.weight", 39, "model.layers.10.self_attn.q_proj.weight"},
      {"model.layers.10.self_attn.q_proj.weight", 37, "mo….layers.10.self_attn.q_proj.weight"},
      {"model.layers.10.self_attn.q_proj.weight", 24, "m.l.10.s_a.q_pro….weight"},
      {"onnx::Conv_255", 8, "…::C_255"},
      {"onnx::Conv_255", 5, "…_255"},
      {"éàü.ñandú", 5, "é.ña…"},
      {"12345", 3, "…45"},
      {"abc", 1, "…"},
      {"123", 1, "…"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[64];
    bd_show_short(out, sizeof out, cases[i].name, cases[i].columns);
    assert_string_equal(out, cases[i].brief);
  }
  char tail[64];
  assert_string_equal(bd_show_tail(tail, sizeof tail, "a.ñandú", 4), "…ndú");
  assert_string_equal(bd_show_tail(tail, sizeof tail, "ñandú", 5), "ñandú");
  char tight[6];
  bd_show_short(tight, sizeof tight, "12345", 4);
  assert_true(strlen(tight) < sizeof tight);
}

static bool shown(const bd_plan *plan, bd_column column) {
  return plan->width[column] > 0;
}

static void check_plan(const bd_plan *plan, int columns) {
  int end = 0;
  for (int i = 0; i < BD_COLUMN_COUNT; i++) {
    if (!plan->width[i]) continue;
    assert_true(plan->at[i] >= end + (i == 0 ? 0 : 1) || end == 0);
    end = plan->at[i] + plan->width[i];
    assert_true(end <= columns);
    assert_int_equal(bd_columns_at(plan, plan->at[i]), i);
  }
}

static void test_columns_never_overlap_or_leave(void **state) {
  (void)state;
  static const bd_longest models[] = {{2, 13, 6, 10, 7, true},
                                      {1, 3, 4, 5, 3, false},
                                      {5, 90, 13, 30, 15, true},
                                      {0, 0, 0, 0, 0, true}};
  for (size_t m = 0; m < sizeof models / sizeof *models; m++)
    for (int columns = 0; columns <= 300; columns++) {
      bd_plan plan = bd_columns_plan(&models[m], columns);
      check_plan(&plan, columns);
    }
}

// screen.md's order: what is dropped at some width stays dropped below it, and comes back above.
static void test_columns_drop_in_one_order(void **state) {
  (void)state;
  static const bd_column order[] = {
      BD_COLUMN_SHAPE,   BD_COLUMN_MACS,  BD_COLUMN_NUMBER,  BD_COLUMN_SIZE,
      BD_COLUMN_LOCAL,   BD_COLUMN_OP,    BD_COLUMN_WEIGHTS, BD_COLUMN_SPARK,
      BD_COLUMN_OPTIMUM, BD_COLUMN_PRUNE, BD_COLUMN_BITS,    BD_COLUMN_SQNR,
  };
  bd_longest longest = {2, 20, 6, 12, 7, true};
  int seen = 0;
  for (int columns = 5; columns <= 200; columns++) {
    bd_plan plan = bd_columns_plan(&longest, columns);
    int dropped = 0;
    for (; dropped < 12 && !shown(&plan, order[dropped]); dropped++)
      continue;
    for (int i = dropped; i < 12; i++)
      assert_true(shown(&plan, order[i]));
    seen |= 1 << dropped;
    assert_true(shown(&plan, BD_COLUMN_TENSOR));
  }
  assert_int_equal(seen, (1 << 13) - 1); // every step of the way occurs
}

static void test_columns_at_common_sizes(void **state) {
  (void)state;
  bd_longest sample = {2, 13, 6, 10, 6, false};
  bd_plan plan = bd_columns_plan(&sample, 66); // the left part of 118 columns
  for (int i = 0; i < BD_COLUMN_COUNT; i++)
    assert_int_equal(shown(&plan, (bd_column)i), i != BD_COLUMN_NUMBER && i != BD_COLUMN_SHAPE &&
                                                     i != BD_COLUMN_MACS && i != BD_COLUMN_LOCAL);
  sample.local = true; // in the place of the size
  plan = bd_columns_plan(&sample, 66);
  assert_true(shown(&plan, BD_COLUMN_LOCAL) && !shown(&plan, BD_COLUMN_SIZE));
  plan = bd_columns_plan(&sample, 80);
  assert_true(shown(&plan, BD_COLUMN_SQNR) && shown(&plan, BD_COLUMN_OPTIMUM));
  for (int i = 0; i < BD_COLUMN_COUNT; i++) // a head never runs into its neighbour
    if (i != BD_COLUMN_SPARK && shown(&plan, (bd_column)i))
      assert_true(bd_show_columns(bd_column_title((bd_column)i)) <= plan.width[i]);
  plan = bd_columns_plan(&sample, 110);
  for (int i = 0; i < BD_COLUMN_COUNT; i++)
    assert_true(shown(&plan, (bd_column)i));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sqnr_carries_its_unit),
      cmocka_unit_test(test_prune_shows_what_was_asked),
      cmocka_unit_test(test_distance_to_the_optimum),
      cmocka_unit_test(test_bytes_take_five_columns),
      cmocka_unit_test(test_macs_take_five_columns),
      cmocka_unit_test(test_values_are_short),
      cmocka_unit_test(test_shapes_and_operators),
      cmocka_unit_test(test_names_reach_the_screen_safe),
      cmocka_unit_test(test_short_names_stay_apart),
      cmocka_unit_test(test_columns_never_overlap_or_leave),
      cmocka_unit_test(test_columns_drop_in_one_order),
      cmocka_unit_test(test_columns_at_common_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
