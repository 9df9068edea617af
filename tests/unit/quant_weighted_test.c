// Importance against an exact dynamic programme that counts each weight by it; tables of counts
// against the sorted index of the same weights.
#include "tests/unit/naive_quant.h"

enum { MOST = 9000, ROUNDS = 3000 };

typedef struct item {
  double value, mass;
} item;

static int by_value(const void *a, const void *b) {
  const item *x = a, *y = b;
  return (x->value > y->value) - (x->value < y->value);
}

// --- the exact programme ------------------------------------------------------------------------

typedef struct table {
  long double mass[MOST + 1], sum[MOST + 1], square[MOST + 1];
  long double before[MOST + 1], after[MOST + 1];
} table;

static long double cost(const table *of, size_t from, size_t to) {
  long double mass = of->mass[to] - of->mass[from], sum = of->sum[to] - of->sum[from];
  if (!(mass > 0)) return 0;
  return fmaxl(of->square[to] - of->square[from] - sum * sum / mass, 0);
}

// The least weighted squared error of `items` (sorted) in k runs.
static double weighted_optimum(const item *items, size_t count, int k) {
  table *of = calloc(1, sizeof *of);
  double middle = count ? items[count / 2].value : 0;
  for (size_t i = 0; i < count; i++) {
    long double away = items[i].value - middle;
    of->mass[i + 1] = of->mass[i] + items[i].mass;
    of->sum[i + 1] = of->sum[i] + items[i].mass * away;
    of->square[i + 1] = of->square[i] + items[i].mass * away * away;
  }
  for (size_t j = 0; j <= count; j++)
    of->before[j] = cost(of, 0, j);
  for (int clusters = 2; clusters <= k; clusters++) {
    for (size_t j = 0; j <= count; j++) {
      of->after[j] = of->before[j];
      for (size_t i = 0; i < j; i++)
        of->after[j] = fminl(of->after[j], of->before[i] + cost(of, i, j));
    }
    memcpy(of->before, of->after, sizeof of->before);
  }
  double best = (double)of->before[count];
  free(of);
  return best;
}

// --- importance ---------------------------------------------------------------------------------

typedef struct sample {
  size_t count;
  float weights[MOST], importance[MOST], out[MOST];
  bool pruned[MOST];
  item survivors[MOST];
  size_t left;
} sample;

static void draw(sample *one, int shape, size_t count, double prune, bd_rng *rng) {
  one->count = count;
  naive_fill(shape, rng, one->weights, count);
  int kind = (int)(bd_rng_next(rng) % 4);
  for (size_t i = 0; i < count; i++) {
    double unit = bd_rng_unit(rng);
    double drawn[] = {unit, unit < 0.3 ? 0 : 1 + unit, exp(8 * unit), 1};
    one->importance[i] = (float)drawn[kind];
  }
  one->importance[0] = 0.5f; // never all 0
  naive_prune(one->weights, count, prune, one->pruned);
  one->left = 0;
  for (size_t i = 0; i < count; i++)
    if (!one->pruned[i])
      one->survivors[one->left++] = (item){(double)one->weights[i], (double)one->importance[i]};
  qsort(one->survivors, one->left, sizeof *one->survivors, by_value);
}

static bd_index *weighted_index(const sample *one) {
  bd_index *index;
  bd_error err = {""};
  if (bd_index_new_weighted(one->weights, one->importance, one->count, NULL, NULL, &index, &err) !=
      BD_OK)
    NAIVE_FAIL("%s", err.text);
  return index;
}

static void check_sums(const sample *one, const bd_result *result) {
  double plain = 0, weighted = 0, energy = 0;
  for (size_t i = 0; i < one->count; i++) {
    double weight = (double)one->weights[i], away = weight - (double)one->out[i];
    if (one->pruned[i]) assert_true(one->out[i] == 0);
    plain += away * away;
    weighted += (double)one->importance[i] * away * away;
    energy += (double)one->importance[i] * weight * weight;
  }
  assert_near(result->sse, plain, 1e-6, 1e-12 * energy);
  assert_near(result->weighted_sse, weighted, 1e-6, 1e-12 * energy);
  assert_near(result->sse, result->sse_prune + result->sse_cluster + result->sse_map, 1e-12, 0);
}

static void check_optimum(sample *one, const bd_setting *setting) {
  bd_index *index = weighted_index(one);
  bd_result *result = naive_run(index, setting, BD_PROVED);
  bd_result_apply(result, index, one->weights, one->out);
  int k = (1 << setting->bits) - (setting->zero == BD_CODE && one->left < one->count);
  double best = weighted_optimum(one->survivors, one->left, k), scale = 0;
  for (size_t i = 0; i < one->left; i++)
    scale += one->survivors[i].mass * one->survivors[i].value * one->survivors[i].value;
  if (!near(result->cluster_fit, best, 1e-9, 1e-15 * scale) || !result->proved)
    fail_msg("%zu weights, k %d: %.17g is not %.17g, bound %.17g", one->count, k,
             result->cluster_fit, best, result->cluster_bound);
  check_sums(one, result);
  bd_result_free(result);
  bd_index_free(index);
}

static void optimum_by_importance(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(31, 0);
  sample *one = malloc(sizeof *one);
  for (int number = 0; number < ROUNDS; number++) {
    bd_setting setting = naive_setting("method=kmeans,init=optimal");
    setting.bits = 1 + (int)(bd_rng_next(&rng) % 4);
    setting.prune = (double)(bd_rng_next(&rng) % 4) * 0.25;
    setting.zero = bd_rng_next(&rng) % 2 ? BD_CODE : BD_MASK;
    draw(one, number % SHAPE_COUNT, 1 + bd_rng_next(&rng) % 120, setting.prune, &rng);
    check_optimum(one, &setting);
  }
  free(one);
}

// Large enough for the windows.
static void large_optimum_by_importance(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(32, 0);
  sample *one = malloc(sizeof *one);
  for (int number = 0; number < 4; number++) {
    bd_setting setting = naive_setting("method=kmeans,init=optimal,bits=2");
    setting.prune = number % 2 ? 0.2 : 0;
    draw(one, number % 3, MOST, setting.prune, &rng);
    check_optimum(one, &setting);
  }
  free(one);
}

// Every method gains by its own measure; importance that is the same for all changes nothing.
static void methods_follow_importance(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(33, 0);
  sample *one = malloc(sizeof *one);
  for (int number = 0; number < 400; number++) {
    bd_setting setting = bd_setting_default();
    setting.bits = 1 + (int)(bd_rng_next(&rng) % 6);
    setting.prune = number % 3 ? 0 : 0.3;
    for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
      if (field != BD_FIELD_GRANULARITY)
        bd_setting_step(&setting, field, (int)(bd_rng_next(&rng) % 7));
    draw(one, number % SHAPE_COUNT, 500, setting.prune, &rng);
    bool same = number % 2;
    for (size_t i = 0; same && i < one->count; i++)
      one->importance[i] = 4;
    bd_index *index = weighted_index(one), *plain = naive_index(one->weights, one->count);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    bd_result *other = naive_run(plain, &setting, BD_PROVED);
    bd_result_apply(result, index, one->weights, one->out);
    check_sums(one, result);
    double scale = bd_index_stats(plain)->energy;
    if (same) assert_near(result->weighted_sse, 4 * other->sse, 1e-6, 1e-12 * scale);
    if (same) assert_near(result->sse, other->sse, 1e-6, 1e-12 * scale);
    if (isnan(other->optimum_ratio)) assert_true(isnan(result->optimum_ratio));
    assert_false(result->optimum_ratio < 1);
    bd_result_free(result);
    bd_result_free(other);
    bd_index_free(index);
    bd_index_free(plain);
  }
  free(one);
}

static void wrong_importance_is_told(void **state) {
  (void)state;
  const float weights[] = {1, 2, 3};
  const float wrong[][3] = {{1, -1, 1}, {1, NAN, 1}, {INFINITY, 1, 1}, {0, 0, 0}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    bd_index *index;
    bd_error err = {""};
    assert_int_equal(bd_index_new_weighted(weights, wrong[i], 3, NULL, NULL, &index, &err),
                     BD_INVALID);
    assert_null(index);
    assert_non_null(strstr(err.text, "importance"));
  }
}

// --- tables of counts ---------------------------------------------------------------------------

static int ascending(const void *a, const void *b) {
  const float *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static bd_index *counted_index(const float *weights, size_t count) {
  float sorted[MOST], values[MOST];
  size_t counts[MOST] = {0}, entries = 0;
  for (size_t i = 0; i < count; i++)
    sorted[i] = weights[i] + 0.0f;
  qsort(sorted, count, sizeof *sorted, ascending);
  for (size_t i = 0; i < count; i++) {
    if (i == 0 || sorted[i] != sorted[i - 1]) values[entries++] = sorted[i];
    counts[entries - 1]++;
  }
  bd_index *index;
  bd_error err = {""};
  if (bd_index_new_counted(values, counts, entries, NULL, &index, &err) != BD_OK)
    NAIVE_FAIL("%s", err.text);
  return index;
}

static void check_same_index(const bd_index *counted, const bd_index *sorted, bd_rng *rng) {
  const bd_stats *a = bd_index_stats(counted), *b = bd_index_stats(sorted);
  assert_int_equal(a->count, b->count);
  assert_int_equal(a->zeros, b->zeros);
  assert_int_equal(a->distinct, b->distinct);
  assert_true(a->min == b->min && a->max == b->max && a->median == b->median);
  assert_near(a->energy, b->energy, 1e-14, 0);
  assert_near(a->deviation, b->deviation, 1e-12, 1e-300);
  for (size_t i = 0; i < b->count; i++)
    assert_true(bd_index_value(counted, i) == bd_index_value(sorted, i));
  for (int i = 0; i < 100; i++) {
    double x = b->min + (b->max - b->min) * (1.2 * bd_rng_unit(rng) - 0.1);
    if (i % 2) x = (double)bd_index_value(sorted, bd_rng_next(rng) % b->count);
    assert_int_equal(bd_index_before(counted, x), bd_index_before(sorted, x));
    assert_int_equal(bd_index_through(counted, x), bd_index_through(sorted, x));
    size_t from = bd_rng_next(rng) % b->count, to = from + bd_rng_next(rng) % (b->count - from + 1);
    bd_sums left = bd_index_sums(counted, from, to), right = bd_index_sums(sorted, from, to);
    assert_near(left.sum, right.sum, 1e-13, 1e-300);
    assert_near(left.square, right.square, 1e-13, 1e-300);
  }
}

static void counts_are_the_weights(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(34, 0);
  static float weights[MOST], a[MOST], b[MOST];
  for (int number = 0; number < 300; number++) {
    size_t count = number % 10 ? 1 + bd_rng_next(&rng) % 600 : MOST;
    naive_fill(number % SHAPE_COUNT, &rng, weights, count);
    for (size_t i = 0; i < count; i++) // as few as eight bits of a significand
      weights[i] = ldexpf(rintf(ldexpf(frexpf(weights[i], &(int){0}), 8)), -8);
    bd_setting setting = naive_setting("init=optimal");
    setting.bits = 1 + (int)(bd_rng_next(&rng) % 8);
    setting.prune = (double)(bd_rng_next(&rng) % 3) * 0.35;
    setting.method = (bd_method)(number % 5);
    setting.grid = number % 2 ? BD_AFFINE : BD_SIGNED;
    bd_index *counted = counted_index(weights, count), *sorted = naive_index(weights, count);
    check_same_index(counted, sorted, &rng);
    bd_result *left = naive_run(counted, &setting, BD_PROVED);
    bd_result *right = naive_run(sorted, &setting, BD_PROVED);
    assert_int_equal(left->level_count, right->level_count);
    assert_near(left->sse, right->sse, 1e-9, 1e-15 * bd_index_stats(sorted)->energy);
    assert_true(left->proved == right->proved);
    bd_result_apply(left, counted, weights, a);
    bd_result_apply(right, sorted, weights, b);
    for (size_t i = 0; i < count; i++)
      assert_near((double)a[i], (double)b[i], 1e-6, 1e-9);
    bd_result_free(left);
    bd_result_free(right);
    bd_index_free(counted);
    bd_index_free(sorted);
  }
}

// So many that windows alone can prove it: weights without importance, wherever they lie, are as
// good as not there.
static void stretches_without_importance(void **state) {
  (void)state;
  enum { MANY = 4500000 };
  float *weights = malloc(MANY * sizeof *weights), *importance = malloc(MANY * sizeof *importance);
  float *left = malloc(MANY * sizeof *left);
  bd_rng rng = bd_rng_seed(8, 0);
  naive_fill(SHAPE_NORMAL, &rng, weights, MANY);
  for (int number = 0; number < 3; number++) {
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
      bool out = number == 0   ? weights[i] < -0.1f
                 : number == 1 ? fabsf(weights[i]) < 0.02f
                               : i % 1000 != 0;
      importance[i] = out ? 0 : 1;
      if (!out) left[count++] = weights[i];
    }
    bd_index *index, *rest = naive_index(left, count);
    bd_error err = {""};
    if (bd_index_new_weighted(weights, importance, MANY, NULL, NULL, &index, &err) != BD_OK)
      fail_msg("%s", err.text);
    bd_setting setting = naive_setting("method=kmeans,init=optimal,bits=4");
    bd_result *all = naive_run(index, &setting, BD_PROVED);
    bd_result *alone = naive_run(rest, &setting, BD_PROVED);
    assert_true(all->proved && all->optimum_ratio == 1);
    assert_near(all->cluster_fit, alone->cluster_fit, 1e-8, 0);
    bd_result_free(all);
    bd_result_free(alone);
    bd_index_free(index);
    bd_index_free(rest);
  }
  free(weights);
  free(importance);
  free(left);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(optimum_by_importance),     cmocka_unit_test(large_optimum_by_importance),
      cmocka_unit_test(methods_follow_importance), cmocka_unit_test(wrong_importance_is_told),
      cmocka_unit_test(counts_are_the_weights),    cmocka_unit_test(stretches_without_importance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
