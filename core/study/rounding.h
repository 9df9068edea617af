// From the weights that are wanted to levels that can be stored: least squares on what pruning
// left, rounding that hands each error on, and descent to where no single weight can better itself.
// Everything minimises qᵀHq − 2·q·r for one row q, with H and r damped (moments.h).
#ifndef BD_STUDY_ROUNDING_H
#define BD_STUDY_ROUNDING_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

// Values that a weight can take, ascending; at least one.
typedef struct bd_levels {
  const double *values;
  int count;
} bd_levels;
// The nearest; of two equally near ones the upper.
double bd_levels_near(const bd_levels *levels, double value);

// The levels of a row's columns: column j takes those of books[book[j]]; book NULL: all books[0].
typedef struct bd_shelf {
  const bd_levels *books;
  const uint32_t *book;
} bd_shelf;

// The columns that a row keeps, by rising H_jj (ties: the higher column first), and H restricted to
// them, factored: L·Lᵀ.
typedef struct bd_kept {
  int64_t n;
  int64_t *columns;
  double *factor; // n × n, as bd_cholesky_factor leaves it
} bd_kept;
// pruned (one a column) may be NULL. BD_FAILED: memory, or H is not positive definite.
bd_status bd_kept_of(const double *h, int64_t in, const bool *pruned, bd_kept *out, bd_error *err);
void bd_kept_free(bd_kept *kept);

// w (in numbers) ← the minimum over the kept columns, 0 elsewhere: H_SS w_S = r_S. room: n numbers.
void bd_refit_row(const bd_kept *kept, const double *r, int64_t in, double *w, double *room);

// Successive rounding with feedback: LDLQ (Chee et al. 2023), the same as GPTQ (Frantar et al.
// 2022) without its inverse. With H_SS = M D Mᵀ, M unit upper by falling H_jj:
// q_k = nearest(w_k + Σ_{i<k} (w_i − q_i)·M_ik). w is replaced by q. room: n numbers.
void bd_ldlq_row(const bd_kept *kept, bd_shelf shelf, double *w, double *room);

// Sweeps of q_j ← nearest(q_j − G_j/H_jj), G = Hq − r, over the columns that are not pruned, until
// nothing moves or `sweeps` are done. room: `in` numbers.
void bd_descend_row(const double *h, const double *r, int64_t in, const bool *pruned,
                    bd_shelf shelf, int sweeps, double *q, double *room);

#endif
