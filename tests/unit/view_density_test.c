// The two shapes of the histogram: as many weights after as before, where they belong.
#include "core/base/rng.h"
#include "viewers/density.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 5000, COLUMNS = 90 };

static float weights[COUNT];
static bd_density density;

static bd_index *make_index(const float *values, size_t count) {
  bd_index *index;
  bd_error err;
  if (bd_index_new(values, count, NULL, NULL, &index, &err) != BD_OK) fail_msg("%s", err.text);
  return index;
}

static bd_index *normal_index(void) {
  bd_rng rng = bd_rng_seed(11, 0);
  for (int i = 0; i < COUNT; i++)
    weights[i] = (float)(bd_rng_normal(&rng) + (i % 10 == 0 ? 3 : 0));
  return make_index(weights, COUNT);
}

static bd_result *quantized(const bd_index *index, int bits, double prune) {
  bd_setting setting = bd_setting_default();
  bd_result *result;
  bd_error err;
  setting.bits = bits;
  setting.prune = prune;
  if (bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err) != BD_OK)
    fail_msg("%s", err.text);
  return result;
}

static double sum(const double *columns) {
  double total = 0;
  for (int i = 0; i < density.columns; i++)
    total += columns[i];
  return total;
}

static void test_no_weight_is_lost(void **state) {
  (void)state;
  bd_index *index = normal_index();
  const bd_stats *stats = bd_index_stats(index);
  static const double prunes[] = {0, 0.3, 0.9, 1};
  static const int widths[] = {1, 2, 3, 5, 8, 32};
  for (int p = 0; p < 4; p++)
    for (int b = 0; b < 6; b++) {
      bd_result *result = quantized(index, widths[b], prunes[p]);
      bd_density_fill(&density, index, result, stats->min, stats->max, COLUMNS);
      assert_true(fabs(sum(density.before) - COUNT) < 1e-6);
      assert_true(fabs(sum(density.after) - COUNT) < 1e-6);
      double pruned = (double)(result->hole.to - result->hole.from);
      assert_true(fabs(sum(density.pruned) - pruned) < 1e-6);
      bd_result_free(result);
    }
  bd_index_free(index);
}

static void test_before_is_what_counting_gives(void **state) {
  (void)state;
  bd_index *index = normal_index();
  double low = -1.5, high = 2.25, counts[COLUMNS] = {0};
  for (int i = 0; i < COUNT; i++) {
    double column = (weights[i] - low) / (high - low) * COLUMNS;
    if (column >= 0 && column < COLUMNS) counts[(int)column]++;
  }
  bd_density_fill(&density, index, NULL, low, high, COLUMNS);
  for (int i = 0; i < COLUMNS; i++) {
    assert_true(fabs(density.before[i] - counts[i]) <= 1); // a value on an edge may fall either way
    assert_true(density.after[i] == 0);
  }
  assert_true(density.hole_low > density.hole_high);
  bd_index_free(index);
}

// The height of a flat part: the weights of a cell over its width in columns, found by looking at
// every weight for the nearest level.
static void test_after_is_flat_within_a_cell(void **state) {
  (void)state;
  bd_index *index = normal_index();
  const bd_stats *stats = bd_index_stats(index);
  bd_result *result = quantized(index, 2, 0);
  bd_density_fill(&density, index, result, stats->min, stats->max, COLUMNS);
  for (int c = 0; c < result->cell_count; c++) {
    double least = INFINITY, most = -INFINITY, count = 0;
    for (int i = 0; i < COUNT; i++) {
      const bd_cell *cell = &result->cells[c];
      if (weights[i] < bd_index_value(index, cell->from) ||
          weights[i] > bd_index_value(index, cell->to - 1))
        continue;
      least = fmin(least, weights[i]);
      most = fmax(most, weights[i]);
      count++;
    }
    double from = bd_density_column(&density, least), to = bd_density_column(&density, most);
    for (int i = (int)ceil(from); i + 1 < to; i++)
      assert_true(fabs(density.after[i] * (to - from) / count - 1) < 0.02);
  }
  bd_result_free(result);
  bd_index_free(index);
}

static void test_the_hole_lies_around_zero(void **state) {
  (void)state;
  bd_index *index = normal_index();
  bd_result *result = quantized(index, 4, 0.5);
  bd_density_fill(&density, index, result, -4, 4, 80);
  double t = result->hole.threshold;
  assert_true(fabs(density.hole_low + t) < 0.01 && fabs(density.hole_high - t) < 0.01);
  for (int i = 0; i < 80; i++) {
    double left = -4 + i * 0.1;
    if (left + 0.1 < -t || left > t + 0.01) assert_true(density.pruned[i] == 0);
    if (left > -t && left + 0.1 < t) assert_true(density.pruned[i] == density.after[i]);
  }
  bd_result_free(result);
  bd_index_free(index);
}

static void test_kept_weights_stay_where_they_are(void **state) {
  (void)state;
  bd_index *index = normal_index();
  const bd_stats *stats = bd_index_stats(index);
  bd_result *result = quantized(index, BD_BITS_FLOAT, 0);
  bd_density_fill(&density, index, result, stats->min, stats->max, COLUMNS);
  for (int i = 0; i < COLUMNS; i++)
    assert_true(density.after[i] == density.before[i]);
  bd_result_free(result);
  bd_index_free(index);
}

static void test_a_single_value_is_a_spike(void **state) {
  (void)state;
  static const float same[4] = {2, 2, 2, 2};
  bd_index *index = make_index(same, 4);
  bd_result *result = quantized(index, 3, 0);
  for (int end = 0; end < 2; end++) { // in the middle of the window, and on its upper edge
    bd_density_fill(&density, index, result, 1, end ? 2 : 3, 10);
    assert_true(density.before[end ? 9 : 5] == 4);
    assert_true(density.after[end ? 9 : 5] == 4);
    assert_true(sum(density.after) == 4);
  }
  bd_density_fill(&density, index, result, 3, 4, 10); // outside
  assert_true(sum(density.after) == 0);
  bd_result_free(result);
  bd_index_free(index);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_weight_is_lost),
      cmocka_unit_test(test_before_is_what_counting_gives),
      cmocka_unit_test(test_after_is_flat_within_a_cell),
      cmocka_unit_test(test_the_hole_lies_around_zero),
      cmocka_unit_test(test_kept_weights_stay_where_they_are),
      cmocka_unit_test(test_a_single_value_is_a_spike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
