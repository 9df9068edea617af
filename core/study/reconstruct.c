// A layer fitted again: least squares against the float network's outputs, OBC's mask, codebook,
// rounding with feedback. Everything is done row by row on threads; rows do not see each other but
// in the choice of what to prune and in the codebook.
#include "core/study/mend.h"

#include "core/engine/parallel.h"
#include "core/study/cholesky.h"
#include "core/study/obc.h"
#include "core/study/rounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  WIDE = 1200,      // columns beyond which OBC takes too long
  DESCENT_BITS = 3, // descent pays at most at so many bits, unpruned
  DESCENT_SWEEPS = 20,
};

typedef struct fitting {
  const bd_mending *layer;
  int64_t in, out, rows; // rows of all blocks
  bd_moments *moments;   // by block, damped
  double **inverse;      // by block, where something is pruned
  bd_kept *shared;       // by block: all columns, where nothing is pruned
  double *w;             // rows × in: the weights, the fitted ones, at last the levels
  bool *zero, *pruned;   // rows × in: exact zeros of the original; what goes
  double *scores;
  bool prunes;
  bd_levels *books; // by part
  double *values;   // of the books
  const bd_coded *coded;
} fitting;

static bd_status fitting_new(const bd_mending *layer, fitting *f, bd_error *err) {
  const bd_linear *linear = layer->linear;
  *f = (fitting){.layer = layer, .in = linear->in, .out = linear->out};
  f->rows = linear->groups * linear->out;
  size_t groups = (size_t)linear->groups + 1, all = (size_t)(f->rows * f->in) + 1;
  f->moments = calloc(groups, sizeof *f->moments);
  f->inverse = calloc(groups, sizeof(double *));
  f->shared = calloc(groups, sizeof *f->shared);
  f->w = malloc(all * sizeof *f->w);
  f->zero = calloc(all, sizeof *f->zero);
  f->pruned = calloc(all, sizeof *f->pruned);
  f->scores = malloc(all * sizeof *f->scores);
  if (f->moments && f->inverse && f->shared && f->w && f->zero && f->pruned && f->scores)
    return BD_OK;
  return bd_fail_memory(err, "the repair of a layer");
}

static void fitting_free(fitting *f) {
  for (int64_t g = 0; g < f->layer->linear->groups; g++) {
    if (f->moments) bd_moments_free(&f->moments[g]);
    if (f->inverse) free(f->inverse[g]);
    if (f->shared) bd_kept_free(&f->shared[g]);
  }
  free(f->moments);
  free(f->inverse);
  free(f->shared);
  free(f->w);
  free(f->zero);
  free(f->pruned);
  free(f->scores);
  free(f->books);
  free(f->values);
}

static size_t place_of(const fitting *f, int64_t row, int64_t column) {
  return (size_t)bd_linear_place(f->layer->linear, row / f->out, row % f->out, column);
}

// How many weights go: what the ratio asks for, and zeros stay zero.
static int64_t take_weights(fitting *f) {
  int64_t zeros = 0, all = f->rows * f->in;
  for (int64_t row = 0; row < f->rows; row++)
    for (int64_t j = 0; j < f->in; j++) {
      float weight = f->layer->weights[place_of(f, row, j)];
      f->w[row * f->in + j] = (double)weight;
      f->zero[row * f->in + j] = weight == 0;
      zeros += weight == 0;
    }
  int64_t asked = (int64_t)floor(f->layer->setting->prune * (double)all + 0.5);
  return asked > zeros ? asked : zeros;
}

// --- blocks --------------------------------------------------------------------------------------

// The unpruned minimum, and what the choice of what to prune needs.
static bd_status fit_block(fitting *f, int64_t group, int threads, bd_error *err) {
  bd_moments *m = &f->moments[group];
  double *w = f->w + group * f->out * f->in;
  BD_TRY(bd_moments_of(f->layer->rows, group, threads, f->layer->cancel, m, err));
  bd_moments_damp(m, w);
  size_t size = (size_t)(f->in * f->in);
  double *factor = f->inverse[group] = malloc((size + 1) * sizeof *factor);
  if (!factor) return bd_fail_memory(err, "the repair of a layer");
  memcpy(factor, m->h, size * sizeof *factor);
  if (!bd_cholesky_factor(factor, f->in))
    return bd_fail(err, BD_FAILED, "the calibration data leave the least squares undetermined");
  memcpy(w, m->r, (size_t)(f->out * f->in) * sizeof *w);
  bd_cholesky_solve(factor, f->in, w, f->out);
  if (f->prunes) {
    bd_cholesky_invert(factor, f->in);
    return BD_OK;
  }
  free(factor);
  f->inverse[group] = NULL;
  return bd_kept_of(m->h, f->in, NULL, &f->shared[group], err);
}

static bd_status fit_block_alone(void *arg, int thread, int64_t group, bd_error *err) {
  (void)thread;
  return fit_block(arg, group, 1, err);
}

static bd_status fit_blocks(fitting *f, bd_error *err) {
  const bd_mending *layer = f->layer;
  if (layer->linear->groups == 1) return fit_block(f, 0, layer->threads, err);
  return bd_for_each(layer->linear->groups, layer->threads, layer->cancel, fit_block_alone, f, err);
}

// --- pruning -------------------------------------------------------------------------------------

static bd_status score_row(void *arg, int thread, int64_t row, bd_error *err) {
  (void)thread;
  const fitting *f = arg;
  const double *inverse = f->inverse[row / f->out], *w = f->w + row * f->in;
  const bool *zero = f->zero + row * f->in;
  double *score = f->scores + row * f->in;
  if (f->in > WIDE) {
    bd_obc_alone(inverse, f->in, w, zero, score);
    return BD_OK;
  }
  int64_t *order = malloc(((size_t)f->in + 1) * sizeof *order);
  double *loss = malloc(((size_t)f->in + 1) * sizeof *loss);
  bd_status status = order && loss
                         ? bd_obc_row(inverse, f->in, w, zero, f->layer->cancel, order, loss, err)
                         : bd_fail_memory(err, "the choice of what to prune");
  if (status == BD_OK) bd_obc_scores(order, loss, f->in, zero, score);
  free(order);
  free(loss);
  return status;
}

static bd_status refit_row(void *arg, int thread, int64_t row, bd_error *err) {
  (void)thread;
  const fitting *f = arg;
  const bd_moments *m = &f->moments[row / f->out];
  bd_kept kept;
  double *room = malloc(((size_t)f->in + 1) * sizeof *room);
  bd_status status = room ? bd_kept_of(m->h, f->in, f->pruned + row * f->in, &kept, err)
                          : bd_fail_memory(err, "the least squares of a row");
  if (status == BD_OK) {
    bd_refit_row(&kept, m->r + row % f->out * f->in, f->in, f->w + row * f->in, room);
    bd_kept_free(&kept);
  }
  free(room);
  return status;
}

static bd_status prune(fitting *f, int64_t count, bd_error *err) {
  const bd_mending *layer = f->layer;
  BD_TRY(bd_for_each(f->rows, layer->threads, layer->cancel, score_row, f, err));
  BD_TRY(bd_obc_mask(f->scores, f->rows * f->in, count, f->pruned, err));
  return bd_for_each(f->rows, layer->threads, layer->cancel, refit_row, f, err);
}

// --- the codebook --------------------------------------------------------------------------------

static bd_status read_values(const bd_reread *source, size_t from, size_t count, float *out,
                             bd_error *err) {
  (void)err;
  memcpy(out, (const float *)source->from + from, count * sizeof *out);
  return BD_OK;
}

// Levels for the fitted weights, by the layer's own method; what is pruned is an exact zero there.
static bd_status make_book(const fitting *f, const float *values, bd_coded **out, bd_error *err) {
  const bd_mending *layer = f->layer;
  bd_setting setting = *layer->setting;
  bd_index *index;
  bd_result *result = NULL;
  setting.prune = 0;
  BD_TRY(bd_index_new(values, layer->count, layer->round, layer->cancel, &index, err));
  bd_reread source = {.axes = bd_mending_axes(layer), .read = read_values, .from = values};
  bd_index_set_reread(index, &source);
  bd_effort effort = bd_effort_for(&setting);
  bd_status status = bd_quantize(index, &setting, effort, layer->cancel, &result, err);
  if (status == BD_OK)
    status = bd_coded_of(result, index, values, bd_mending_axes(layer), out, err);
  if (status == BD_OK) (*out)->setting = *layer->setting;
  bd_result_free(result);
  bd_index_free(index);
  return status;
}

// The levels that weights which stay may take: those that some took, and 0 where it has a code.
static void usable_levels(const fitting *f, bd_coded *coded, const bool *taken) {
  double *at = f->values;
  size_t first = 0;
  for (size_t part = 0; part < coded->parts.count; part++) {
    const bd_book *book = &coded->books[part];
    bd_levels *own = &f->books[part];
    *own = (bd_levels){at, 0};
    for (int i = 0; i < book->count; i++) {
      bool zero = book->levels[i] == 0 && coded->setting.zero == BD_CODE;
      if (taken[first + (size_t)i] || zero) at[own->count++] = book->levels[i];
    }
    if (own->count == 0) at[own->count++] = 0; // all of it is pruned
    at += own->count;
    first += (size_t)book->count;
  }
}

static bd_status shelve(fitting *f, bd_coded *coded, bd_error *err) {
  size_t parts = coded->parts.count, all = bd_coded_levels(coded) + parts;
  f->books = malloc((parts + 1) * sizeof *f->books);
  f->values = malloc((all + 1) * sizeof *f->values);
  bool *taken = calloc(all + 1, sizeof *taken);
  if (!f->books || !f->values || !taken) {
    free(taken);
    return bd_fail_memory(err, "the codebook of a layer");
  }
  for (int64_t row = 0; row < f->rows; row++)
    for (int64_t j = 0; j < f->in; j++) {
      size_t place = place_of(f, row, j), part = bd_parts_find(&coded->parts, place);
      size_t first = (size_t)(coded->books[part].levels - coded->levels);
      if (!f->pruned[row * f->in + j]) taken[first + coded->codes[place]] = true;
    }
  usable_levels(f, coded, taken);
  free(taken);
  return BD_OK;
}

// --- rounding ------------------------------------------------------------------------------------

static bd_status round_kept(const fitting *f, int64_t row, bd_shelf shelf, double *room,
                            bd_error *err) {
  const bd_moments *m = &f->moments[row / f->out];
  double *w = f->w + row * f->in;
  if (!f->prunes) {
    bd_ldlq_row(&f->shared[row / f->out], shelf, w, room);
    if (f->layer->setting->bits <= DESCENT_BITS)
      bd_descend_row(m->h, m->r + row % f->out * f->in, f->in, NULL, shelf, DESCENT_SWEEPS, w,
                     room);
    return BD_OK;
  }
  bd_kept kept;
  BD_TRY(bd_kept_of(m->h, f->in, f->pruned + row * f->in, &kept, err));
  bd_ldlq_row(&kept, shelf, w, room);
  bd_kept_free(&kept);
  return BD_OK;
}

static bd_status round_row(void *arg, int thread, int64_t row, bd_error *err) {
  (void)thread;
  const fitting *f = arg;
  double *room = malloc(((size_t)f->in + 1) * sizeof *room);
  uint32_t *book = malloc(((size_t)f->in + 1) * sizeof *book);
  bool one = f->coded->parts.count == 1;
  for (int64_t j = 0; book && !one && j < f->in; j++)
    book[j] = (uint32_t)bd_parts_find(&f->coded->parts, place_of(f, row, j));
  bd_status status = room && book
                         ? round_kept(f, row, (bd_shelf){f->books, one ? NULL : book}, room, err)
                         : bd_fail_memory(err, "the rounding of a row");
  free(room);
  free(book);
  return status;
}

static uint16_t code_of(const bd_book *book, double level) {
  int low = 0, high = book->count - 1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (book->levels[middle] < level)
      low = middle + 1;
    else
      high = middle;
  }
  return (uint16_t)low;
}

static void put_codes(const fitting *f, bd_coded *coded) {
  for (int64_t row = 0; row < f->rows; row++)
    for (int64_t j = 0; j < f->in; j++) {
      size_t place = place_of(f, row, j);
      const bd_book *book = &coded->books[bd_parts_find(&coded->parts, place)];
      bool pruned = f->pruned[row * f->in + j];
      coded->codes[place] = code_of(book, pruned ? 0 : f->w[row * f->in + j]);
    }
}

// --- all of it -----------------------------------------------------------------------------------

static bd_status quantize(fitting *f, bd_coded **out, bd_error *err) {
  const bd_mending *layer = f->layer;
  float *values = malloc((layer->count + 1) * sizeof *values);
  if (!values) return bd_fail_memory(err, "the repair of a layer");
  for (int64_t row = 0; row < f->rows; row++)
    for (int64_t j = 0; j < f->in; j++)
      values[place_of(f, row, j)] = f->pruned[row * f->in + j] ? 0 : (float)f->w[row * f->in + j];
  bd_status status = make_book(f, values, out, err);
  free(values);
  BD_TRY(status);
  f->coded = *out;
  BD_TRY(shelve(f, *out, err));
  BD_TRY(bd_for_each(f->rows, layer->threads, layer->cancel, round_row, f, err));
  put_codes(f, *out);
  return bd_mend_match(layer, *out, err);
}

static bd_status reconstruct(fitting *f, bd_coded **out, bd_error *err) {
  BD_TRY(bd_cholesky_start(err));
  int64_t count = take_weights(f);
  f->prunes = count > 0;
  BD_TRY(fit_blocks(f, err));
  if (f->prunes) BD_TRY(prune(f, count, err));
  return quantize(f, out, err);
}

bd_status bd_mend_reconstruct(const bd_mending *layer, bd_coded **out, bool *cheap, bd_error *err) {
  fitting f;
  *out = NULL;
  bd_status status = fitting_new(layer, &f, err);
  if (status == BD_OK) status = reconstruct(&f, out, err);
  *cheap = f.prunes && f.in > WIDE;
  fitting_free(&f);
  if (status == BD_OK) return BD_OK;
  bd_coded_free(*out);
  *out = NULL;
  return status;
}
