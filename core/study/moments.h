// What calibration data say of one layer: rows of its inputs and of the outputs that are wanted,
// and their second moments.
#ifndef BD_STUDY_MOMENTS_H
#define BD_STUDY_MOMENTS_H

#include "core/base/pool.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

// Rows of a layer of `groups` separate blocks (1: dense; depthwise: one a channel). A block maps
// `in` numbers to `out`.
typedef struct bd_rows {
  int64_t count, groups, in, out;
  float *x;                // count × groups·in
  float *y;                // count × groups·out: what the float network has there
  double *x_mean, *y_mean; // of the columns, once they are centred
  size_t room[4];          // of these arrays: rows that are shaped anew take no new memory
} bd_rows;

// Shapes rows that were zeroed or shaped before: x and y are then to be filled, the means are
// zeroed. BD_FAILED: memory.
bd_status bd_rows_shape(int64_t count, int64_t groups, int64_t in, int64_t out, bd_rows *rows,
                        bd_error *err);
void bd_rows_free(bd_rows *rows);

// Takes the means out of the columns, in place. BD_INVALID: a NaN or Inf among them.
bd_status bd_rows_centre(bd_rows *rows, int threads, bd_error *err);

// H = XᵀX / count (in × in, symmetric) and R = YᵀX / count (out × in) of one block of centred rows.
typedef struct bd_moments {
  int64_t in, out;
  double *h, *r;
} bd_moments;
// The same digits for any number of threads. BD_FAILED: memory; BD_CANCELLED.
bd_status bd_moments_of(const bd_rows *rows, int64_t group, int threads, const bd_cancel *cancel,
                        bd_moments *out, bd_error *err);
void bd_moments_free(bd_moments *moments);

// λ = 0.01 · mean of H's diagonal is added to it, and λ·W to R: the solution of H w = R is drawn
// towards the weights (out × in), most where the data say least.
void bd_moments_damp(bd_moments *moments, const double *weights);

#endif
