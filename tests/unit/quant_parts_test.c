// Channels and groups against a naive twin: each part's weights are taken out by plain loops,
// pruned ones (over the whole tensor) set to zero, and quantized as a tensor of their own.
#include "core/quant/coded.h"
#include "tests/unit/naive_quant.h"

enum { MOST = 800, ROUNDS = 1500 };

typedef struct sample {
  bd_axes axes;
  size_t count;
  float weights[MOST], out[MOST];
  bool pruned[MOST];
  bd_index *index;
  bd_result *result;
} sample;

static void open_sample(sample *one, int shape, bd_axes axes, const bd_setting *setting,
                        bd_rng *rng) {
  one->axes = axes;
  one->count = axes.outer * axes.channels * axes.inner;
  naive_fill(shape, rng, one->weights, one->count);
  naive_prune(one->weights, one->count, setting->prune, one->pruned);
  one->index = naive_index(one->weights, one->count);
  naive_set_reread(one->index, one->weights, axes);
  one->result = naive_run(one->index, setting, BD_PROVED);
  bd_result_apply(one->result, one->index, one->weights, one->out);
}

static void close_sample(sample *one) {
  bd_result_free(one->result);
  bd_index_free(one->index);
}

// --- the twin -----------------------------------------------------------------------------------

// What all parts come to.
typedef struct twin {
  double sse, sse_prune, sse_cluster, sse_map, bits, max_error;
  int most_levels;
  size_t parts;
} twin;

static bd_setting alone(const bd_setting *setting) {
  bd_setting own = *setting;
  own.granularity = BD_TENSOR;
  own.group = 0;
  own.prune = 0;
  return own;
}

// Starts that are drawn go other ways where sums differ in the last digit, as they do when pruned
// weights are zero already: then there is nothing to compare but the sum of the error.
static bool is_drawn(const bd_setting *setting) {
  return setting->prune > 0 && bd_setting_clusters(setting) && setting->init != BD_OPTIMAL;
}

static void add_part(const sample *one, const bd_setting *setting, const size_t *places,
                     size_t count, twin *sums) {
  float values[MOST], out[MOST];
  const bd_part *part = one->result->part ? &one->result->part[sums->parts] : NULL;
  for (size_t i = 0; i < count; i++)
    values[i] = one->pruned[places[i]] ? 0 : one->weights[places[i]];
  bd_setting own = alone(setting);
  bd_index *index = naive_index(values, count);
  bd_result *result = naive_run(index, &own, BD_PROVED);
  bd_result_apply(result, index, values, out);
  double scale = sqrt(bd_index_stats(index)->energy / (double)count);
  double pruned = 0;
  for (size_t i = 0; i < count; i++) {
    double weight = (double)one->weights[places[i]], value = (double)one->out[places[i]];
    if (one->pruned[places[i]]) pruned += weight * weight;
    if (one->pruned[places[i]]) assert_true(value == 0);
    sums->sse += (weight - value) * (weight - value);
    sums->max_error = fmax(sums->max_error, fabs(weight - value));
    if (!is_drawn(setting)) assert_near(value, (double)out[i], 1e-5, 1e-6 * scale);
  }
  if (part && !is_drawn(setting)) {
    assert_near((double)part->sse_cluster, result->sse_cluster, 1e-5, 1e-9 * scale * scale);
    assert_near((double)part->sse_map, result->sse_map, 1e-4, 1e-6 * scale * scale);
    assert_near(part->step, result->step, 1e-5, 0);
    assert_int_equal(part->level_count, result->level_count);
    assert_true(part->proved == result->proved);
  }
  if (part) assert_near((double)part->sse_prune, pruned, 1e-5, 0);
  sums->sse_prune += pruned;
  sums->sse_cluster += result->sse_cluster;
  sums->bits += round(result->bits_per_weight * (double)count);
  sums->most_levels =
      result->level_count > sums->most_levels ? result->level_count : sums->most_levels;
  sums->parts++;
  bd_result_free(result);
  bd_index_free(index);
}

static size_t group_of(const sample *one, const bd_setting *setting) {
  size_t channel = one->axes.outer * one->axes.inner;
  return setting->granularity == BD_GROUP ? setting->group : channel;
}

static twin twin_of(const sample *one, const bd_setting *setting) {
  twin sums = {0};
  const bd_axes *axes = &one->axes;
  for (size_t channel = 0; channel < axes->channels; channel++) {
    size_t places[MOST], used = 0;
    for (size_t outer = 0; outer < axes->outer; outer++)
      for (size_t inner = 0; inner < axes->inner; inner++) {
        places[used++] = (outer * axes->channels + channel) * axes->inner + inner;
        if (used < group_of(one, setting)) continue;
        add_part(one, setting, places, used, &sums);
        used = 0;
      }
    if (used) add_part(one, setting, places, used, &sums);
  }
  return sums;
}

// --- checks -------------------------------------------------------------------------------------

static void check_sums(const sample *one, const bd_setting *setting) {
  const bd_result *result = one->result;
  twin sums = twin_of(one, setting);
  double energy = bd_index_stats(one->index)->energy;
  assert_int_equal(result->parts.count, sums.parts);
  assert_near(result->sse, sums.sse, 1e-5, 1e-9 * energy);
  assert_near(result->sse, result->sse_prune + result->sse_cluster + result->sse_map, 1e-12, 0);
  assert_near(result->sse_prune, sums.sse_prune, 1e-9, 0);
  assert_near(result->max_error, sums.max_error, 1e-5, 1e-7 * sqrt(energy));
  assert_true(result->most_levels <= (1 << setting->bits) + (setting->zero == BD_MASK));
  if (is_drawn(setting)) return;
  assert_near(result->sse_cluster, sums.sse_cluster, 1e-9, 1e-12 * energy);
  assert_int_equal(result->most_levels, sums.most_levels);
  assert_near(result->bits_per_weight * (double)one->count, sums.bits, 1e-12, 0);
  assert_near(result->bytes, ceil(sums.bits / 8), 1e-12, 0);
}

// Codes are places among the levels of the part, and their entropy is what is said of it.
static void check_codes(const sample *one) {
  bd_coded *coded;
  bd_error err;
  float values[MOST];
  size_t counts[BD_LEVELS_MAX + 2] = {0};
  double entropy = 0;
  assert_int_equal(bd_coded_of(one->result, one->index, one->weights, one->axes, &coded, &err),
                   BD_OK);
  bd_coded_values(coded, values);
  for (size_t i = 0; i < one->count; i++) {
    size_t part = bd_parts_find(&coded->parts, i);
    const bd_book *book = &coded->books[part];
    assert_true(coded->codes[i] < book->count);
    assert_true(values[i] == one->out[i]);
    if (one->result->part) assert_int_equal(book->count, one->result->part[part].level_count);
    bool masked = one->pruned[i] && one->result->setting.zero == BD_MASK;
    counts[masked ? BD_LEVELS_MAX + 1 : coded->codes[i]]++;
  }
  for (int i = 0; i < BD_LEVELS_MAX + 2; i++)
    if (counts[i]) entropy += (double)counts[i] * log2((double)one->count / (double)counts[i]);
  assert_near(one->result->entropy_bits, entropy / (double)one->count, 1e-9, 1e-12);
  bd_coded_free(coded);
}

static bd_setting draw_setting(bd_rng *rng) {
  bd_setting setting = bd_setting_default();
  setting.bits = 1 + (int)(bd_rng_next(rng) % 8);
  setting.prune = (double)(bd_rng_next(rng) % 4) * 0.3;
  for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
    if (field != BD_FIELD_GRANULARITY)
      bd_setting_step(&setting, field, (int)(bd_rng_next(rng) % 7));
  setting.granularity = bd_rng_next(rng) % 3 ? BD_GROUP : BD_CHANNEL;
  if (setting.granularity == BD_GROUP) setting.group = 1 + bd_rng_next(rng) % 60;
  return setting;
}

static void parts_are_tensors_of_their_own(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(17, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one;
    bd_axes axes = {1 + bd_rng_next(&rng) % 3, 1 + bd_rng_next(&rng) % 8,
                    1 + bd_rng_next(&rng) % 33};
    bd_setting setting = draw_setting(&rng);
    open_sample(&one, number % SHAPE_COUNT, axes, &setting, &rng);
    check_sums(&one, &setting);
    check_codes(&one);
    close_sample(&one);
  }
}

// One part is the tensor itself, to the bit.
static void one_channel_is_the_tensor(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(18, 0);
  for (int number = 0; number < 200; number++) {
    sample one, whole;
    bd_setting setting = draw_setting(&rng), tensor = setting;
    tensor.granularity = BD_TENSOR;
    tensor.group = 0;
    setting.granularity = BD_CHANNEL;
    setting.group = 0;
    bd_rng again = rng;
    open_sample(&one, number % SHAPE_COUNT, (bd_axes){3, 1, 100}, &setting, &rng);
    open_sample(&whole, number % SHAPE_COUNT, (bd_axes){3, 1, 100}, &tensor, &again);
    assert_memory_equal(one.out, whole.out, one.count * sizeof *one.out);
    assert_true(one.result->sse == whole.result->sse);
    assert_true(one.result->bytes == whole.result->bytes);
    close_sample(&one);
    close_sample(&whole);
  }
}

// Many equal weights, of both signs, over several channels: the first ones by index are pruned.
static void ties_go_by_index(void **state) {
  (void)state;
  for (int percent = 0; percent <= 100; percent += 4) {
    sample one = {.axes = {2, 5, 10}, .count = 100};
    bd_setting setting = naive_setting("method=kmeans,bits=2,granularity=channel,zero=mask");
    setting.prune = percent / 100.0;
    for (size_t i = 0; i < one.count; i++)
      one.weights[i] = i % 3 ? 1.0f : i % 2 ? -1.0f : 2.0f;
    naive_prune(one.weights, one.count, setting.prune, one.pruned);
    one.index = naive_index(one.weights, one.count);
    naive_set_reread(one.index, one.weights, one.axes);
    one.result = naive_run(one.index, &setting, BD_QUICK);
    bd_result_apply(one.result, one.index, one.weights, one.out);
    for (size_t i = 0; i < one.count; i++)
      assert_true(one.out[i] == (one.pruned[i] ? 0 : one.weights[i]));
    check_codes(&one);
    close_sample(&one);
  }
}

static void without_the_weights_it_is_refused(void **state) {
  (void)state;
  const float weights[] = {1, 2, 3, 4};
  bd_index *index = naive_index(weights, 4);
  bd_setting setting = naive_setting("granularity=group:2");
  bd_result *result;
  bd_error err = {""};
  assert_int_equal(bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "granularity"));
  setting.bits = BD_BITS_FLOAT;
  assert_int_equal(bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err), BD_OK);
  bd_result_free(result);
  bd_index_free(index);
}

static void cancelled_leaves_nothing(void **state) {
  (void)state;
  sample one;
  bd_rng rng = bd_rng_seed(19, 0);
  bd_setting setting = naive_setting("granularity=group:8");
  open_sample(&one, 0, (bd_axes){1, 8, 64}, &setting, &rng);
  bd_cancel cancel = true;
  bd_result *result;
  bd_error err = {""};
  assert_int_equal(bd_quantize(one.index, &setting, BD_QUICK, &cancel, &result, &err),
                   BD_CANCELLED);
  assert_null(result);
  close_sample(&one);
}

// Many tiles, shared out between two threads.
static void two_threads_give_the_same(void **state) {
  (void)state;
  const bd_axes axes = {1, 1024, 1024};
  size_t count = axes.channels * axes.inner;
  float *weights = malloc(count * sizeof *weights);
  bd_rng rng = bd_rng_seed(23, 0);
  naive_fill(1, &rng, weights, count);
  bd_index *index = naive_index(weights, count);
  naive_set_reread(index, weights, axes);
  bd_setting setting = naive_setting("granularity=group:512,method=kmeans,bits=3,prune=0.4");
  bd_result *one = naive_run(index, &setting, BD_QUICK), *two;
  bd_watch watch = {NULL, NULL, true};
  bd_error err = {""};
  assert_int_equal(bd_quantize_watched(index, &setting, BD_QUICK, &watch, NULL, &two, &err), BD_OK);
  assert_true(one->block_count > 1);
  assert_true(one->sse == two->sse && one->bytes == two->bytes &&
              one->cluster_bound == two->cluster_bound);
  for (size_t part = 0; part < one->parts.count; part++) {
    size_t segments = one->part[part].segment_count;
    assert_int_equal(segments, two->part[part].segment_count);
    assert_memory_equal(one->part[part].segments, two->part[part].segments,
                        segments * sizeof(bd_segment));
  }
  bd_result_free(one);
  bd_result_free(two);
  bd_index_free(index);
  free(weights);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_are_tensors_of_their_own),
      cmocka_unit_test(one_channel_is_the_tensor),
      cmocka_unit_test(ties_go_by_index),
      cmocka_unit_test(two_threads_give_the_same),
      cmocka_unit_test(without_the_weights_it_is_refused),
      cmocka_unit_test(cancelled_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
