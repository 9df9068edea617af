// The engine from inside: replaced weights, runs that go on in the middle, convolutions against a
// naive twin, memory.
#include "core/base/file.h"
#include "core/base/rng.h"
#include "core/engine/conv.h"
#include "core/engine/dnnl.h"
#include "core/engine/engine.h"
#include "core/engine/metrics.h"
#include "core/engine/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char sample[] = "samples/fashion.onnx";

// --- convolutions --------------------------------------------------------------------------------

static float *random_floats(bd_rng *rng, int64_t count) {
  float *out = malloc((size_t)count * sizeof *out);
  for (int64_t i = 0; i < count; i++)
    out[i] = (float)bd_rng_normal(rng);
  return out;
}

static void naive_conv(const bd_conv_shape *s, const float *x, const float *w, const float *b,
                       float *y) {
  int64_t each = s->in_channels / s->groups, made = s->out_channels / s->groups;
  for (int64_t o = 0; o < s->out_channels; o++)
    for (int64_t i = 0; i < s->out[0]; i++)
      for (int64_t j = 0; j < s->out[1]; j++) {
        double sum = (double)b[o];
        for (int64_t c = 0; c < each; c++)
          for (int64_t u = 0; u < s->kernel[0]; u++)
            for (int64_t v = 0; v < s->kernel[1]; v++) {
              int64_t row = i * s->stride[0] - s->low[0] + u * s->dilation[0];
              int64_t column = j * s->stride[1] - s->low[1] + v * s->dilation[1];
              if (row < 0 || row >= s->in[0] || column < 0 || column >= s->in[1]) continue;
              int64_t channel = o / made * each + c;
              sum += (double)x[(channel * s->in[0] + row) * s->in[1] + column] *
                     (double)w[((o * each + c) * s->kernel[0] + u) * s->kernel[1] + v];
            }
        if (sum < 0 && s->eltwise == BD_ELTWISE_RELU) sum *= (double)s->alpha;
        y[(o * s->out[0] + i) * s->out[1] + j] = (float)sum;
      }
}

static bd_conv_shape random_shape(bd_rng *rng) {
  bd_conv_shape s = {.spatial = 2, .batch = 1, .bias = true};
  int64_t kind = (int64_t)(bd_rng_next(rng) % 3);
  s.groups = kind == 0 ? 1 : kind == 1 ? 2 : 6;
  s.in_channels = kind == 2 ? 6 : s.groups * (1 + (int64_t)(bd_rng_next(rng) % 40));
  s.out_channels = kind == 2 ? 6 : s.groups * (1 + (int64_t)(bd_rng_next(rng) % 40));
  for (int i = 0; i < 2; i++) {
    s.kernel[i] = 1 + (int64_t)(bd_rng_next(rng) % 3);
    s.stride[i] = 1 + (int64_t)(bd_rng_next(rng) % 2);
    s.dilation[i] = 1 + (int64_t)(bd_rng_next(rng) % 2);
    s.low[i] = (int64_t)(bd_rng_next(rng) % 2);
    s.in[i] = 6 + (int64_t)(bd_rng_next(rng) % 6);
    int64_t span = (s.kernel[i] - 1) * s.dilation[i] + 1;
    s.out[i] = (s.in[i] + s.low[i] - span) / s.stride[i] + 1;
    s.high[i] = (s.out[i] - 1) * s.stride[i] + span - s.in[i] - s.low[i];
  }
  if (bd_rng_next(rng) % 2) {
    s.eltwise = BD_ELTWISE_RELU;
    s.alpha = 0.25f;
  }
  s.in_last = s.out_last = bd_rng_next(rng) % 2;
  return s;
}

// rows × columns, turned around; frees what it was.
static float *turned(float *values, int64_t rows, int64_t columns) {
  float *out = malloc((size_t)(rows * columns) * sizeof *out);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      out[j * rows + i] = values[i * columns + j];
  free(values);
  return out;
}

static void one_conv(bd_rng *rng) {
  bd_conv_shape s = random_shape(rng);
  int64_t in = s.in_channels * s.in[0] * s.in[1], out = s.out_channels * s.out[0] * s.out[1];
  float *x = random_floats(rng, in), *b = random_floats(rng, s.out_channels);
  float *w =
      random_floats(rng, s.out_channels * s.in_channels / s.groups * s.kernel[0] * s.kernel[1]);
  float *ours = malloc((size_t)out * sizeof *ours), *naive = malloc((size_t)out * sizeof *naive);
  bool fast;
  bd_dnnl_conv *conv = bd_dnnl_conv_new(&s, &fast);
  assert_non_null(conv);
  void *packed = aligned_alloc(64, (bd_dnnl_conv_packed(conv) + 127) / 64 * 64);
  void *scratch = aligned_alloc(64, (bd_dnnl_conv_scratch(conv) + 127) / 64 * 64);
  assert_true(bd_dnnl_conv_pack(conv, w, packed));
  naive_conv(&s, x, w, b, naive);
  if (s.in_last) x = turned(x, s.in_channels, s.in[0] * s.in[1]);
  assert_true(bd_dnnl_conv_run(conv, x, packed, b, ours, scratch));
  if (s.out_last) ours = turned(ours, s.out[0] * s.out[1], s.out_channels);
  for (int64_t i = 0; i < out; i++)
    assert_true(fabsf(ours[i] - naive[i]) <= 1e-4f * (1 + fabsf(naive[i])));
  bd_dnnl_conv_free(conv);
  free(x), free(w), free(b), free(ours), free(naive), free(packed), free(scratch);
}

static void test_convolutions_agree_with_a_naive_twin(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(7, 0);
  bd_error err;
  assert_int_equal(bd_dnnl_start(&err), BD_OK);
  for (int i = 0; i < 200; i++)
    one_conv(&rng);
}

// --- plans ---------------------------------------------------------------------------------------

typedef struct fixture {
  bd_model *model;
  bd_engine *engine;
  bd_tensor input;
} fixture;

static fixture open_sample(bool apart) {
  fixture f;
  bd_error err;
  assert_int_equal(bd_model_open(sample, &f.model, &err), BD_OK);
  bd_tensor_shape(&f.input, BD_TYPE_FLOAT, 4, (const int64_t[]){1, 1, 28, 28});
  bd_engine_options options = {.apart = apart};
  assert_int_equal(bd_engine_compile(f.model, &f.input, &options, &f.engine, &err), BD_OK);
  bd_rng rng = bd_rng_seed(3, 0);
  f.input.data = random_floats(&rng, f.input.count);
  for (int64_t i = 0; i < f.input.count; i++)
    ((float *)f.input.data)[i] = fabsf(((float *)f.input.data)[i]) * 100;
  return f;
}

static void close_sample(fixture *f) {
  bd_engine_free(f->engine);
  bd_model_close(f->model);
  free(f->input.data);
}

static void outputs(const bd_run *run, float out[10]) {
  memcpy(out, bd_run_output(run, 0)->data, 10 * sizeof *out);
}

static bool same(const float *a, const float *b) {
  return memcmp(a, b, 10 * sizeof *a) == 0;
}

// Every second weight of a layer set to 0.
static void halve(const bd_model *model, int layer, bd_swap *swap) {
  bd_weights weights;
  bd_error err;
  assert_int_equal(bd_model_weights(model, layer, &weights, &err), BD_OK);
  float *values = malloc(weights.count * sizeof *values);
  for (size_t i = 0; i < weights.count; i++)
    values[i] = i % 2 ? 0 : weights.data[i];
  assert_int_equal(bd_swap_set(swap, layer, values, &err), BD_OK);
  free(values);
  bd_weights_free(&weights);
}

static void test_replaced_weights_come_and_go(void **state) {
  (void)state;
  fixture f = open_sample(false);
  bd_error err;
  bd_run *run;
  bd_swap *swap;
  float plain[10], changed[10], again[10];
  assert_int_equal(bd_run_new(f.engine, false, &run, &err), BD_OK);
  assert_int_equal(bd_swap_new(f.engine, &swap, &err), BD_OK);
  assert_int_equal(bd_run_all(run, NULL, &f.input, NULL, &err), BD_OK);
  outputs(run, plain);
  for (int layer = 0; layer < bd_model_layer_count(f.model); layer++) {
    halve(f.model, layer, swap);
    assert_int_equal(bd_run_all(run, swap, &f.input, NULL, &err), BD_OK);
    outputs(run, changed);
    assert_false(same(plain, changed));
    assert_int_equal(bd_run_all(run, NULL, &f.input, NULL, &err), BD_OK);
    outputs(run, again);
    assert_true(same(plain, again));
    assert_int_equal(bd_swap_set(swap, layer, NULL, &err), BD_OK);
    assert_int_equal(bd_run_all(run, swap, &f.input, NULL, &err), BD_OK);
    outputs(run, again);
    assert_memory_equal(plain, again, sizeof plain);
  }
  bd_swap_free(swap);
  bd_run_free(run);
  close_sample(&f);
}

// The effect of each layer alone, from the last to the first, on one kept run.
static void test_a_kept_run_goes_on_from_each_layer(void **state) {
  (void)state;
  fixture f = open_sample(false);
  bd_error err;
  bd_run *kept, *whole;
  float from[10], all[10];
  assert_int_equal(bd_run_new(f.engine, true, &kept, &err), BD_OK);
  assert_int_equal(bd_run_new(f.engine, false, &whole, &err), BD_OK);
  assert_int_equal(bd_run_all(kept, NULL, &f.input, NULL, &err), BD_OK);
  for (int layer = bd_model_layer_count(f.model) - 1; layer >= 0; layer--) {
    bd_swap *swap;
    assert_int_equal(bd_swap_new(f.engine, &swap, &err), BD_OK);
    halve(f.model, layer, swap);
    assert_int_equal(bd_run_from(kept, swap, layer, NULL, &err), BD_OK);
    outputs(kept, from);
    assert_int_equal(bd_run_all(whole, swap, &f.input, NULL, &err), BD_OK);
    outputs(whole, all);
    assert_true(same(from, all));
    bd_swap_free(swap);
  }
  assert_int_equal(bd_run_from(whole, NULL, 0, NULL, &err), BD_FAILED);
  bd_run_free(kept);
  bd_run_free(whole);
  close_sample(&f);
}

static void test_a_layer_shows_its_own_output(void **state) {
  (void)state;
  fixture f = open_sample(true);
  bd_error err;
  bd_run *run;
  bd_tensor before, after;
  assert_int_equal(bd_run_new(f.engine, true, &run, &err), BD_OK);
  assert_int_equal(bd_run_all(run, NULL, &f.input, NULL, &err), BD_OK);
  assert_int_equal(bd_run_layer_output(run, 0, &before, &err), BD_OK);
  assert_int_equal(before.dims[1], bd_model_layer(f.model, 0)->shape[0]);
  assert_false(before.last);
  bool negative = false; // apart: no Relu has joined the step
  for (int64_t i = 0; i < before.count; i++)
    negative |= ((float *)before.data)[i] < 0;
  assert_true(negative);
  bd_swap *swap;
  assert_int_equal(bd_swap_new(f.engine, &swap, &err), BD_OK);
  halve(f.model, 0, swap);
  assert_int_equal(bd_run_layer(run, swap, 0, &err), BD_OK);
  assert_int_equal(bd_run_layer_output(run, 0, &after, &err), BD_OK);
  bd_likeness likeness = bd_compare(before.data, after.data, before.count, false);
  assert_true(likeness.noise > 0 && likeness.noise < 10 * likeness.signal);
  free(before.data), free(after.data);
  bd_swap_free(swap);
  bd_run_free(run);
  close_sample(&f);
}

static void test_buffers_are_shared(void **state) {
  (void)state;
  fixture f = open_sample(false);
  bd_engine_memory memory = bd_engine_memory_of(f.engine);
  assert_true(memory.run > 0 && 2 * memory.run < memory.run_kept);
  close_sample(&f);
}

static void test_the_ceiling_holds(void **state) {
  (void)state;
  bd_model *model;
  bd_engine *engine;
  bd_error err;
  bd_tensor input;
  bd_engine_options options = {.memory = 10000};
  assert_int_equal(bd_model_open(sample, &model, &err), BD_OK);
  bd_tensor_shape(&input, BD_TYPE_FLOAT, 4, (const int64_t[]){1, 1, 28, 28});
  assert_int_not_equal(bd_engine_compile(model, &input, &options, &engine, &err), BD_OK);
  assert_non_null(strstr(err.text, "--memory"));
  bd_tensor_shape(&input, BD_TYPE_DOUBLE, 4, (const int64_t[]){1, 1, 28, 28});
  assert_int_equal(bd_engine_compile(model, &input, NULL, &engine, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "float32"));
  assert_non_null(strstr(err.text, "float64"));
  bd_model_close(model);
}

// --- metrics -------------------------------------------------------------------------------------

// A map of the file would end the program by SIGBUS here.
static void test_a_model_cut_short_while_open(void **state) {
  (void)state;
  char path[] = "/tmp/bitdial-engine-XXXXXX", *bytes;
  size_t size;
  bd_error err;
  bd_model *model;
  bd_engine *engine;
  bd_tensor input;
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(bd_file_read(sample, 64 << 20, &bytes, &size, &err), BD_OK);
  assert_int_equal(write(fd, bytes, size), size);
  free(bytes);
  assert_int_equal(bd_model_open(path, &model, &err), BD_OK);
  bd_tensor_shape(&input, BD_TYPE_FLOAT, 4, (const int64_t[]){1, 1, 28, 28});
  assert_int_equal(ftruncate(fd, 100), 0);
  assert_int_equal(bd_engine_compile(model, &input, NULL, &engine, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "changed"));
  bd_model_close(model);
  close(fd);
  unlink(path);
}

static void test_metrics(void **state) {
  (void)state;
  const float logits[] = {1, 3, 2, 3, 0, -1, -2}, probabilities[] = {0.5f, 0.25f, 0.25f};
  assert_int_equal(bd_top_class(logits, 7), 1);
  bd_marks marks = bd_mark(logits, 7, 1, false);
  assert_true(marks.top1 && marks.top5);
  assert_false(bd_mark(logits, 7, 3, false).top1); // as great, but behind
  assert_false(bd_mark(logits, 7, 6, false).top5);
  double sum = 0;
  for (int i = 0; i < 7; i++)
    sum += exp((double)logits[i]);
  assert_true(fabs(marks.loss - (-log(exp(3) / sum))) <= 1e-9);
  assert_true(bd_is_distribution(probabilities, 3));
  assert_false(bd_is_distribution(logits, 7));
  const float other[] = {0.25f, 0.5f, 0.25f};
  bd_likeness likeness = bd_compare(probabilities, other, 3, true);
  assert_true(fabs(likeness.kl - (0.5 * log(2) + 0.25 * log(0.5))) <= 1e-9);
  assert_false(likeness.agree);
  bd_mean mean = {0};
  for (int i = 0; i < 4; i++)
    bd_mean_add(&mean, i);
  assert_true(fabs(bd_mean_value(&mean) - (1.5)) <= 1e-12);
  assert_true(fabs(bd_mean_error(&mean) - (sqrt(5.0 / 3 / 4))) <= 1e-12);
}

static void test_conversions_saturate_and_wrap(void **state) {
  (void)state;
  const double reals[] = {300, -1, 2.9, -2.9, 1e30, NAN};
  uint8_t bytes[6];
  int64_t longs[6];
  bd_convert(BD_TYPE_DOUBLE, reals, BD_TYPE_UINT8, bytes, 6);
  assert_memory_equal(bytes, ((uint8_t[]){255, 0, 2, 0, 255, 0}), 6);
  bd_convert(BD_TYPE_DOUBLE, reals, BD_TYPE_INT64, longs, 6);
  assert_true(longs[2] == 2 && longs[3] == -2 && longs[4] > (1LL << 62) && longs[5] == 0);
  const int64_t wide[] = {300, -1};
  bd_convert(BD_TYPE_INT64, wide, BD_TYPE_UINT8, bytes, 2);
  assert_true(bytes[0] == 44 && bytes[1] == 255);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_convolutions_agree_with_a_naive_twin),
      cmocka_unit_test(test_replaced_weights_come_and_go),
      cmocka_unit_test(test_a_kept_run_goes_on_from_each_layer),
      cmocka_unit_test(test_a_layer_shows_its_own_output),
      cmocka_unit_test(test_buffers_are_shared),
      cmocka_unit_test(test_the_ceiling_holds),
      cmocka_unit_test(test_a_model_cut_short_while_open),
      cmocka_unit_test(test_metrics),
      cmocka_unit_test(test_conversions_saturate_and_wrap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
