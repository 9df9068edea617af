// The index against plain loops over the weights.
#include "tests/unit/naive_quant.h"

#include <float.h>

enum { MOST = 700 };

static size_t draw(bd_rng *rng, int number, float *weights) {
  size_t count = 1 + bd_rng_next(rng) % (number % 3 ? 90 : MOST);
  naive_fill(number % SHAPE_COUNT, rng, weights, count);
  return count;
}

// Calls check(rng, index, weights, count) on tensors of every shape.
static void over_tensors(void (*check)(bd_rng *, const bd_index *, const float *, size_t)) {
  bd_rng rng = bd_rng_seed(11, 0);
  for (int number = 0; number < 600; number++) {
    float weights[MOST];
    size_t count = draw(&rng, number, weights);
    bd_index *index = naive_index(weights, count);
    check(&rng, index, weights, count);
    bd_index_free(index);
  }
}

static void check_stats(bd_rng *rng, const bd_index *index, const float *weights, size_t count) {
  (void)rng;
  const bd_stats *stats = bd_index_stats(index);
  long double sum = 0, energy = 0, square = 0;
  size_t zeros = 0, distinct = 1;
  for (size_t i = 0; i < count; i++) {
    sum += weights[i];
    energy += (long double)weights[i] * weights[i];
    zeros += weights[i] == 0;
  }
  long double mean = sum / (long double)count;
  for (size_t i = 0; i < count; i++)
    square += (weights[i] - mean) * (weights[i] - mean);
  for (size_t i = 1; i < count; i++) {
    assert_true(bd_index_value(index, i - 1) <= bd_index_value(index, i));
    distinct += bd_index_value(index, i) != bd_index_value(index, i - 1);
  }
  assert_int_equal(stats->count, count);
  assert_int_equal(stats->zeros, zeros);
  assert_int_equal(stats->distinct, distinct);
  assert_true(stats->min == (double)bd_index_value(index, 0) &&
              stats->max == (double)bd_index_value(index, count - 1));
  assert_true(stats->median == (double)bd_index_value(index, count / 2));
  assert_near(stats->mean, (double)mean, 1e-13, 1e-15);
  assert_near(stats->energy, (double)energy, 1e-13, 0);
  assert_near(stats->deviation, (double)sqrtl(square / (long double)count), 1e-9, 1e-15);
}

static void stats(void **state) {
  (void)state;
  over_tensors(check_stats);
}

static int by_value(const void *a, const void *b) {
  const float *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static void check_sorted(bd_rng *rng, const bd_index *index, const float *weights, size_t count) {
  float sorted[MOST];
  memcpy(sorted, weights, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, by_value);
  for (size_t i = 0; i < count; i++) {
    assert_true(sorted[i] == bd_index_value(index, i));
    assert_false(signbit(bd_index_value(index, i)) && sorted[i] == 0);
  }
  for (int probe = 0; probe < 20; probe++) {
    double x = (double)sorted[bd_rng_next(rng) % count] + (probe % 3 - 1) * 1e-9;
    size_t before = 0, through = 0;
    for (size_t i = 0; i < count; i++) {
      before += (double)weights[i] < x;
      through += (double)weights[i] <= x;
    }
    assert_int_equal(bd_index_before(index, x), before);
    assert_int_equal(bd_index_through(index, x), through);
  }
  assert_int_equal(bd_index_before(index, -INFINITY), 0);
  assert_int_equal(bd_index_through(index, INFINITY), count);
}

static void sorting_and_searching(void **state) {
  (void)state;
  over_tensors(check_sorted);
}

static void check_range(const bd_index *index, size_t from, size_t to, double absolute) {
  long double sum = 0, square = 0, median = bd_index_stats(index)->median;
  for (size_t i = from; i < to; i++) {
    long double away = bd_index_value(index, i) - median;
    sum += away;
    square += away * away;
  }
  bd_sums sums = bd_index_sums(index, from, to);
  assert_true(sums.count == (double)(to - from));
  assert_near(sums.square, (double)square, 1e-13, absolute);
  assert_near(sums.sum, (double)sum, 1e-13, 1e-14 * sqrt((double)square * sums.count) + absolute);
}

static void check_sums(bd_rng *rng, const bd_index *index, const float *weights, size_t count) {
  (void)weights;
  for (int probe = 0; probe < 20; probe++) {
    size_t from = bd_rng_next(rng) % (count + 1);
    check_range(index, from, from + bd_rng_next(rng) % (count + 1 - from), 0);
  }
}

static void range_sums(void **state) {
  (void)state;
  over_tensors(check_sums);
}

// A huge outlier must not swallow the sums of the small values beside it.
static void sums_beside_outlier(void **state) {
  (void)state;
  enum { COUNT = 4096 };
  float weights[COUNT];
  bd_rng rng = bd_rng_seed(5, 0);
  naive_fill(SHAPE_NORMAL, &rng, weights, COUNT);
  weights[17] = 1e20f;
  bd_index *index = naive_index(weights, COUNT);
  for (size_t from = 1; from + 8 < COUNT; from += 61)
    check_range(index, from, from + (COUNT - 1 - from) / 2, 1e-10);
  bd_index_free(index);
}

static void check_histogram(bd_rng *rng, const bd_index *index, const float *weights,
                            size_t count) {
  enum { BINS = 13 };
  double low = bd_index_stats(index)->min, high = bd_index_stats(index)->max;
  if (bd_rng_next(rng) % 2) low = -1, high = 2;
  size_t counts[BINS], expected[BINS] = {0};
  for (size_t i = 0; i < count; i++) {
    double w = (double)weights[i];
    if (!(w >= low && w <= high)) continue;
    int bin = BINS - 1;
    while (bin > 0 && w < low + (high - low) * bin / BINS)
      bin--;
    expected[bin]++;
  }
  bd_index_histogram(index, low, high, BINS, counts);
  for (int bin = 0; bin < BINS; bin++)
    assert_int_equal(counts[bin], expected[bin]);
}

static void histogram(void **state) {
  (void)state;
  over_tensors(check_histogram);
}

static void check_hole(bd_rng *rng, const bd_index *index, const float *weights, size_t count) {
  bool pruned[MOST];
  double ratios[] = {0, 1, 0.5, 0.8, bd_rng_unit(rng), 0.5 / (double)count};
  double ratio = ratios[bd_rng_next(rng) % 6];
  size_t asked = naive_prune(weights, count, ratio, pruned);
  bd_hole hole = bd_index_hole(index, ratio);
  size_t total = 0, positive = hole.positive_ties, negative = hole.negative_ties;
  for (size_t i = 0; i < count; i++) {
    double w = (double)weights[i];
    bool in = fabs(w) < hole.threshold || w == 0;
    if (hole.threshold > 0 && w == hole.threshold && positive) positive--, in = true;
    if (hole.threshold > 0 && w == -hole.threshold && negative) negative--, in = true;
    assert_int_equal(in, pruned[i]);
    total += pruned[i];
  }
  assert_int_equal(hole.pruned, asked);
  assert_int_equal(hole.to - hole.from, total);
  for (size_t i = hole.from; i < hole.to; i++)
    assert_true(fabs((double)bd_index_value(index, i)) <= hole.threshold);
}

static void pruning(void **state) {
  (void)state;
  over_tensors(check_hole);
  over_tensors(check_hole);
}

static void refuses(void **state) {
  (void)state;
  float weights[] = {1, 2, NAN, 4, INFINITY};
  bd_index *index = (bd_index *)weights;
  bd_error err = {""};
  assert_int_equal(bd_index_new(weights, 5, NULL, NULL, &index, &err), BD_INVALID);
  assert_null(index);
  assert_non_null(strstr(err.text, "weight 2 of 5 is NaN"));
  weights[2] = -INFINITY;
  assert_int_equal(bd_index_new(weights, 5, NULL, NULL, &index, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "infinite"));
  assert_int_equal(bd_index_new(weights, 0, NULL, NULL, &index, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "no weights"));
  bd_cancel cancel = true;
  assert_int_equal(bd_index_new(weights, 2, NULL, &cancel, &index, &err), BD_CANCELLED);
  assert_null(index);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stats),      cmocka_unit_test(sorting_and_searching),
      cmocka_unit_test(range_sums), cmocka_unit_test(sums_beside_outlier),
      cmocka_unit_test(histogram),  cmocka_unit_test(pruning),
      cmocka_unit_test(refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
