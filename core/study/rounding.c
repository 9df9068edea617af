#include "core/study/rounding.h"

#include "core/base/widest.h"
#include "core/study/cholesky.h"

#include <stdlib.h>

double bd_levels_near(const bd_levels *levels, double value) {
  int low = 0, high = levels->count - 1;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (value < (levels->values[middle] + levels->values[middle + 1]) / 2)
      high = middle;
    else
      low = middle + 1;
  }
  return levels->values[low];
}

static double near(bd_shelf shelf, int64_t column, double value) {
  return bd_levels_near(&shelf.books[shelf.book ? shelf.book[column] : 0], value);
}

// --- what a row keeps ----------------------------------------------------------------------------

typedef struct weighed {
  double h;
  int64_t column;
} weighed;

static int lighter_first(const void *a, const void *b) {
  const weighed *x = a, *y = b;
  if (x->h != y->h) return x->h < y->h ? -1 : 1;
  return (x->column < y->column) - (x->column > y->column);
}

static bool order_columns(const double *h, int64_t in, const bool *pruned, bd_kept *out) {
  weighed *list = malloc(((size_t)in + 1) * sizeof *list);
  out->columns = malloc(((size_t)in + 1) * sizeof *out->columns);
  for (int64_t j = 0; list && j < in; j++)
    if (!pruned || !pruned[j]) list[out->n++] = (weighed){h[j * in + j], j};
  if (list) qsort(list, (size_t)out->n, sizeof *list, lighter_first);
  for (int64_t i = 0; list && out->columns && i < out->n; i++)
    out->columns[i] = list[i].column;
  bool fine = list && out->columns;
  free(list);
  return fine;
}

bd_status bd_kept_of(const double *h, int64_t in, const bool *pruned, bd_kept *out, bd_error *err) {
  *out = (bd_kept){0};
  bool fine = order_columns(h, in, pruned, out);
  int64_t n = out->n;
  out->factor = malloc(((size_t)n * (size_t)n + 1) * sizeof *out->factor);
  if (!fine || !out->factor) {
    bd_kept_free(out);
    return bd_fail_memory(err, "the least squares of a row");
  }
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = c; r < n; r++)
      out->factor[c * n + r] = h[out->columns[c] * in + out->columns[r]];
  if (bd_cholesky_factor(out->factor, n)) return BD_OK;
  bd_kept_free(out);
  return bd_fail(err, BD_FAILED, "the calibration data leave the least squares undetermined");
}

void bd_kept_free(bd_kept *kept) {
  free(kept->columns);
  free(kept->factor);
  *kept = (bd_kept){0};
}

void bd_refit_row(const bd_kept *kept, const double *r, int64_t in, double *w, double *room) {
  for (int64_t i = 0; i < kept->n; i++)
    room[i] = r[kept->columns[i]];
  bd_cholesky_solve(kept->factor, kept->n, room, 1);
  for (int64_t j = 0; j < in; j++)
    w[j] = 0;
  for (int64_t i = 0; i < kept->n; i++)
    w[kept->columns[i]] = room[i];
}

// --- rounding ------------------------------------------------------------------------------------

// The last row of L first: with the columns by rising H_jj, M of the falling order is L with each
// column over its diagonal, read from the end.
void bd_ldlq_row(const bd_kept *kept, bd_shelf shelf, double *w, double *room) {
  int64_t n = kept->n;
  for (int64_t k = n - 1; k >= 0; k--) {
    const double *column = kept->factor + k * n;
    double handed = 0;
    for (int64_t i = k + 1; i < n; i++)
      handed += room[i] * column[i];
    double *weight = &w[kept->columns[k]];
    double level = near(shelf, kept->columns[k], *weight + handed / column[k]);
    room[k] = *weight - level;
    *weight = level;
  }
}

// --- descent -------------------------------------------------------------------------------------

BD_WIDEST static void add_scaled(double *restrict to, const double *restrict from, double factor,
                                 int64_t count) {
  for (int64_t i = 0; i < count; i++)
    to[i] += factor * from[i];
}

void bd_descend_row(const double *h, const double *r, int64_t in, const bool *pruned,
                    bd_shelf shelf, int sweeps, double *q, double *room) {
  for (int64_t j = 0; j < in; j++)
    room[j] = -r[j];
  for (int64_t j = 0; j < in; j++)
    if (q[j] != 0) add_scaled(room, h + j * in, q[j], in);
  bool moved = true;
  for (int sweep = 0; sweep < sweeps && moved; sweep++) {
    moved = false;
    for (int64_t j = 0; j < in; j++) {
      if (pruned && pruned[j]) continue;
      double level = near(shelf, j, q[j] - room[j] / h[j * in + j]);
      if (level == q[j]) continue;
      add_scaled(room, h + j * in, level - q[j], in);
      q[j] = level;
      moved = true;
    }
  }
}
