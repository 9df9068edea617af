// The certified optimum against an exact O(kn²) dynamic programme.
#include "tests/unit/naive_quant.h"

enum { INSTANCES = 10000, MOST = 60 };

typedef struct instance {
  int shape, bits;
  size_t count;
  double prune;
  bd_zero zero;
  float weights[MOST];
} instance;

static instance draw(bd_rng *rng, int number) {
  instance one = {.shape = number % SHAPE_COUNT,
                  .bits = 1 + (int)(bd_rng_next(rng) % 5),
                  .count = 1 + bd_rng_next(rng) % MOST,
                  .zero = bd_rng_next(rng) % 2 ? BD_MASK : BD_CODE};
  double ratios[] = {0, 0, 0.1, 0.37, 0.5, 0.8, 1};
  one.prune = ratios[bd_rng_next(rng) % 7];
  naive_fill(one.shape, rng, one.weights, one.count);
  return one;
}

static double expected_optimum(const instance *one) {
  bool pruned[MOST];
  double values[MOST];
  naive_prune(one->weights, one->count, one->prune, pruned);
  size_t left = naive_survivors(one->weights, one->count, pruned, values);
  int k = (1 << one->bits) - (one->zero == BD_CODE && left < one->count);
  return naive_optimum(values, left, k);
}

static void check_instance(const instance *one, int number) {
  bd_setting setting = naive_setting("method=kmeans,init=optimal");
  setting.bits = one->bits;
  setting.prune = one->prune;
  setting.zero = one->zero;
  bd_index *index = naive_index(one->weights, one->count);
  bd_result *result = naive_run(index, &setting, BD_PROVED);
  double expected = expected_optimum(one), scale = bd_index_stats(index)->energy;
  if (!near(result->sse_cluster, expected, 1e-9, 1e-15 * scale) || !result->proved ||
      result->optimum_ratio != 1)
    fail_msg("instance %d (shape %d, n %zu, bits %d, prune %g): %.17g, expected %.17g, proved %d",
             number, one->shape, one->count, one->bits, one->prune, result->sse_cluster, expected,
             result->proved);
  bd_result_free(result);
  bd_index_free(index);
}

static void agrees_with_dynamic_programme(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(7, 0);
  for (int number = 0; number < INSTANCES; number++) {
    instance one = draw(&rng, number);
    check_instance(&one, number);
  }
}

// Large enough for windows: `count` tensors against divide and conquer, at `bits` and the widths
// after it.
static void check_windows(int count, int bits, int widths) {
  enum { LARGE = 40000 };
  float *weights = malloc(LARGE * sizeof *weights);
  double *values = malloc(LARGE * sizeof *values);
  bool *pruned = malloc(LARGE * sizeof *pruned);
  bd_rng rng = bd_rng_seed(12, 0);
  for (int number = 0; number < count; number++) {
    const int shapes[] = {SHAPE_NORMAL, SHAPE_LAPLACE, SHAPE_STUDENT,
                          SHAPE_ATOMS,  SHAPE_ZEROS,   SHAPE_OFFSET};
    naive_fill(shapes[number % 6], &rng, weights, LARGE);
    bd_setting setting = naive_setting("method=kmeans,init=optimal,zero=mask");
    setting.bits = bits + number % widths;
    setting.prune = (double)(number % 3) * 0.25;
    naive_prune(weights, LARGE, setting.prune, pruned);
    size_t left = naive_survivors(weights, LARGE, pruned, values);
    double expected = naive_large_optimum(values, left, 1 << setting.bits);
    bd_index *index = naive_index(weights, LARGE);
    bd_result *quick = naive_run(index, &setting, BD_QUICK);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    if (!near(result->sse_cluster, expected, 1e-9, 1e-18 * bd_index_stats(index)->energy))
      fail_msg("tensor %d: %.17g, expected %.17g, bound %.17g proved %d", number,
               result->sse_cluster, expected, result->cluster_bound, result->proved);
    assert_true(result->proved && result->optimum_ratio == 1);
    assert_true(quick->cluster_bound <= expected * (1 + 1e-9));
    if (!(quick->cluster_bound >= expected * 0.9))
      fail_msg("tensor %d: bound %g of %g", number, quick->cluster_bound, expected);
    bd_result_free(quick);
    bd_result_free(result);
    bd_index_free(index);
  }
  free(weights);
  free(values);
  free(pruned);
}

static void windows_agree_with_divide_and_conquer(void **state) {
  (void)state;
  check_windows(48, 1, 5);
}

static void windows_of_many_clusters(void **state) {
  (void)state;
  check_windows(4, 7, 2);
}

typedef struct heard {
  double bounds[64];
  int count;
} heard;

static void hear(void *arg, double bound) {
  heard *all = arg;
  if (all->count < 64) all->bounds[all->count++] = bound;
}

static void bound_rises_to_the_proof(void **state) {
  (void)state;
  enum { LARGE = 400000 };
  float *weights = malloc(LARGE * sizeof *weights);
  bd_rng rng = bd_rng_seed(5, 0);
  naive_fill(SHAPE_NORMAL, &rng, weights, LARGE);
  bd_index *index = naive_index(weights, LARGE);
  bd_setting setting = naive_setting("method=kmeans,bits=6");
  heard all = {.count = 0};
  bd_result *quick = naive_run(index, &setting, BD_QUICK), *proved;
  bd_error err = {""};
  const bd_watch watch = {hear, &all, false};
  if (bd_quantize_watched(index, &setting, BD_PROVED, &watch, NULL, &proved, &err) != BD_OK)
    fail_msg("%s", err.text);
  assert_true(proved->proved && all.count >= 2);
  assert_true(all.bounds[all.count - 1] > quick->cluster_bound);
  for (int i = 1; i < all.count; i++)
    assert_true(all.bounds[i] > all.bounds[i - 1]);
  assert_true(all.bounds[all.count - 1] <= proved->cluster_bound * (1 + 1e-9));
  bd_result_free(quick);
  bd_result_free(proved);
  bd_index_free(index);
  free(weights);
}

// The proof of a quick result says what the whole way says.
static void proof_goes_on_from_a_quick_result(void **state) {
  (void)state;
  enum { LARGE = 200000 };
  static const char *const settings[] = {
      "method=kmeans,bits=6", "method=kmeans,bits=5,prune=0.5,init=pso-random",
      "method=two-stage,bits=7,prune=0.3,init=kmeans++", "method=two-stage,bits=4,init=random"};
  float *weights = malloc(LARGE * sizeof *weights);
  bd_rng rng = bd_rng_seed(8, 0);
  naive_fill(SHAPE_NORMAL, &rng, weights, LARGE);
  bd_index *index = naive_index(weights, LARGE);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    bd_setting setting = naive_setting(settings[i]);
    bd_result *quick = naive_run(index, &setting, BD_QUICK);
    bd_result *whole = naive_run(index, &setting, BD_PROVED);
    bd_certificate certificate;
    bd_error err = {""};
    assert_non_null(quick->approach);
    assert_false(quick->proved);
    if (bd_quantize_prove(index, &setting, quick->approach, NULL, NULL, &certificate, &err))
      fail_msg("%s", err.text);
    bd_result_take_certificate(quick, &certificate);
    assert_true(quick->proved && whole->proved && !quick->approach);
    assert_true(quick->cluster_bound == whole->cluster_bound);
    assert_true(quick->optimum_ratio == whole->optimum_ratio && quick->sse == whole->sse);
    bd_result_free(quick);
    bd_result_free(whole);
  }
  bd_index_free(index);
  free(weights);
}

static bd_result *run_watched(const bd_index *index, const bd_setting *setting, bd_effort effort,
                              bool pair) {
  bd_watch watch = {NULL, NULL, pair};
  bd_result *result;
  bd_error err = {""};
  if (bd_quantize_watched(index, setting, effort, &watch, NULL, &result, &err) != BD_OK)
    fail_msg("%s", err.text);
  return result;
}

// Enough buckets that the proof is shared out, at the ends of the hole too.
static void two_threads_give_the_same(void **state) {
  (void)state;
  enum { LARGE = 400000 };
  static const char *const settings[] = {"method=kmeans,bits=8", "method=kmeans,bits=8,prune=0.4",
                                         "method=kmeans,bits=7,init=optimal"};
  float *weights = malloc(LARGE * sizeof *weights);
  bd_rng rng = bd_rng_seed(9, 0);
  naive_fill(SHAPE_NORMAL, &rng, weights, LARGE);
  bd_index *index = naive_index(weights, LARGE);
  for (size_t i = 0; i < 2 * sizeof settings / sizeof *settings; i++) {
    bd_setting setting = naive_setting(settings[i / 2]);
    bd_effort effort = i % 2 ? BD_PROVED : BD_QUICK;
    bd_result *one = run_watched(index, &setting, effort, false);
    bd_result *two = run_watched(index, &setting, effort, true);
    assert_true(one->sse == two->sse && one->cluster_bound == two->cluster_bound);
    assert_int_equal(one->proved, two->proved);
    assert_int_equal(one->level_count, two->level_count);
    assert_memory_equal(one->levels, two->levels, (size_t)one->level_count * sizeof *one->levels);
    bd_result_free(one);
    bd_result_free(two);
  }
  bd_index_free(index);
  free(weights);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_dynamic_programme),
      cmocka_unit_test(windows_agree_with_divide_and_conquer),
      cmocka_unit_test(windows_of_many_clusters),
      cmocka_unit_test(bound_rises_to_the_proof),
      cmocka_unit_test(proof_goes_on_from_a_quick_result),
      cmocka_unit_test(two_threads_give_the_same),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
