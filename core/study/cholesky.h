// Cholesky factors of symmetric positive definite matrices by LAPACK. It is loaded when it is first
// asked for, so that it costs nothing at program start, and computes on the calling thread alone.
// Any thread may call.
#ifndef BD_STUDY_CHOLESKY_H
#define BD_STUDY_CHOLESKY_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

// BD_FAILED: the library is missing. Before anything else here.
bd_status bd_cholesky_start(bd_error *err);

// A (n × n, symmetric) = L·Lᵀ; L stands in place with L[r][c], r ≥ c, at a[c·n + r]: a column of L
// lies together. The other half of a is not touched. False where A is not positive definite.
bool bd_cholesky_factor(double *a, int64_t n);
// x ← A⁻¹·x for `count` vectors of n, one after the other.
void bd_cholesky_solve(const double *factor, int64_t n, double *x, int64_t count);
// The whole inverse (both halves) in the factor's place.
void bd_cholesky_invert(double *factor, int64_t n);

#endif
