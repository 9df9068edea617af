#include "core/study/matching.h"

#include "core/engine/dnnl.h"

#include <math.h>
#include <stdlib.h>

enum { CHUNK = 1024 };

static const double LEAST = 0.5, MOST = 4, CONSTANT = 1e-6;

double bd_match_scale(double wanted, double deviation, bool pow2) {
  if (!(deviation > CONSTANT * wanted) || !(deviation > 0)) return 1;
  double scale = fmin(fmax(wanted / deviation, LEAST), MOST);
  return pow2 ? exp2(round(log2(scale))) : scale;
}

static void deviations_wanted(const bd_rows *rows, int64_t group, double *wanted) {
  const float *y = rows->y + group * rows->out;
  int64_t width = rows->groups * rows->out;
  for (int64_t o = 0; o < rows->out; o++)
    wanted[o] = 0;
  for (int64_t i = 0; i < rows->count; i++)
    for (int64_t o = 0; o < rows->out; o++)
      wanted[o] += (double)y[i * width + o] * (double)y[i * width + o];
  for (int64_t o = 0; o < rows->out; o++)
    wanted[o] = sqrt(wanted[o] / (double)rows->count);
}

static void deviations_given(const bd_rows *rows, int64_t group, const float *weights, float *some,
                             double *given) {
  const float *x = rows->x + group * rows->in;
  int64_t width = rows->groups * rows->in, out = rows->out;
  for (int64_t o = 0; o < out; o++)
    given[o] = 0;
  for (int64_t at = 0; at < rows->count; at += CHUNK) {
    int64_t n = rows->count - at < CHUNK ? rows->count - at : CHUNK;
    bd_sgemm(false, true, n, out, rows->in, 1, x + at * width, width, weights, rows->in, 0, some,
             out);
    for (int64_t i = 0; i < n * out; i++)
      given[i % out] += (double)some[i] * (double)some[i];
  }
  for (int64_t o = 0; o < out; o++)
    given[o] = sqrt(given[o] / (double)rows->count);
}

bd_status bd_match_deviations(const bd_rows *rows, int64_t group, const double *weights,
                              double *wanted, double *given, bd_error *err) {
  size_t count = (size_t)(rows->out * rows->in);
  BD_TRY(bd_dnnl_start(err));
  float *narrow = malloc((count + 1) * sizeof *narrow);
  float *some = malloc((size_t)(CHUNK * rows->out + 1) * sizeof *some);
  if (narrow && some) {
    for (size_t i = 0; i < count; i++)
      narrow[i] = (float)weights[i];
    deviations_wanted(rows, group, wanted);
    deviations_given(rows, group, narrow, some, given);
  }
  bool fine = narrow && some;
  free(narrow);
  free(some);
  return fine ? BD_OK : bd_fail_memory(err, "the statistics of a layer");
}

double bd_match_shift(const bd_rows *rows, int64_t group, int64_t output, const double *weights,
                      double scale, double bias) {
  double given = 0;
  for (int64_t j = 0; j < rows->in; j++)
    given += weights[output * rows->in + j] * rows->x_mean[group * rows->in + j];
  return rows->y_mean[group * rows->out + output] - scale * given - bias;
}
