// What holds of every method, init and grid on any tensor: turned by a power of two, by its sign,
// against its rivals, against its mask.
#include "tests/unit/naive_quant.h"

enum { MOST = 500, ROUNDS = 1200 };

typedef struct sample {
  size_t count;
  float weights[MOST], other[MOST], out[MOST];
  bool pruned[MOST];
} sample;

static bd_setting draw_setting(bd_rng *rng) {
  const double ratios[] = {0, 0.3, 0.5, 0.8};
  bd_setting setting = bd_setting_default();
  setting.bits = 1 + (int)(bd_rng_next(rng) % 8);
  setting.prune = ratios[bd_rng_next(rng) % 4];
  setting.seed = bd_rng_next(rng) % 1000;
  for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
    if (field != BD_FIELD_GRANULARITY)
      bd_setting_step(&setting, field, (int)(bd_rng_next(rng) % 7));
  return setting;
}

static void draw_sample(bd_rng *rng, int number, sample *one) {
  one->count = 1 + bd_rng_next(rng) % (number % 4 ? 80 : MOST);
  naive_fill(number % SHAPE_COUNT, rng, one->weights, one->count);
}

static bd_result *run_on(const float *weights, size_t count, const bd_setting *setting) {
  bd_index *index = naive_index(weights, count);
  bd_result *result = naive_run(index, setting, BD_PROVED);
  bd_index_free(index);
  return result;
}

// A float times a power of two loses nothing, so nothing else may change.
static void power_of_two_scales_all(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(31, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one;
    bd_setting setting = draw_setting(&rng);
    draw_sample(&rng, number, &one);
    for (size_t i = 0; i < one.count; i++)
      one.other[i] = one.weights[i] * 0.125f;
    bd_result *a = run_on(one.weights, one.count, &setting);
    bd_result *b = run_on(one.other, one.count, &setting);
    assert_int_equal(a->level_count, b->level_count);
    for (int i = 0; i < a->level_count; i++)
      assert_true(b->levels[i] == a->levels[i] * 0.125);
    assert_true(b->sse == a->sse / 64 && b->bytes == a->bytes);
    bd_result_free(a);
    bd_result_free(b);
  }
}

static bool has_tie_at_threshold(const sample *one, double ratio) {
  size_t asked = naive_prune(one->weights, one->count, ratio, (bool *)one->pruned);
  double threshold = 0;
  for (size_t i = 0; i < one->count; i++)
    if (one->pruned[i]) threshold = fmax(threshold, fabs((double)one->weights[i]));
  bool tie = false;
  for (size_t i = 0; i < one->count; i++)
    tie |= !one->pruned[i] && fabs((double)one->weights[i]) == threshold;
  return asked > 0 && tie;
}

// `linear` and `linear-mse` on the signed grid, and every clustering with its proved optimum.
// Values on the very middle between two levels go up, so that shapes with ties have no mirror
// image.
static void sign_turns_signed_and_optimal(void **state) {
  (void)state;
  const int shapes[] = {SHAPE_NORMAL, SHAPE_LAPLACE, SHAPE_STUDENT, SHAPE_OFFSET};
  bd_rng rng = bd_rng_seed(32, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one;
    bd_setting setting = draw_setting(&rng);
    draw_sample(&rng, number, &one);
    naive_fill(shapes[number % 4], &rng, one.weights, one.count);
    setting.grid = BD_SIGNED;
    setting.init = BD_OPTIMAL;
    if (has_tie_at_threshold(&one, setting.prune)) continue;
    for (size_t i = 0; i < one.count; i++)
      one.other[i] = -one.weights[i];
    bd_result *a = run_on(one.weights, one.count, &setting);
    bd_result *b = run_on(one.other, one.count, &setting);
    if (!near(a->sse, b->sse, 1e-9, 1e-15 * a->sse_prune))
      fail_msg("%d: %.17g and %.17g", number, a->sse, b->sse);
    assert_int_equal(a->level_count, b->level_count);
    bd_result_free(a);
    bd_result_free(b);
  }
}

static void refined_is_never_worse_than_its_rival(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(33, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one;
    bd_setting setting = draw_setting(&rng);
    draw_sample(&rng, number, &one);
    setting.method = BD_LINEAR_MSE;
    bd_result *rival = run_on(one.weights, one.count, &setting);
    setting.method = BD_TWO_STAGE_REFINED;
    bd_result *refined = run_on(one.weights, one.count, &setting);
    assert_true(refined->sse <= rival->sse * (1 + 1e-12));
    bd_result_free(rival);
    bd_result_free(refined);
  }
}

// What is pruned is zero, as many as the ratio asks for; levels are no more than the bits allow;
// the split of the error adds up.
static void mask_count_and_split_hold(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(34, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one;
    bd_setting setting = draw_setting(&rng);
    draw_sample(&rng, number, &one);
    size_t asked = naive_prune(one.weights, one.count, setting.prune, one.pruned);
    bd_index *index = naive_index(one.weights, one.count);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    bd_result_apply(result, index, one.weights, one.out);
    double sse = 0;
    for (size_t i = 0; i < one.count; i++) {
      double away = (double)one.weights[i] - (double)one.out[i];
      assert_true(!one.pruned[i] || one.out[i] == 0);
      sse += away * away;
    }
    assert_int_equal(result->hole.pruned, asked);
    assert_true(result->level_count <= (1 << setting.bits) + (setting.zero == BD_MASK));
    double energy = bd_index_stats(index)->energy;
    assert_near(result->sse_prune + result->sse_cluster + result->sse_map, sse, 1e-9,
                1e-12 * energy);
    bd_result_free(result);
    bd_index_free(index);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(power_of_two_scales_all),
      cmocka_unit_test(sign_turns_signed_and_optimal),
      cmocka_unit_test(refined_is_never_worse_than_its_rival),
      cmocka_unit_test(mask_count_and_split_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
