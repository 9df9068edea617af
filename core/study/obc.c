#include "core/study/obc.h"

#include "core/base/widest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// What remains of a row: the lower half of H⁻¹ restricted to it, and its diagonal apart.
typedef struct remains {
  int64_t n, stride;
  double *a, *diagonal, *w, *column;
  int64_t *place; // in the whole row
  bool *first;
} remains;

static void remains_free(remains *r) {
  free(r->a);
  free(r->diagonal);
  free(r->w);
  free(r->column);
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
  r->place = malloc(size * sizeof *r->place);
  r->first = calloc(size, sizeof *r->first);
  if (!r->a || !r->diagonal || !r->w || !r->column || !r->place || !r->first) {
    remains_free(r);
    return bd_fail_memory(err, "the choice of what to prune");
  }
  memcpy(r->a, inverse, (size_t)(n * n) * sizeof *r->a);
  memcpy(r->w, w, (size_t)n * sizeof *r->w);
  if (first) memcpy(r->first, first, (size_t)n * sizeof *first);
  for (int64_t i = 0; i < n; i++) {
    r->diagonal[i] = inverse[i * n + i];
    r->place[i] = i;
  }
  return BD_OK;
}

static int64_t cheapest(const remains *r) {
  int64_t best = 0;
  double least = INFINITY;
  bool forced = false;
  for (int64_t i = 0; i < r->n; i++) {
    if (forced && !r->first[i]) continue;
    double loss = r->w[i] * r->w[i] / r->diagonal[i];
    if (loss < least || (r->first[i] && !forced)) {
      least = loss;
      best = i;
      forced = r->first[i];
    }
  }
  return best;
}

// Column j of the symmetric matrix.
static void take_column(const remains *r, int64_t j, double *out) {
  for (int64_t i = 0; i < j; i++)
    out[i] = r->a[j * r->stride + i];
  for (int64_t i = j; i < r->n; i++)
    out[i] = r->a[i * r->stride + j];
}

// The last one takes the place of j.
static void drop(remains *r, int64_t j) {
  int64_t last = --r->n;
  double *from = r->a + last * r->stride;
  if (j == last) return;
  memcpy(r->a + j * r->stride, from, (size_t)j * sizeof *from);
  for (int64_t i = j + 1; i < last; i++)
    r->a[i * r->stride + j] = from[i];
  r->diagonal[j] = r->diagonal[last];
  r->w[j] = r->w[last];
  r->column[j] = r->column[last];
  r->place[j] = r->place[last];
  r->first[j] = r->first[last];
}

// A ← A − c·cᵀ/pivot over what remains; the diagonal never falls to 0.
BD_WIDEST static void eliminate(double *restrict a, int64_t stride, int64_t n,
                                const double *restrict column, double *restrict diagonal,
                                double pivot) {
  for (int64_t i = 0; i < n; i++) {
    double factor = column[i] / pivot, *row = a + i * stride;
    for (int64_t c = 0; c < i; c++)
      row[c] -= factor * column[c];
    diagonal[i] = fmax(diagonal[i] - factor * column[i], diagonal[i] * 1e-12);
  }
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
    for (int64_t c = 0; c < r.n; c++)
      r.w[c] -= step * r.column[c];
    eliminate(r.a, r.stride, r.n, r.column, r.diagonal, pivot);
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
