// Every method on random tensors against naive twins: who is pruned, who goes where, what it costs.
#include "tests/unit/naive_quant.h"

enum { MOST = 400, ROUNDS = 4000 };

typedef struct tensor {
  size_t count;
  float weights[MOST], out[MOST];
  bool pruned[MOST];
  size_t asked, zeroed; // by the ratio; with exact zeros
} tensor;

static bd_setting draw_setting(bd_rng *rng) {
  bd_setting setting = bd_setting_default();
  double ratios[] = {0, 0.3, 0.5, 0.8, 1, bd_rng_unit(rng)};
  setting.bits = 1 + (int)(bd_rng_next(rng) % 8);
  setting.prune = ratios[bd_rng_next(rng) % 6];
  setting.seed = bd_rng_next(rng) % 1000;
  for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
    if (field != BD_FIELD_GRANULARITY)
      bd_setting_step(&setting, field, (int)(bd_rng_next(rng) % 7));
  return setting;
}

static void draw_tensor(bd_rng *rng, int number, double ratio, tensor *one) {
  one->count = 1 + bd_rng_next(rng) % (number % 4 ? 60 : MOST);
  naive_fill(number % SHAPE_COUNT, rng, one->weights, one->count);
  one->asked = naive_prune(one->weights, one->count, ratio, one->pruned);
  one->zeroed = 0;
  for (size_t i = 0; i < one->count; i++)
    one->zeroed += one->pruned[i];
}

typedef void check_function(const tensor *one, const bd_index *index, const bd_result *result);

static void over_settings(uint64_t seed, check_function *check) {
  bd_rng rng = bd_rng_seed(seed, 0);
  for (int number = 0; number < ROUNDS; number++) {
    tensor one;
    bd_setting setting = draw_setting(&rng);
    draw_tensor(&rng, number, setting.prune, &one);
    bd_index *index = naive_index(one.weights, one.count);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    bd_result_apply(result, index, one.weights, one.out);
    check(&one, index, result);
    bd_result_free(result);
    bd_index_free(index);
  }
}

// --- the error ----------------------------------------------------------------------------------

static void check_error(const tensor *one, const bd_index *index, const bd_result *result) {
  long double sse = 0, pruned = 0, energy = 0;
  double most = 0;
  for (size_t i = 0; i < one->count; i++) {
    long double away = (long double)one->weights[i] - one->out[i];
    sse += away * away;
    if (one->pruned[i]) pruned += away * away;
    energy += (long double)one->weights[i] * one->weights[i];
    most = fmax(most, (double)fabsl(away));
  }
  (void)index;
  double slack = 1e-15 * (double)energy;
  assert_near(result->sse, (double)sse, 1e-9, slack);
  assert_near(result->sse_prune, (double)pruned, 1e-9, slack);
  assert_near(result->sse, result->sse_prune + result->sse_cluster + result->sse_map, 1e-12, 0);
  bool reassigned = result->setting.method == BD_TWO_STAGE_REFINED; // may win back
  assert_true(result->sse_prune >= 0 && result->sse_cluster >= 0);
  assert_true(reassigned || result->sse_map >= 0);
  assert_near(result->max_error, most, 1e-12, 0);
  if (sse == 0)
    assert_true(result->sse == 0 && isinf(result->sqnr_db) && result->sqnr_db > 0);
  else
    assert_near(result->sqnr_db, (double)(10 * log10l(energy / sse)), 1e-7, 1e-9);
}

static void error_is_that_of_the_weights(void **state) {
  (void)state;
  over_settings(1, check_error);
}

// --- levels and symbols -------------------------------------------------------------------------

static int by_value(const void *a, const void *b) {
  const float *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static void check_levels(const tensor *one, const bd_index *index, const bd_result *result) {
  float sorted[MOST];
  memcpy(sorted, one->out, one->count * sizeof *sorted);
  qsort(sorted, one->count, sizeof *sorted, by_value);
  int distinct = 0;
  for (size_t i = 0; i < one->count;) {
    size_t next = i;
    while (next < one->count && sorted[next] == sorted[i])
      next++;
    assert_true(distinct < result->level_count);
    assert_true(result->levels[distinct] == (double)sorted[i]);
    assert_int_equal(result->occupancy[distinct], next - i);
    distinct++;
    i = next;
  }
  assert_int_equal(distinct, result->level_count);
  bool apart = result->setting.zero == BD_MASK && one->zeroed > 0;
  assert_true(distinct <= (1 << result->setting.bits) + apart);
  for (size_t i = 0; i < one->count; i++) {
    if (one->pruned[i]) assert_true(one->out[i] == 0);
    bool tie =
        result->hole.threshold > 0 && fabs((double)one->weights[i]) == result->hole.threshold;
    if (!tie)
      assert_true(bd_result_level_of(result, index, (double)one->weights[i]) ==
                  (double)one->out[i]);
  }
}

static void levels_are_the_distinct_values(void **state) {
  (void)state;
  over_settings(2, check_levels);
}

static void check_cells(const tensor *one, const bd_index *index, const bd_result *result) {
  (void)index;
  size_t place = 0;
  for (int i = 0; i <= result->cell_count; i++) {
    if (place == result->hole.from) place = result->hole.to;
    if (i == result->cell_count) break;
    assert_int_equal(result->cells[i].from, place);
    assert_true(result->cells[i].to > place);
    assert_true(place >= result->hole.to || result->cells[i].to <= result->hole.from);
    place = result->cells[i].to;
  }
  assert_int_equal(place, one->count);
  assert_int_equal(result->hole.pruned, one->asked);
  assert_int_equal(result->hole.to - result->hole.from, one->zeroed);
}

static void cells_cover_the_survivors(void **state) {
  (void)state;
  over_settings(3, check_cells);
}

// --- size ---------------------------------------------------------------------------------------

// In mask mode a pruned weight's symbol is the mask's, apart from a code whose level is 0.
static double naive_entropy(const tensor *one, const bd_result *result) {
  double entropy = 0;
  bool mask = result->setting.zero == BD_MASK;
  for (size_t i = 0; i < one->count; i++) {
    size_t same = 0;
    for (size_t j = 0; j < one->count; j++)
      same += one->out[j] == one->out[i] && (!mask || one->pruned[j] == one->pruned[i]);
    entropy += log2((double)one->count / (double)same);
  }
  return entropy / (double)one->count;
}

static double naive_bits(const tensor *one, const bd_result *result) {
  const bd_setting *setting = &result->setting;
  double bits = (double)(one->count * (size_t)setting->bits);
  if (setting->zero == BD_MASK)
    bits = (double)(one->count + (one->count - one->zeroed) * (size_t)setting->bits);
  if (setting->method != BD_KMEANS)
    return bits + 32 + (setting->grid == BD_AFFINE ? setting->bits : 0);
  int stored = result->level_count;
  bool kept_zero = false;
  for (size_t i = 0; i < one->count; i++)
    kept_zero |= one->out[i] == 0 && !one->pruned[i];
  if (setting->zero == BD_MASK && one->zeroed && !kept_zero) stored--;
  return bits + 32 * stored;
}

static void check_size(const tensor *one, const bd_index *index, const bd_result *result) {
  (void)index;
  double bits = naive_bits(one, result);
  assert_true(result->bytes == ceil(bits / 8));
  assert_near(result->bits_per_weight, bits / (double)one->count, 1e-14, 0);
  assert_near(result->entropy_bits, naive_entropy(one, result), 1e-12, 1e-12);
}

static void size_and_entropy(void **state) {
  (void)state;
  over_settings(4, check_size);
}

// --- where levels stand -------------------------------------------------------------------------

// The grid over [low, high] from its definition; returns how many levels.
static int naive_grid(const bd_setting *setting, double low, double high, double *levels) {
  int count = 0, bits = setting->bits;
  low = fmin(low, 0);
  high = fmax(high, 0);
  if (setting->grid == BD_SIGNED) {
    int most = (1 << (bits - 1)) - 1;
    double step = fmax(-low, high) / (most ? most : 1);
    if (setting->scale == BD_POW2 && step > 0) step = exp2(ceil(log2(step)));
    if (most == 0) levels[count++] = -step, levels[count++] = step;
    for (int q = -most; most && q <= most; q++)
      levels[count++] = (double)(float)(q * step);
  } else {
    double step = (high - low) / ((1 << bits) - 1);
    double zero = low == high ? 0 : round(-low / step);
    for (int q = 0; q < 1 << bits; q++)
      levels[count++] = (double)(float)(step * (q - zero));
  }
  return count;
}

static double nearest(const double *levels, int count, double value) {
  double best = levels[0];
  for (int i = 1; i < count; i++)
    if (fabs(levels[i] - value) < fabs(best - value)) best = levels[i];
  return best;
}

// One bit, signed, zero as a code: 0 and the one of ±step that costs less.
static int lone_grid(const bd_setting *setting, const double *values, size_t count,
                     double *levels) {
  double size = 0, below[2], above[2] = {0};
  for (size_t i = 0; i < count; i++)
    size = fmax(size, fabs(values[i]));
  if (setting->scale == BD_POW2 && size > 0) size = exp2(ceil(log2(size)));
  below[0] = -size, below[1] = 0, above[1] = size;
  bool lower =
      naive_nearest_sse(values, count, below, 2) < naive_nearest_sse(values, count, above, 2);
  memcpy(levels, lower ? below : above, sizeof below);
  return 2;
}

static bool is_lone(const tensor *one, const bd_setting *setting) {
  return setting->grid == BD_SIGNED && setting->bits == 1 && setting->zero == BD_CODE &&
         one->zeroed > 0;
}

static void check_linear(const tensor *one, const bd_result *result) {
  double values[MOST], levels[256];
  size_t left = naive_survivors(one->weights, one->count, one->pruned, values);
  if (left == 0) return;
  int count = is_lone(one, &result->setting)
                  ? lone_grid(&result->setting, values, left, levels)
                  : naive_grid(&result->setting, values[0], values[left - 1], levels);
  for (size_t i = 0; i < one->count; i++) {
    if (one->pruned[i]) continue;
    double w = (double)one->weights[i], level = nearest(levels, count, w);
    assert_near(fabs((double)one->out[i] - w), fabs(level - w), 1e-12, 1e-15);
  }
  double sse = naive_nearest_sse(values, left, levels, count);
  assert_near(result->sse_map, sse, 1e-9, 1e-15 * fmax(values[left - 1], -values[0]));
  assert_true(result->sse_cluster == 0 && isnan(result->optimum_ratio));
}

// The clustering under a result: the same with the method `kmeans`.
static bd_result *clustering_of(const bd_index *index, const bd_result *result) {
  bd_setting setting = result->setting;
  setting.method = BD_KMEANS;
  setting.scale = BD_FREE;
  return naive_run(index, &setting, BD_PROVED);
}

// Means of the clusters of sorted survivors: cells that share a level are one cluster.
static int cluster_means(const bd_index *index, const bd_result *clusters, double *means,
                         double *sse) {
  int count = 0;
  *sse = 0;
  for (int i = 0; i < clusters->cell_count;) {
    double values[MOST];
    size_t used = 0;
    int level = clusters->cells[i].level;
    for (; i < clusters->cell_count && clusters->cells[i].level == level; i++)
      for (size_t v = clusters->cells[i].from; v < clusters->cells[i].to; v++)
        values[used++] = (double)bd_index_value(index, v);
    long double mean = 0;
    for (size_t v = 0; v < used; v++)
      mean += values[v];
    means[count++] = (double)(mean / (long double)used);
    *sse += naive_cost(values, 0, used);
  }
  return count;
}

// Lloyd stands still: the border between two clusters is half way between their means.
static void check_borders(const bd_index *index, const bd_result *result, const double *means) {
  for (int i = 0, cluster = 0; i + 1 < result->cell_count; i++) {
    const bd_cell *left = &result->cells[i], *right = &result->cells[i + 1];
    if (left->level == right->level) continue;
    double middle = (means[cluster] + means[cluster + 1]) / 2;
    double slack = 1e-12 * fmax(fabs(means[cluster]), fabs(means[cluster + 1]));
    assert_true((double)bd_index_value(index, left->to - 1) <= middle + slack);
    assert_true((double)bd_index_value(index, right->from) >= middle - slack);
    cluster++;
  }
}

static void check_kmeans(const bd_index *index, const bd_result *result) {
  double means[256], sse;
  int count = cluster_means(index, result, means, &sse);
  for (int i = 0, cell = 0; i < count; i++) {
    int level = result->cells[cell].level;
    assert_near(result->levels[level], means[i], 1e-7, 1e-12);
    while (cell < result->cell_count && result->cells[cell].level == level)
      cell++;
  }
  assert_near(result->sse_cluster, sse, 1e-9, 1e-15 * bd_index_stats(index)->energy);
  check_borders(index, result, means);
}

static void check_two_stage(const tensor *one, const bd_index *index, const bd_result *result) {
  bd_result *clusters = clustering_of(index, result);
  double means[256], levels[256], sse;
  int count = cluster_means(index, clusters, means, &sse);
  assert_near(result->sse_cluster, clusters->sse_cluster, 0, 0);
  if (count > 0 && clusters->merged == 0) {
    int grid = is_lone(one, &result->setting)
                   ? lone_grid(&result->setting, means, (size_t)count, levels)
                   : naive_grid(&result->setting, means[0], means[count - 1], levels);
    int cluster = 0;
    for (int i = 0; i < clusters->cell_count; i++) {
      if (i && clusters->cells[i].level != clusters->cells[i - 1].level) cluster++;
      double expected = nearest(levels, grid, means[cluster]);
      double level =
          bd_result_level_of(result, index, (double)bd_index_value(index, clusters->cells[i].from));
      assert_near(fabs(level - means[cluster]), fabs(expected - means[cluster]), 1e-9,
                  2e-7 * fmax(fabs(means[0]), fabs(means[count - 1])) + 1e-15);
    }
  }
  bd_result_free(clusters);
}

// Levels on step·(q − zero), each survivor at its nearest of all such levels.
static void check_on_grid(const tensor *one, const bd_result *result) {
  const bd_setting *setting = &result->setting;
  double levels[257];
  int count = 0, most = (1 << (setting->bits - 1)) - 1;
  bool affine = setting->grid == BD_AFFINE, lone = is_lone(one, setting);
  int first = affine ? 0 : setting->bits > 1 ? -most : -1;
  int last = affine ? (1 << setting->bits) - 1 : setting->bits > 1 ? most : 1;
  for (int q = first; q <= last; q++)
    if (affine || setting->bits > 1 || lone || q != 0)
      levels[count++] = (double)(float)(result->step * (q - result->zero_point));
  if (setting->scale == BD_POW2 && result->step > 0)
    assert_true(log2(result->step) == floor(log2(result->step)));
  int used = 0;
  for (size_t i = 0; i < one->count; i++) {
    double w = (double)one->weights[i], level = (double)one->out[i];
    used |= level > 0 ? 1 : level < 0 ? 2 : 0;
    if (one->pruned[i]) continue;
    assert_true(level == nearest(levels, count, level)); // it is one of them
    if (!lone) assert_near(fabs(level - w), fabs(nearest(levels, count, w) - w), 1e-12, 1e-15);
  }
  if (lone) assert_true(used != 3);
}

static double sse_with(const bd_index *index, const bd_setting *like, bd_method method) {
  bd_setting setting = *like;
  setting.method = method;
  bd_result *result = naive_run(index, &setting, BD_QUICK);
  double sse = result->sse;
  bd_result_free(result);
  return sse;
}

// No clip of a plain scan is better, but for the hundredth that lies between two of its steps.
static void check_linear_mse(const tensor *one, const bd_index *index, const bd_result *result) {
  double values[MOST], levels[256];
  check_on_grid(one, result);
  size_t left = naive_survivors(one->weights, one->count, one->pruned, values);
  assert_true(result->sse <= sse_with(index, &result->setting, BD_LINEAR) * (1 + 1e-12));
  if (left == 0 || is_lone(one, &result->setting) || result->setting.scale == BD_POW2) return;
  double best = INFINITY;
  for (double clip = 1; clip > 0.01; clip *= 0.97) {
    int count = naive_grid(&result->setting, clip * values[0], clip * values[left - 1], levels);
    best = fmin(best, naive_nearest_sse(values, left, levels, count));
  }
  assert_true(result->sse_map <= best * 1.1 + 1e-15 * bd_index_stats(index)->energy);
}

static void check_refined(const tensor *one, const bd_index *index, const bd_result *result) {
  check_on_grid(one, result);
  double slack = 1e-15 * bd_index_stats(index)->energy;
  assert_true(result->sse <=
              sse_with(index, &result->setting, BD_LINEAR_MSE) * (1 + 1e-12) + slack);
  assert_true(result->sse <= sse_with(index, &result->setting, BD_TWO_STAGE) * (1 + 1e-12) + slack);
}

static void check_where(const tensor *one, const bd_index *index, const bd_result *result) {
  if (result->setting.method == BD_LINEAR) check_linear(one, result);
  if (result->setting.method == BD_LINEAR_MSE) check_linear_mse(one, index, result);
  if (result->setting.method == BD_TWO_STAGE_REFINED) check_refined(one, index, result);
  if (result->setting.method == BD_KMEANS) check_kmeans(index, result);
  if (result->setting.method == BD_TWO_STAGE) check_two_stage(one, index, result);
}

static void every_method_by_its_definition(void **state) {
  (void)state;
  over_settings(5, check_where);
}

// --- properties ---------------------------------------------------------------------------------

static void assert_same(const bd_result *a, const bd_result *b) {
  assert_int_equal(a->level_count, b->level_count);
  assert_memory_equal(a->levels, b->levels, (size_t)a->level_count * sizeof *a->levels);
  assert_int_equal(a->cell_count, b->cell_count);
  assert_memory_equal(a->occupancy, b->occupancy, (size_t)a->level_count * sizeof *a->occupancy);
  assert_true(a->sse == b->sse);
}

// Tensors of every size: above a few thousand weights the optimum takes its other way.
static void same_seed_same_bytes(void **state) {
  (void)state;
  enum { COUNT = 60000 };
  float *weights = malloc(COUNT * sizeof *weights);
  bd_rng rng = bd_rng_seed(6, 0);
  for (int round = 0; round < 12; round++) {
    naive_fill(round % SHAPE_OFFSET, &rng, weights, COUNT);
    bd_setting setting = draw_setting(&rng);
    setting.method = BD_KMEANS;
    setting.scale = BD_FREE;
    setting.init = BD_PSO;
    bd_index *index = naive_index(weights, COUNT);
    bd_result *quick = naive_run(index, &setting, BD_QUICK);
    bd_result *proved = naive_run(index, &setting, BD_PROVED);
    assert_same(quick, proved);
    assert_true(proved->proved);
    assert_true(proved->optimum_ratio >= 1 && proved->optimum_ratio < 1.0005);
    assert_true(quick->cluster_bound <= proved->cluster_bound * (1 + 1e-9));
    bd_result_free(quick);
    bd_result_free(proved);
    bd_index_free(index);
  }
  free(weights);
}

static double optimal_sse(const float *weights, size_t count, int bits, double prune) {
  bd_setting setting = naive_setting("method=kmeans,init=optimal");
  setting.bits = bits;
  setting.prune = prune;
  bd_index *index = naive_index(weights, count);
  bd_result *result = naive_run(index, &setting, BD_PROVED);
  double sse = result->sse_cluster;
  bd_result_free(result);
  bd_index_free(index);
  return sse;
}

static void optimum_falls_and_scales(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  float weights[COUNT], other[COUNT];
  bd_rng rng = bd_rng_seed(8, 0);
  for (int shape = 0; shape <= SHAPE_STUDENT; shape++) {
    naive_fill(shape, &rng, weights, COUNT);
    double before = INFINITY;
    for (int bits = 1; bits <= 8; bits++) {
      double sse = optimal_sse(weights, COUNT, bits, 0.3);
      assert_true(sse < before);
      before = sse;
      for (int i = 0; i < COUNT; i++)
        other[i] = -weights[i];
      assert_near(optimal_sse(other, COUNT, bits, 0.3), sse, 1e-11, 0);
      for (int i = 0; i < COUNT; i++)
        other[i] = 0.125f * weights[i];
      assert_near(optimal_sse(other, COUNT, bits, 0.3), sse / 64, 1e-14, 0);
    }
  }
}

static void float_keeps_the_weights(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(9, 0);
  for (int number = 0; number < 200; number++) {
    tensor one;
    bd_setting setting = naive_setting("bits=32");
    setting.prune = number % 2 ? bd_rng_unit(&rng) : 0;
    draw_tensor(&rng, number, setting.prune, &one);
    bd_index *index = naive_index(one.weights, one.count);
    bd_result *result = naive_run(index, &setting, BD_QUICK);
    bd_result_apply(result, index, one.weights, one.out);
    for (size_t i = 0; i < one.count; i++)
      assert_true(one.out[i] == (one.pruned[i] ? 0 : one.weights[i]));
    check_error(&one, index, result);
    assert_null(result->levels);
    assert_true(result->bytes == 4 * (double)one.count && result->bits_per_weight == 32);
    bd_result_free(result);
    bd_index_free(index);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(error_is_that_of_the_weights),
      cmocka_unit_test(levels_are_the_distinct_values),
      cmocka_unit_test(cells_cover_the_survivors),
      cmocka_unit_test(size_and_entropy),
      cmocka_unit_test(every_method_by_its_definition),
      cmocka_unit_test(same_seed_same_bytes),
      cmocka_unit_test(optimum_falls_and_scales),
      cmocka_unit_test(float_keeps_the_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
