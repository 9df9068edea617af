// Channels measured one by one, against plain loops over each channel's weights.
#include "core/quant/channels.h"
#include "tests/unit/naive_quant.h"

enum { MOST = 1200, ROUNDS = 300 };

typedef struct sample {
  bd_axes axes;
  size_t count;
  float weights[MOST], out[MOST];
} sample;

static bd_index *index_of(const sample *one) {
  bd_index *index = naive_index(one->weights, one->count);
  naive_set_reread(index, one->weights, one->axes);
  return index;
}

// The values of a channel and what they are quantized to, side by side. Returns how many.
static size_t take(const sample *one, size_t channel, double *weights, double *out) {
  size_t count = 0;
  for (size_t i = 0; i < one->count; i++) {
    if (i / one->axes.inner % one->axes.channels != channel) continue;
    weights[count] = (double)one->weights[i];
    out[count++] = (double)one->out[i];
  }
  return count;
}

static float naive_db(const double *weights, const double *out, size_t count) {
  double energy = 0, sse = 0;
  for (size_t i = 0; i < count; i++) {
    energy += weights[i] * weights[i];
    sse += (weights[i] - out[i]) * (weights[i] - out[i]);
  }
  return sse > 0 ? (float)(10 * log10(energy / sse)) : INFINITY;
}

static void check_range(const bd_channel *channel, const double *weights, size_t count) {
  double mean = 0, square = 0, low = INFINITY, high = -INFINITY;
  size_t outliers = 0;
  for (size_t i = 0; i < count; i++) {
    mean += weights[i] / (double)count;
    square += weights[i] * weights[i];
    low = fmin(low, weights[i]);
    high = fmax(high, weights[i]);
  }
  double spread = 0;
  for (size_t i = 0; i < count; i++)
    spread += (weights[i] - mean) * (weights[i] - mean) / (double)count;
  for (size_t i = 0; i < count; i++)
    outliers += fabs(weights[i] - mean) > 4 * sqrt(spread) * (1 + 1e-9);
  assert_true((double)channel->min == low && (double)channel->max == high);
  assert_near((double)channel->rms, sqrt(square / (double)count), 1e-6, 1e-12);
  assert_int_equal(channel->outliers, outliers);
}

// The channel as a tensor of its own; nothing is pruned.
static double alone_db(const bd_setting *setting, const double *weights, size_t count) {
  float values[MOST];
  for (size_t i = 0; i < count; i++)
    values[i] = (float)weights[i];
  bd_index *index = naive_index(values, count);
  bd_result *result = naive_run(index, setting, bd_effort_for(setting));
  double db = result->sqnr_db;
  bd_result_free(result);
  bd_index_free(index);
  return db;
}

static void check(const sample *one, const bd_setting *setting, const bd_channels *channels) {
  double weights[MOST], out[MOST];
  assert_int_equal(channels->count, one->axes.channels);
  for (size_t c = 0; c < channels->count; c++) {
    const bd_channel *channel = &channels->channels[c];
    size_t count = take(one, c, weights, out);
    check_range(channel, weights, count);
    float shared = naive_db(weights, out, count);
    if (!(channel->shared_db == shared)) // both may be infinite
      assert_near((double)channel->shared_db, (double)shared, 1e-5, 1e-4);
    if (setting->prune > 0) continue;
    double own = alone_db(setting, weights, count);
    if (!((double)channel->own_db == own)) assert_near((double)channel->own_db, own, 1e-5, 1e-3);
  }
}

static void every_channel_by_itself(void **state) {
  (void)state;
  const bd_axes shapes[] = {{1, 8, 27}, {5, 4, 9}, {40, 6, 1}, {1, 1, 90}, {3, 16, 2}};
  bd_rng rng = bd_rng_seed(21, 0);
  for (int number = 0; number < ROUNDS; number++) {
    sample one = {.axes = shapes[number % 5]};
    one.count = one.axes.outer * one.axes.channels * one.axes.inner;
    naive_fill(number % SHAPE_COUNT, &rng, one.weights, one.count);
    bd_setting setting = naive_setting("init=optimal");
    setting.bits = 1 + number % 8;
    setting.method = (bd_method)(number % 5);
    setting.prune = number % 3 ? 0 : 0.4;
    bd_index *index = index_of(&one);
    bd_result *result = naive_run(index, &setting, BD_PROVED);
    bd_result_apply(result, index, one.weights, one.out);
    setting.granularity = number % 2 ? BD_CHANNEL : BD_TENSOR; // does not matter
    bd_channels *channels;
    bd_error err = {""};
    if (bd_channels_measure(index, &setting, NULL, &channels, &err) != BD_OK)
      fail_msg("%s", err.text);
    setting.granularity = BD_TENSOR;
    check(&one, &setting, channels);
    assert_true(channels->shared_db == result->sqnr_db);
    assert_true(channels->shared_bytes == result->bytes);
    bd_channels_free(channels);
    bd_result_free(result);
    bd_index_free(index);
  }
}

static void totals_are_those_of_both_granularities(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(4, 0);
  sample one = {.axes = {1, 12, 100}, .count = 1200};
  naive_fill(SHAPE_STUDENT, &rng, one.weights, one.count);
  bd_setting setting = naive_setting("bits=3,prune=0.3,method=kmeans");
  bd_index *index = index_of(&one);
  bd_channels *channels;
  bd_error err;
  assert_int_equal(bd_channels_measure(index, &setting, NULL, &channels, &err), BD_OK);
  setting.granularity = BD_CHANNEL;
  bd_result *own = naive_run(index, &setting, BD_QUICK);
  assert_true(channels->own_db == own->sqnr_db && channels->own_bytes == own->bytes);
  assert_true(channels->own_db > channels->shared_db);
  bd_result_free(own);
  bd_channels_free(channels);
  bd_index_free(index);
}

static void refused_without_the_weights(void **state) {
  (void)state;
  const float weights[] = {1, 2, 3};
  bd_index *index = naive_index(weights, 3);
  bd_setting setting = bd_setting_default();
  bd_channels *channels;
  bd_error err;
  assert_int_equal(bd_channels_measure(index, &setting, NULL, &channels, &err), BD_INVALID);
  assert_null(channels);
  bd_index_free(index);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_channel_by_itself),
      cmocka_unit_test(totals_are_those_of_both_granularities),
      cmocka_unit_test(refused_without_the_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
