// Tensors that break sums, scales and clusterings: fewer levels or a refusal, never NaN.
#include "core/quant/links.h"
#include "tests/unit/naive_quant.h"

#include <float.h>

enum { MOST = 5000 };

static void check_finite(const bd_result *result, const char *what) {
  bool fine = isfinite(result->sse) && isfinite(result->sse_prune) &&
              isfinite(result->sse_cluster) && isfinite(result->sse_map) &&
              !isnan(result->sqnr_db) && isfinite(result->max_error) &&
              isfinite(result->bits_per_weight) && isfinite(result->entropy_bits) &&
              isfinite(result->bytes) && result->level_count >= 1;
  for (int i = 0; i < result->level_count; i++)
    fine = fine && isfinite(result->levels[i]) &&
           (i == 0 || result->levels[i - 1] < result->levels[i]);
  bool clustered = result->setting.method != BD_LINEAR && result->setting.method != BD_LINEAR_MSE;
  if (clustered) fine = fine && result->optimum_ratio >= 1;
  if (!fine) fail_msg("%s: not finite or not ascending", what);
}

static void check_applied(const bd_result *result, const bd_index *index, const float *weights,
                          const char *what) {
  float out[MOST];
  bd_result_apply(result, index, weights, out);
  long double sse = 0;
  for (size_t i = 0; i < result->count; i++)
    sse += ((long double)weights[i] - out[i]) * ((long double)weights[i] - out[i]);
  double slack = 1e-14 * bd_index_stats(index)->energy;
  if (!near(result->sse, (double)sse, 1e-9, slack))
    fail_msg("%s: sse %.17g, applied %.17g", what, result->sse, (double)sse);
}

// Every setting on one tensor.
static void try_all(const float *weights, size_t count, const char *name) {
  const double ratios[] = {0, 0.5, 0.999, 1};
  bd_index *index = naive_index(weights, count);
  for (int code = 0; code < 5 * 2 * 2 * 4 * 8; code++) {
    bd_setting setting = bd_setting_default();
    setting.method = (bd_method)(code % 5);
    setting.init = (bd_init)(code % 6); // 5 and 6 have no common factor: all pairs come up
    setting.grid = (bd_grid)(code / 5 % 2);
    setting.zero = (bd_zero)(code / 10 % 2);
    setting.prune = ratios[code / 20 % 4];
    setting.bits = 1 + code / 80;
    if (code % 7 == 0 && setting.method != BD_KMEANS) setting.scale = BD_POW2;
    char what[128];
    snprintf(what, sizeof what, "%s, setting %d", name, code);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    check_finite(result, what);
    check_applied(result, index, weights, what);
    bd_result_free(result);
  }
  bd_index_free(index);
}

static void fill(float *weights, size_t count, float a, float b) {
  for (size_t i = 0; i < count; i++)
    weights[i] = i % 3 ? a : b;
}

static void few_values(void **state) {
  (void)state;
  float weights[300];
  const float pairs[][2] = {{0, 0},
                            {-0.0f, 0},
                            {1, 1},
                            {-3, -3},
                            {1, -1},
                            {FLT_MAX, FLT_MAX},
                            {FLT_MAX, -FLT_MAX},
                            {FLT_TRUE_MIN, 0},
                            {FLT_TRUE_MIN, -FLT_TRUE_MIN},
                            {FLT_MAX, FLT_TRUE_MIN},
                            {1, 1 + FLT_EPSILON}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char name[64];
    snprintf(name, sizeof name, "%g and %g", (double)pairs[i][0], (double)pairs[i][1]);
    fill(weights, 300, pairs[i][0], pairs[i][1]);
    try_all(weights, 300, name);
    try_all(weights, 1, name);
    try_all(weights, 2, name);
  }
}

static void few_weights(void **state) {
  (void)state;
  float weights[260];
  bd_rng rng = bd_rng_seed(1, 1);
  naive_fill(SHAPE_NORMAL, &rng, weights, 260);
  for (size_t count = 1; count <= 17; count++)
    try_all(weights, count, "few weights");
  for (size_t count = 254; count <= 258; count++)
    try_all(weights, count, "about 256 weights");
}

static void wide_ranges(void **state) {
  (void)state;
  static float weights[MOST];
  bd_rng rng = bd_rng_seed(1, 2);
  naive_fill(SHAPE_NORMAL, &rng, weights, MOST);
  weights[100] = FLT_MAX;
  try_all(weights, MOST, "one outlier");
  weights[7] = -FLT_MAX;
  weights[8] = FLT_TRUE_MIN;
  try_all(weights, MOST, "both outliers");
  for (size_t i = 0; i < MOST; i++)
    weights[i] = (float)ldexp(bd_rng_unit(&rng) - 0.5, (int)(bd_rng_next(&rng) % 250) - 125);
  try_all(weights, MOST, "every exponent");
  for (size_t i = 0; i < MOST; i++)
    weights[i] = (float)((int)(bd_rng_next(&rng) % 2001) - 1000) * FLT_TRUE_MIN;
  try_all(weights, MOST, "denormals");
}

// Mean 1, deviation 1e-4: sums that are not centred lose every digit.
static void far_from_zero(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  float weights[COUNT];
  double values[COUNT];
  bool none[COUNT] = {false};
  bd_rng rng = bd_rng_seed(1, 3);
  naive_fill(SHAPE_OFFSET, &rng, weights, COUNT);
  try_all(weights, COUNT, "mean 1");
  naive_survivors(weights, COUNT, none, values);
  bd_setting setting = naive_setting("bits=3,method=kmeans,init=optimal");
  bd_index *index = naive_index(weights, COUNT);
  bd_result *result = naive_run(index, &setting, BD_PROVED);
  assert_near(result->sse_cluster, naive_optimum(values, COUNT, 8), 1e-9, 0);
  assert_true(result->proved);
  bd_result_free(result);
  bd_index_free(index);
}

// Exact cells cost exactly nothing.
static void exact_where_values_are_few(void **state) {
  (void)state;
  enum { COUNT = 9000 };
  static float weights[COUNT];
  bd_rng rng = bd_rng_seed(1, 4);
  for (size_t i = 0; i < COUNT; i++)
    weights[i] = (float)(0.1 * (double)(bd_rng_next(&rng) % 16)) - 0.7f;
  bd_index *index = naive_index(weights, COUNT);
  const char *texts[] = {"bits=4,method=kmeans,init=optimal", "bits=4,method=kmeans",
                         "bits=8,method=kmeans,init=optimal", "bits=5,method=kmeans,zero=mask"};
  for (int i = 0; i < 4; i++) {
    bd_setting setting = naive_setting(texts[i]);
    bd_result *result = naive_run(index, &setting, BD_QUICK);
    assert_true(result->sse == 0 && result->max_error == 0 && isinf(result->sqnr_db));
    assert_true(result->optimum_ratio == 1 && result->proved);
    assert_int_equal(result->level_count, 16);
    bd_result_free(result);
  }
  bd_index_free(index);
}

// To the nearest 16-bit float, ties to even.
static double round_to_half(double value) {
  if (value == 0) return value;
  double unit = ldexp(1, (int)fmax(ilogb(value), -14) - 10);
  double rounded = nearbyint(value / unit) * unit;
  return fabs(rounded) < 65536 ? rounded : copysign(INFINITY, value);
}

// Levels of a 16-bit tensor are values of its type; means that round to one are one level.
static void narrow_types(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  float weights[COUNT];
  bd_rng rng = bd_rng_seed(1, 5);
  for (size_t i = 0; i < COUNT; i++)
    weights[i] = (float)round_to_half(i % 2 ? 65504 - 32 * (double)(i % 50) : bd_rng_normal(&rng));
  bd_index *index = NULL;
  assert_int_equal(bd_index_new(weights, COUNT, round_to_half, NULL, &index, NULL), BD_OK);
  const char *texts[] = {"bits=8,method=kmeans,init=optimal", "bits=8", "bits=8,grid=affine",
                         "bits=3,method=linear,grid=affine", "bits=1,prune=0.2"};
  for (int i = 0; i < 5; i++) {
    bd_setting setting = naive_setting(texts[i]);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    check_finite(result, texts[i]);
    check_applied(result, index, weights, texts[i]);
    for (int level = 0; level < result->level_count; level++)
      assert_true(result->levels[level] == round_to_half(result->levels[level]));
    bd_result_free(result);
  }
  bd_index_free(index);
}

static void cancelled(void **state) {
  (void)state;
  float weights[MOST];
  bd_rng rng = bd_rng_seed(1, 6);
  naive_fill(SHAPE_NORMAL, &rng, weights, MOST);
  bd_index *index = naive_index(weights, MOST);
  bd_setting setting = naive_setting("bits=4");
  bd_result *result = (bd_result *)weights;
  bd_cancel cancel = true;
  bd_error err = {""};
  assert_int_equal(bd_quantize(index, &setting, BD_QUICK, &cancel, &result, &err), BD_CANCELLED);
  assert_null(result);
  bd_index_free(index);
}

// What is cancelled before it began is freed like the rest: nothing in it may be left unset.
static void edges_cancelled_at_once(void **state) {
  (void)state;
  float weights[MOST];
  bd_rng rng = bd_rng_seed(1, 7);
  naive_fill(SHAPE_NORMAL, &rng, weights, MOST);
  bd_index *index = naive_index(weights, MOST);
  bd_survivors survivors = bd_survivors_of(index, bd_index_hole(index, 0), true);
  bd_cancel cancel = true;
  bd_error err = {""};
  bd_links links;
  memset(&links, 0xAA, sizeof links);
  assert_int_equal(bd_links_all(&survivors, &cancel, &links, &err), BD_CANCELLED);
  assert_null(links.edges);
  assert_null(links.best);
  bd_links_free(&links);
  bd_index_free(index);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(few_values),
      cmocka_unit_test(few_weights),
      cmocka_unit_test(wide_ranges),
      cmocka_unit_test(far_from_zero),
      cmocka_unit_test(exact_where_values_are_few),
      cmocka_unit_test(narrow_types),
      cmocka_unit_test(cancelled),
      cmocka_unit_test(edges_cancelled_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
