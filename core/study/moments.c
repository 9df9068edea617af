#include "core/study/moments.h"

#include "core/engine/dnnl.h"
#include "core/engine/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 128, CHUNK = 1024 }; // columns of a task; rows summed in floats

static const double DAMPING = 0.01;

static bool reserve(void *array, size_t *room, size_t bytes) {
  void **at = array;
  if (bytes < *room) return true;
  free(*at);
  *room = bytes + 1;
  *at = malloc(*room);
  if (!*at) *room = 0;
  return *at != NULL;
}

bd_status bd_rows_shape(int64_t count, int64_t groups, int64_t in, int64_t out, bd_rows *rows,
                        bd_error *err) {
  size_t x = (size_t)(groups * in), y = (size_t)(groups * out), n = (size_t)count;
  rows->count = count, rows->groups = groups, rows->in = in, rows->out = out;
  if (!reserve(&rows->x, &rows->room[0], n * x * sizeof *rows->x) ||
      !reserve(&rows->y, &rows->room[1], n * y * sizeof *rows->y) ||
      !reserve(&rows->x_mean, &rows->room[2], x * sizeof *rows->x_mean) ||
      !reserve(&rows->y_mean, &rows->room[3], y * sizeof *rows->y_mean))
    return bd_fail_memory(err, "the calibration rows");
  memset(rows->x_mean, 0, x * sizeof *rows->x_mean);
  memset(rows->y_mean, 0, y * sizeof *rows->y_mean);
  return BD_OK;
}

void bd_rows_free(bd_rows *rows) {
  free(rows->x);
  free(rows->y);
  free(rows->x_mean);
  free(rows->y_mean);
  *rows = (bd_rows){0};
}

// --- centring ------------------------------------------------------------------------------------

typedef struct centring {
  float *values;
  int64_t count, width;
  double *mean;
} centring;

static bd_status centre_tile(void *arg, int thread, int64_t tile, bd_error *err) {
  (void)thread;
  const centring *c = arg;
  int64_t from = tile * TILE, to = from + TILE < c->width ? from + TILE : c->width;
  for (int64_t i = 0; i < c->count; i++)
    for (int64_t j = from; j < to; j++)
      c->mean[j] += (double)c->values[i * c->width + j];
  for (int64_t j = from; j < to; j++) {
    c->mean[j] /= (double)c->count;
    if (!isfinite(c->mean[j]))
      return bd_fail(err, BD_INVALID, "the calibration data give values that are not finite");
  }
  for (int64_t i = 0; i < c->count; i++)
    for (int64_t j = from; j < to; j++)
      c->values[i * c->width + j] = (float)((double)c->values[i * c->width + j] - c->mean[j]);
  return BD_OK;
}

bd_status bd_rows_centre(bd_rows *rows, int threads, bd_error *err) {
  int64_t in = rows->groups * rows->in, out = rows->groups * rows->out;
  centring x = {rows->x, rows->count, in, rows->x_mean};
  centring y = {rows->y, rows->count, out, rows->y_mean};
  BD_TRY(bd_for_each((in + TILE - 1) / TILE, threads, NULL, centre_tile, &x, err));
  return bd_for_each((out + TILE - 1) / TILE, threads, NULL, centre_tile, &y, err);
}

// --- products ------------------------------------------------------------------------------------

// Rows of a product AᵀX: each task has a tile of A's columns.
typedef struct product {
  const float *a, *x;      // first column of the block
  int64_t count, lda, ldx; // rows; leading dimensions
  int64_t width, in;       // columns of A, of X
  bool symmetric;          // A is X: only what is left of the diagonal
  double *out;             // width × in
} product;

static int64_t product_tiles(const product *p) {
  return (p->width + TILE - 1) / TILE;
}

static bd_status multiply_tile(void *arg, int thread, int64_t tile, bd_error *err) {
  (void)thread;
  const product *p = arg;
  int64_t from = tile * TILE, rows = p->width - from < TILE ? p->width - from : TILE;
  int64_t columns = p->symmetric ? from + rows : p->in;
  float *some = malloc((size_t)(rows * columns) * sizeof *some + 1);
  if (!some) return bd_fail_memory(err, "the calibration products");
  bd_status status = bd_dnnl_start(err);
  for (int64_t at = 0; at < p->count && status == BD_OK; at += CHUNK) {
    int64_t n = p->count - at < CHUNK ? p->count - at : CHUNK;
    bd_sgemm(true, false, rows, columns, n, 1, p->a + at * p->lda + from, p->lda,
             p->x + at * p->ldx, p->ldx, 0, some, columns);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++)
        p->out[(from + i) * p->in + j] += (double)some[i * columns + j];
  }
  free(some);
  return status;
}

static void mean_of(const product *p) {
  double count = (double)p->count;
  for (int64_t i = 0; i < p->width; i++)
    for (int64_t j = 0; j < (p->symmetric ? i + 1 : p->in); j++) {
      double value = p->out[i * p->in + j] / count;
      p->out[i * p->in + j] = value;
      if (p->symmetric) p->out[j * p->in + i] = value;
    }
}

static bd_status multiply(const product *p, int threads, const bd_cancel *cancel, bd_error *err) {
  product work = *p;
  BD_TRY(bd_for_each(product_tiles(p), threads, cancel, multiply_tile, &work, err));
  mean_of(p);
  return BD_OK;
}

bd_status bd_moments_of(const bd_rows *rows, int64_t group, int threads, const bd_cancel *cancel,
                        bd_moments *out, bd_error *err) {
  int64_t in = rows->in, ldx = rows->groups * in, ldy = rows->groups * rows->out;
  *out = (bd_moments){.in = in, .out = rows->out};
  out->h = calloc((size_t)in * (size_t)in + 1, sizeof *out->h);
  out->r = calloc((size_t)rows->out * (size_t)in + 1, sizeof *out->r);
  const float *x = rows->x + group * in, *y = rows->y + group * rows->out;
  product h = {x, x, rows->count, ldx, ldx, in, in, true, out->h};
  product r = {y, x, rows->count, ldy, ldx, rows->out, in, false, out->r};
  bd_status status = out->h && out->r ? BD_OK : bd_fail_memory(err, "the calibration products");
  if (status == BD_OK) status = multiply(&h, threads, cancel, err);
  if (status == BD_OK) status = multiply(&r, threads, cancel, err);
  if (status != BD_OK) bd_moments_free(out);
  return status;
}

void bd_moments_free(bd_moments *moments) {
  free(moments->h);
  free(moments->r);
  *moments = (bd_moments){0};
}

void bd_moments_damp(bd_moments *moments, const double *weights) {
  int64_t in = moments->in;
  double sum = 0;
  for (int64_t i = 0; i < in; i++)
    sum += moments->h[i * in + i];
  double lambda = sum > 0 ? DAMPING * sum / (double)in : 1; // dead inputs: the weights stay
  for (int64_t i = 0; i < in; i++)
    moments->h[i * in + i] += lambda;
  for (int64_t i = 0; i < moments->out * in; i++)
    moments->r[i] += lambda * weights[i];
}
