// Naive twins of core/quant, written from the definitions: plain loops over plain arrays.
#ifndef NAIVE_QUANT_H
#define NAIVE_QUANT_H

#include "core/base/rng.h"
#include "core/quant/quantize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What a failed check does: a benchmark, which has no cmocka, defines its own.
#ifndef NAIVE_FAIL
#include <cmocka.h>
#define NAIVE_FAIL fail_msg
#endif

#define UNUSED __attribute__((unused))

// --- checks that NaN fails ----------------------------------------------------------------------

UNUSED static bool near(double a, double b, double relative, double absolute) {
  return fabs(a - b) <= relative * fmax(fabs(a), fabs(b)) + absolute;
}

UNUSED static void assert_near(double a, double b, double relative, double absolute) {
  if (near(a, b, relative, absolute)) return;
  NAIVE_FAIL("%.17g is not %.17g (to %g)", a, b, relative);
}

// --- pruning ------------------------------------------------------------------------------------

typedef struct naive_weight {
  double size;
  int negative;
  size_t index;
} naive_weight;

static int naive_order(const void *a, const void *b) {
  const naive_weight *x = a, *y = b;
  if (x->size != y->size) return x->size < y->size ? -1 : 1;
  if (x->negative != y->negative) return x->negative - y->negative;
  return x->index < y->index ? -1 : x->index > y->index;
}

// pruned[i]: the ratio sets weight i to zero, or it is zero. Returns how many the ratio asks for.
UNUSED static size_t naive_prune(const float *weights, size_t count, double ratio, bool *pruned) {
  naive_weight *order = malloc(count * sizeof *order);
  for (size_t i = 0; i < count; i++)
    order[i] = (naive_weight){fabs((double)weights[i]), weights[i] < 0, i};
  qsort(order, count, sizeof *order, naive_order);
  size_t asked = (size_t)floor(ratio * (double)count + 0.5);
  for (size_t i = 0; i < count; i++)
    pruned[order[i].index] = i < asked || order[i].size == 0;
  free(order);
  return asked;
}

static int naive_ascending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

// The weights that are left, sorted; returns how many.
UNUSED static size_t naive_survivors(const float *weights, size_t count, const bool *pruned,
                                     double *out) {
  size_t left = 0;
  for (size_t i = 0; i < count; i++)
    if (!pruned[i]) out[left++] = (double)weights[i];
  qsort(out, left, sizeof *out, naive_ascending);
  return left;
}

// --- clustering ---------------------------------------------------------------------------------

// Squared error of sorted values [from, to) around their mean: two passes.
UNUSED static double naive_cost(const double *values, size_t from, size_t to) {
  long double mean = 0, cost = 0;
  for (size_t i = from; i < to; i++)
    mean += values[i];
  if (to > from) mean /= (long double)(to - from);
  for (size_t i = from; i < to; i++)
    cost += (values[i] - mean) * (values[i] - mean);
  return (double)cost;
}

// The least SSE of at most k clusters of sorted values: O(k n²) dynamic programme.
UNUSED static double naive_optimum(const double *values, size_t count, int k) {
  if (count == 0) return 0;
  double *cost = malloc(count * count * sizeof *cost); // of [i, j]
  double *best = malloc(2 * (count + 1) * sizeof *best), *next = best + count + 1;
  for (size_t i = 0; i < count; i++) {
    long double mean = 0, square = 0; // Welford
    for (size_t j = i; j < count; j++) {
      long double away = values[j] - mean;
      mean += away / (long double)(j - i + 1);
      square += away * (values[j] - mean);
      cost[i * count + j] = values[i] == values[j] ? 0 : (double)square;
    }
  }
  for (size_t j = 0; j < count; j++)
    best[j + 1] = cost[j];
  best[0] = 0;
  for (int clusters = 2; clusters <= k; clusters++) {
    for (size_t j = 1; j <= count; j++) {
      next[j] = best[j];
      for (size_t i = 1; i < j; i++)
        next[j] = fmin(next[j], best[i] + cost[i * count + j - 1]);
    }
    memcpy(best + 1, next + 1, count * sizeof *best);
  }
  double result = best[count];
  free(cost);
  free(best);
  return result;
}

// The same by divide and conquer, O(k n log n), for sorted values without huge outliers: sums in
// long double.
typedef struct naive_sums {
  const long double *sum, *square;
  const double *before;
  double *after;
} naive_sums;

static double naive_range(const naive_sums *sums, size_t from, size_t to) {
  long double sum = sums->sum[to] - sums->sum[from];
  return (double)(sums->square[to] - sums->square[from] - sum * sum / (long double)(to - from));
}

// after[low..high) from before, the best last border known to lie in [first, last].
static void naive_conquer(const naive_sums *sums, size_t low, size_t high, size_t first,
                          size_t last) {
  if (low >= high) return;
  size_t middle = low + (high - low) / 2, at = first;
  double best = INFINITY;
  for (size_t i = first; i < middle && i <= last; i++) {
    double value = sums->before[i] + naive_range(sums, i, middle);
    if (value < best) best = value, at = i;
  }
  sums->after[middle] = best;
  naive_conquer(sums, low, middle, first, at);
  naive_conquer(sums, middle + 1, high, at, last);
}

UNUSED static double naive_large_optimum(const double *values, size_t count, int k) {
  long double *sum = calloc(2 * (count + 1), sizeof *sum), *square = sum + count + 1;
  double *before = malloc(2 * (count + 1) * sizeof *before), *after = before + count + 1;
  for (size_t i = 0; i < count; i++) {
    long double away = (long double)values[i] - values[count / 2];
    sum[i + 1] = sum[i] + away;
    square[i + 1] = square[i] + away * away;
  }
  naive_sums sums = {sum, square, before, after};
  before[0] = INFINITY;
  for (size_t j = 1; j <= count; j++)
    before[j] = naive_range(&sums, 0, j);
  for (int clusters = 2; clusters <= k; clusters++) {
    memset(after, 0, (count + 1) * sizeof *after);
    after[0] = INFINITY;
    naive_conquer(&sums, (size_t)clusters, count + 1, (size_t)clusters - 1, count);
    for (size_t j = 1; j < (size_t)clusters; j++)
      after[j] = INFINITY;
    memcpy(before, after, (count + 1) * sizeof *before);
  }
  double result = before[count];
  free(sum);
  free(before);
  return result;
}

// Squared error of values given to the nearest of some centers, as they are.
UNUSED static double naive_nearest_sse(const double *values, size_t count, const double *centers,
                                       int k) {
  long double sse = 0;
  for (size_t i = 0; i < count; i++) {
    double least = INFINITY;
    for (int c = 0; c < k; c++)
      least = fmin(least, (values[i] - centers[c]) * (values[i] - centers[c]));
    sse += least;
  }
  return (double)sse;
}

// --- random tensors -----------------------------------------------------------------------------

enum {
  SHAPE_NORMAL,
  SHAPE_LAPLACE,
  SHAPE_STUDENT,
  SHAPE_INTEGER,
  SHAPE_ATOMS,
  SHAPE_TWINS,
  SHAPE_OFFSET,
  SHAPE_CONSTANT,
  SHAPE_ZEROS,
  SHAPE_COUNT
};

static double naive_laplace(bd_rng *rng) {
  double u = bd_rng_unit(rng) - 0.5;
  return -copysign(log(1 - 2 * fabs(u) + 1e-300), u);
}

// Student's t with two degrees of freedom.
static double naive_student(bd_rng *rng) {
  double a = bd_rng_normal(rng), b = bd_rng_normal(rng), c = bd_rng_normal(rng);
  return a / sqrt((b * b + c * c) / 2 + 1e-12);
}

static double naive_draw(int shape, bd_rng *rng) {
  double u = bd_rng_unit(rng);
  switch (shape) {
  case SHAPE_LAPLACE:
    return naive_laplace(rng);
  case SHAPE_STUDENT:
    return naive_student(rng);
  case SHAPE_INTEGER:
    return round(4 * bd_rng_normal(rng)); // ties everywhere
  case SHAPE_ATOMS:
    return u < 0.5 ? 0.25 : u < 0.7 ? -0.25 : bd_rng_normal(rng);
  case SHAPE_TWINS:
    return (u < 0.5 ? -1 : 1) * round(8 * bd_rng_unit(rng)) / 8; // ± ties
  case SHAPE_OFFSET:
    return 1 + 1e-4 * bd_rng_normal(rng);
  case SHAPE_CONSTANT:
    return 0.375;
  case SHAPE_ZEROS:
    return u < 0.6 ? (u < 0.3 ? 0.0 : -0.0) : bd_rng_normal(rng);
  default:
    return bd_rng_normal(rng);
  }
}

UNUSED static void naive_fill(int shape, bd_rng *rng, float *weights, size_t count) {
  for (size_t i = 0; i < count; i++)
    weights[i] = (float)naive_draw(shape, rng);
}

UNUSED static bd_index *naive_index(const float *weights, size_t count) {
  bd_index *index = NULL;
  bd_error err = {""};
  if (bd_index_new(weights, count, NULL, NULL, &index, &err) != BD_OK) NAIVE_FAIL("%s", err.text);
  return index;
}

UNUSED static bd_result *naive_run(const bd_index *index, const bd_setting *setting,
                                   bd_effort effort) {
  bd_result *result = NULL;
  bd_error err = {""};
  if (bd_quantize(index, setting, effort, NULL, &result, &err) != BD_OK) NAIVE_FAIL("%s", err.text);
  return result;
}

static bd_status naive_read(const bd_reread *self, size_t first, size_t count, float *out,
                            bd_error *err) {
  (void)err;
  memcpy(out, (const float *)self->from + first, count * sizeof *out);
  return BD_OK;
}

// Lets the index go back to its weights, which have these axes, all of one importance.
UNUSED static void naive_set_reread(bd_index *index, const float *weights, bd_axes axes) {
  bd_reread reread = {.axes = axes, .read = naive_read, .from = weights};
  bd_index_set_reread(index, &reread);
}

// A setting from its text; everything else default.
UNUSED static bd_setting naive_setting(const char *text) {
  bd_setting setting = bd_setting_default();
  bd_error err = {""};
  if (bd_setting_parse(&setting, text, &err) != BD_OK) NAIVE_FAIL("%s", err.text);
  return setting;
}

#endif
