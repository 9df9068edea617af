// Convolutions by Winograd's filtering, against the plain sum.
#include "core/base/rng.h"
#include "core/engine/winograd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int64_t between(bd_rng *rng, int64_t low, int64_t high) {
  return low + (int64_t)(bd_rng_next(rng) % (uint64_t)(high - low + 1));
}

static bd_conv_shape random_shape(bd_rng *rng) {
  bd_conv_shape s = {.spatial = 2, .batch = between(rng, 1, 3), .groups = 1};
  s.in_channels = between(rng, 32, 70);
  s.out_channels = between(rng, 32, 70);
  s.in_last = s.out_last = true;
  s.bias = between(rng, 0, 1);
  s.sum = between(rng, 0, 1);
  for (int i = 0; i < 2; i++) {
    s.kernel[i] = 3;
    s.stride[i] = s.dilation[i] = 1;
    s.low[i] = between(rng, 0, 3);
    s.high[i] = between(rng, 0, 3);
    s.in[i] = between(rng, 18, 33);
    s.out[i] = s.in[i] + s.low[i] + s.high[i] - 2;
  }
  s.eltwise = (bd_eltwise[]){BD_ELTWISE_NONE, BD_ELTWISE_RELU, BD_ELTWISE_CLIP}[between(rng, 0, 2)];
  s.alpha = s.eltwise == BD_ELTWISE_CLIP ? -3 : 0.25f;
  s.beta = 5;
  return s;
}

static double activated(const bd_conv_shape *s, double value) {
  if (s->eltwise == BD_ELTWISE_RELU && value < 0) return value * (double)s->alpha;
  if (s->eltwise == BD_ELTWISE_CLIP) return fmin(fmax(value, (double)s->alpha), (double)s->beta);
  return value;
}

// One output, all of it in double.
static double naive(const bd_conv_shape *s, const float *x, const float *w, const float *bias,
                    const float *before, const int64_t at[3], int64_t k) {
  double sum = s->bias ? (double)bias[k] : 0;
  for (int64_t c = 0; c < s->in_channels; c++)
    for (int64_t i = 0; i < 9; i++) {
      int64_t row = at[1] + i / 3 - s->low[0], column = at[2] + i % 3 - s->low[1];
      if (row < 0 || column < 0 || row >= s->in[0] || column >= s->in[1]) continue;
      int64_t place = ((at[0] * s->in[0] + row) * s->in[1] + column) * s->in_channels + c;
      sum += (double)x[place] * (double)w[(k * s->in_channels + c) * 9 + i];
    }
  int64_t place = ((at[0] * s->out[0] + at[1]) * s->out[1] + at[2]) * s->out_channels + k;
  return activated(s, sum + (s->sum ? (double)before[place] : 0));
}

static float *normals(bd_rng *rng, int64_t count) {
  float *out = aligned_alloc(64, ((size_t)count * sizeof *out + 127) / 64 * 64);
  for (int64_t i = 0; i < count; i++)
    out[i] = (float)bd_rng_normal(rng);
  return out;
}

static void one(bd_rng *rng) {
  bd_conv_shape s = random_shape(rng);
  assert_true(bd_winograd_pays(&s));
  int64_t made = s.batch * s.out[0] * s.out[1] * s.out_channels;
  float *x = normals(rng, s.batch * s.in[0] * s.in[1] * s.in_channels);
  float *w = normals(rng, s.in_channels * s.out_channels * 9);
  float *bias = normals(rng, s.out_channels), *before = normals(rng, made);
  float *y = normals(rng, made);
  for (int64_t i = 0; i < made; i++)
    y[i] = s.sum ? before[i] : NAN;
  float *packed = aligned_alloc(64, (bd_winograd_packed(&s) + 63) / 64 * 64);
  float *scratch = malloc(bd_winograd_scratch(&s) * sizeof *scratch);
  bd_winograd_pack(&s, w, packed);
  bd_winograd_run(&s, x, packed, s.bias ? bias : NULL, y, scratch);
  double scale = sqrt(9.0 * (double)s.in_channels), noise = 0;
  int64_t looked = 0;
  for (int64_t i = 0; i < made; i += 7, looked++) {
    int64_t place = i / s.out_channels;
    const int64_t at[] = {place / (s.out[0] * s.out[1]), place / s.out[1] % s.out[0],
                          place % s.out[1]};
    double difference = (double)y[i] - naive(&s, x, w, bias, before, at, i % s.out_channels);
    assert_true(fabs(difference) < 1e-4 * scale);
    noise += difference * difference;
  }
  assert_true(sqrt(noise / (double)looked) < 3e-6 * scale);
  free(x), free(w), free(bias), free(before), free(y), free(packed), free(scratch);
}

static void test_it_is_the_convolution(void **state) {
  (void)state;
  bd_error err;
  bd_rng rng = bd_rng_seed(5, 0);
  assert_int_equal(bd_dnnl_start(&err), BD_OK);
  for (int i = 0; i < 24; i++)
    one(&rng);
}

static void test_what_it_is_not_for(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(6, 0);
  bd_conv_shape good = random_shape(&rng), s;
  s = good, s.stride[1] = 2, assert_false(bd_winograd_pays(&s));
  s = good, s.kernel[0] = 1, assert_false(bd_winograd_pays(&s));
  s = good, s.dilation[0] = 2, assert_false(bd_winograd_pays(&s));
  s = good, s.groups = 2, assert_false(bd_winograd_pays(&s));
  s = good, s.in_last = false, assert_false(bd_winograd_pays(&s));
  s = good, s.eltwise = BD_ELTWISE_SWISH, assert_false(bd_winograd_pays(&s));
  s = good, s.in_channels = 3, assert_false(bd_winograd_pays(&s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_it_is_the_convolution),
      cmocka_unit_test(test_what_it_is_not_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
