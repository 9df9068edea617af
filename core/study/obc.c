#include "core/study/obc.h"

#include "core/base/widest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What has fallen is taken out of H⁻¹ so many at a time: one pass over it serves them all.
enum { LATE = 12 };

// What remains of a row: the lower half of H⁻¹ restricted to it, from which `late` columns are
// still to be taken out, and its diagonal apart, which is up to date.
typedef struct remains {
  int64_t n, stride;
  double *a, *diagonal, *w, *column;
  double *late_columns; // LATE × stride
  double pivot[LATE];
  int late;
  int64_t *place; // in the whole row
  bool *first;
} remains;

static void remains_free(remains *r) {
  free(r->a);
  free(r->diagonal);
  free(r->w);
  free(r->column);
  free(r->late_columns);
  free(r->place);
  free(r->first);
}

static bd_status remains_new(const double *inverse, int64_t n, const double *w, const bool *first,
                             remains *r, bd_error *err) {
  size_t size = (size_t)n + 1;
  *r = (remains){.n = n, .stride = n};
  r->a = malloc(size * size * sizeof *r->a);
  r->diagonal = malloc(size * sizeof *r->diagonal);
  r->w = malloc(size * sizeof *r->w);
  r->column = malloc(size * sizeof *r->column);
  r->late_columns = malloc(size * LATE * sizeof *r->late_columns);
  r->place = malloc(size * sizeof *r->place);
  r->first = calloc(size, sizeof *r->first);
  if (!r->a || !r->diagonal || !r->w || !r->column || !r->late_columns || !r->place || !r->first) {
    remains_free(r);
    return bd_fail_memory(err, "the choice of what to prune");
  }
  for (int64_t i = 0; i < n; i++)
    memcpy(r->a + i * n, inverse + i * n, (size_t)(i + 1) * sizeof *r->a);
  memcpy(r->w, w, (size_t)n * sizeof *r->w);
  if (first) memcpy(r->first, first, (size_t)n * sizeof *first);
  for (int64_t i = 0; i < n; i++) {
    r->diagonal[i] = inverse[i * n + i];
    r->place[i] = i;
  }
  return BD_OK;
}

// What it costs when each falls.
BD_WIDEST static void costs(const double *restrict w, const double *restrict diagonal, int64_t n,
                            double *restrict out) {
  for (int64_t i = 0; i < n; i++)
    out[i] = w[i] * w[i] / diagonal[i];
}

static int64_t cheapest(const remains *r) {
  int64_t best = 0;
  bool forced = false;
  costs(r->w, r->diagonal, r->n, r->column);
  for (int64_t i = 0; i < r->n; i++) {
    if (forced && !r->first[i]) continue;
    if (r->column[i] < r->column[best] || (r->first[i] && !forced)) {
      best = i;
      forced = r->first[i];
    }
  }
  return best;
}

// to ← to − factor · from
BD_WIDEST static void take_scaled(double *restrict to, const double *restrict from, double factor,
                                  int64_t count) {
  for (int64_t i = 0; i < count; i++)
    to[i] -= factor * from[i];
}

// Column j of the symmetric matrix, up to date but for its own entry.
static void take_column(const remains *r, int64_t j, double *out) {
  for (int64_t i = 0; i < j; i++)
    out[i] = r->a[j * r->stride + i];
  for (int64_t i = j; i < r->n; i++)
    out[i] = r->a[i * r->stride + j];
  for (int k = 0; k < r->late; k++) {
    const double *column = r->late_columns + k * r->stride;
    take_scaled(out, column, column[j] / r->pivot[k], r->n);
  }
}

// The last one takes the place of j.
static void drop(remains *r, int64_t j) {
  int64_t last = --r->n;
  double *from = r->a + last * r->stride;
  if (j == last) return;
  memcpy(r->a + j * r->stride, from, (size_t)j * sizeof *from);
  for (int64_t i = j + 1; i < last; i++)
    r->a[i * r->stride + j] = from[i];
  for (int k = 0; k < r->late; k++)
    r->late_columns[k * r->stride + j] = r->late_columns[k * r->stride + last];
  r->diagonal[j] = r->diagonal[last];
  r->w[j] = r->w[last];
  r->column[j] = r->column[last];
  r->place[j] = r->place[last];
  r->first[j] = r->first[last];
}

// A row of A ← A − Σ c·cᵀ/pivot.
BD_WIDEST static void take_late(double *restrict row, int64_t count, const double *restrict columns,
                                int64_t stride, const double factor[LATE]) {
  for (int64_t c = 0; c < count; c++) {
    double sum = 0;
    for (int k = 0; k < LATE; k++)
      sum += factor[k] * columns[k * stride + c];
    row[c] -= sum;
  }
}

static void take_all_late(remains *r) {
  for (int64_t i = 0; i < r->n; i++) {
    double factor[LATE];
    for (int k = 0; k < LATE; k++)
      factor[k] = r->late_columns[k * r->stride + i] / r->pivot[k];
    take_late(r->a + i * r->stride, i, r->late_columns, r->stride, factor);
  }
  r->late = 0;
}

// diagonal ← diagonal − c²/pivot, which never falls to 0.
BD_WIDEST static void take_squares(double *restrict diagonal, const double *restrict column,
                                   double pivot, int64_t n) {
  double factor = 1 / pivot;
  for (int64_t i = 0; i < n; i++) {
    double rest = diagonal[i] - column[i] * column[i] * factor, least = diagonal[i] * 1e-12;
    diagonal[i] = rest > least ? rest : least;
  }
}

// A ← A − c·cᵀ/pivot over what remains: of the diagonal now, of the rest later.
static void eliminate(remains *r, double pivot) {
  take_squares(r->diagonal, r->column, pivot, r->n);
  memcpy(r->late_columns + r->late * r->stride, r->column, (size_t)r->n * sizeof *r->column);
  r->pivot[r->late++] = pivot;
  if (r->late == LATE) take_all_late(r);
}

bd_status bd_obc_row(const double *inverse, int64_t n, const double *w, const bool *first,
                     const bd_cancel *cancel, int64_t *order, double *loss, bd_error *err) {
  remains r;
  BD_TRY(remains_new(inverse, n, w, first, &r, err));
  for (int64_t i = 0; i < n && !bd_cancelled(cancel); i++) {
    int64_t j = cheapest(&r);
    double pivot = r.diagonal[j], step = r.w[j] / pivot;
    order[i] = r.place[j];
    loss[i] = r.w[j] * step;
    take_column(&r, j, r.column);
    drop(&r, j);
    take_scaled(r.w, r.column, step, r.n);
    eliminate(&r, pivot);
  }
  remains_free(&r);
  return bd_cancelled(cancel) ? BD_CANCELLED : BD_OK;
}

void bd_obc_scores(const int64_t *order, const double *loss, int64_t n, const bool *first,
                   double *score) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) {
    bool given = first && first[order[i]];
    if (!given) most = fmax(most, loss[i]);
    score[order[i]] = given ? -1 : most;
  }
}

void bd_obc_alone(const double *inverse, int64_t n, const double *w, const bool *first,
                  double *score) {
  for (int64_t i = 0; i < n; i++)
    score[i] = first && first[i] ? -1 : w[i] * w[i] / inverse[i * n + i];
}

// --- the mask of a layer -------------------------------------------------------------------------

typedef struct ranked {
  double score;
  int64_t place;
} ranked;

static int lower_first(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  return (x->place > y->place) - (x->place < y->place);
}

bd_status bd_obc_mask(const double *scores, int64_t all, int64_t count, bool *pruned,
                      bd_error *err) {
  ranked *list = malloc(((size_t)all + 1) * sizeof *list);
  if (!list) return bd_fail_memory(err, "the choice of what to prune");
  for (int64_t i = 0; i < all; i++)
    list[i] = (ranked){scores[i], i};
  qsort(list, (size_t)all, sizeof *list, lower_first);
  for (int64_t i = 0; i < all; i++)
    pruned[list[i].place] = i < count;
  free(list);
  return BD_OK;
}
