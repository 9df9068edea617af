#include "core/export/integers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOP = 127 }; // of the grid that codebooks go to

// How many weights take each level, of all books together; NULL without memory.
static size_t *count_levels(const bd_coded *coded) {
  size_t *counts = calloc(bd_coded_levels(coded) + 1, sizeof *counts);
  for (size_t i = 0; counts && i < coded->count; i++) {
    const bd_book *book = &coded->books[bd_parts_find(&coded->parts, i)];
    counts[(size_t)(book->levels - coded->levels) + coded->codes[i]]++;
  }
  return counts;
}

static double error_of(const bd_book *book, const size_t *counts, double step) {
  double sum = 0;
  for (int i = 0; i < book->count; i++) {
    double off = book->levels[i] - step * rint(book->levels[i] / step);
    sum += (double)counts[i] * off * off;
  }
  return sum;
}

static double largest_of(const bd_book *book) {
  double low = fabs(book->levels[0]), high = fabs(book->levels[book->count - 1]);
  return low > high ? low : high;
}

// The largest level takes one of the codes 64..127: the one that leaves the least error.
static double nearest_step(const bd_book *book, const size_t *counts) {
  double largest = largest_of(book), best = largest / TOP, least = INFINITY;
  for (int top = TOP; top > TOP / 2; top--) {
    double step = largest / top, error = error_of(book, counts, step);
    if (error >= least) continue;
    least = error;
    best = step;
  }
  return best;
}

// The step of a book, and whether its levels lie on the grid of it.
static double step_of(const bd_book *book, const size_t *counts, bool *exact) {
  if (book->step > 0) return book->step;
  double largest = book->count ? largest_of(book) : 0;
  if (largest == 0) return 1; // zeros alone
  if (book->count == 1 || (book->count == 2 && book->levels[0] * book->levels[1] == 0))
    return largest;
  double step = nearest_step(book, counts);
  *exact = *exact && error_of(book, counts, step) == 0;
  return step;
}

static void fill_codes(const bd_coded *coded, const double *steps, bd_integers *out) {
  out->bipolar = true;
  for (size_t i = 0; i < coded->count; i++) {
    size_t part = bd_parts_find(&coded->parts, i);
    int code = (int)rint(coded->books[part].levels[coded->codes[i]] / steps[part]);
    out->codes[i] = (int16_t)code;
    if (code < out->least) out->least = code;
    if (code > out->most) out->most = code;
    out->bipolar = out->bipolar && abs(code) == 1;
  }
}

// Channel scales make a step of their own for every channel.
static void fill_steps(const bd_coded *coded, const double *steps, bd_integers *out) {
  bool spread = coded->scale && coded->parts.count == 1;
  size_t groups = out->parts.count / coded->parts.axes.channels;
  for (size_t part = 0; part < out->parts.count; part++) {
    out->steps[part] = steps[spread ? 0 : part];
    if (coded->scale) out->steps[part] *= coded->scale[part / groups];
  }
}

static bd_status fill(const bd_coded *coded, bd_integers *out, bd_error *err) {
  const bd_axes *axes = &coded->parts.axes;
  out->count = coded->count;
  out->exact = true;
  out->parts = coded->parts;
  if (coded->scale && coded->parts.count == 1)
    out->parts = bd_parts_of(*axes, axes->outer * axes->inner);
  size_t *counts = count_levels(coded);
  double *steps = malloc((coded->parts.count + 1) * sizeof *steps);
  out->codes = malloc((coded->count + 1) * sizeof *out->codes);
  out->steps = malloc((out->parts.count + 1) * sizeof *out->steps);
  bool room = counts && steps && out->codes && out->steps;
  for (size_t part = 0; room && part < coded->parts.count; part++) {
    const bd_book *book = &coded->books[part];
    steps[part] = step_of(book, counts + (book->levels - coded->levels), &out->exact);
  }
  if (room) fill_codes(coded, steps, out);
  if (room) fill_steps(coded, steps, out);
  free(counts);
  free(steps);
  return room ? BD_OK : bd_fail_memory(err, "the integers of a layer");
}

bd_status bd_integers_of(const bd_coded *coded, bd_integers **out, bd_error *err) {
  *out = calloc(1, sizeof **out);
  if (!*out) return bd_fail_memory(err, "the integers of a layer");
  bd_status status = fill(coded, *out, err);
  if (status == BD_OK) return BD_OK;
  bd_integers_free(*out);
  *out = NULL;
  return status;
}

// --- ranges --------------------------------------------------------------------------------------

static void fill_ranges(const bd_coded *coded, int top, bd_integers *out) {
  for (size_t part = 0; part < out->parts.count; part++)
    out->steps[part] = 0;
  for (size_t i = 0; i < out->count; i++) {
    double *largest = &out->steps[bd_parts_find(&out->parts, i)];
    *largest = fmax(*largest, fabs(bd_coded_value(coded, i)));
  }
  for (size_t part = 0; part < out->parts.count; part++)
    out->steps[part] = out->steps[part] > 0 ? out->steps[part] / top : 1;
  for (size_t i = 0; i < out->count; i++) {
    double value = bd_coded_value(coded, i), step = bd_integers_step(out, i);
    double code = rint(value / step);
    out->codes[i] = (int16_t)code;
    out->exact = out->exact && fabs(code * step - value) <= 1e-6 * fabs(value);
  }
  out->least = -top;
  out->most = top;
}

bd_status bd_integers_of_ranges(const bd_coded *coded, int width, bd_integers **out,
                                bd_error *err) {
  bd_axes axes = coded->parts.axes;
  *out = calloc(1, sizeof **out);
  if (!*out) return bd_fail_memory(err, "the integers of a layer");
  **out = (bd_integers){.count = coded->count, .exact = true};
  (*out)->parts = bd_parts_of(axes, axes.outer * axes.inner);
  (*out)->codes = malloc((coded->count + 1) * sizeof *(*out)->codes);
  (*out)->steps = malloc(((*out)->parts.count + 1) * sizeof *(*out)->steps);
  if ((*out)->codes && (*out)->steps) {
    fill_ranges(coded, (1 << (width - 1)) - 1, *out);
    return BD_OK;
  }
  bd_integers_free(*out);
  *out = NULL;
  return bd_fail_memory(err, "the integers of a layer");
}

void bd_integers_free(bd_integers *integers) {
  if (!integers) return;
  free(integers->codes);
  free(integers->steps);
  free(integers);
}

double bd_integers_step(const bd_integers *integers, size_t place) {
  return integers->steps[bd_parts_find(&integers->parts, place)];
}

int bd_integers_width(const bd_integers *integers) {
  int largest = integers->most > -integers->least ? integers->most : -integers->least, width = 2;
  while ((1 << (width - 1)) - 1 < largest)
    width++;
  return width;
}

bool bd_integers_zero_point(const bd_integers *integers, int width, int *zero_point) {
  *zero_point = -(1 << (width - 1)) - integers->least;
  return integers->most - integers->least < 1 << width;
}
