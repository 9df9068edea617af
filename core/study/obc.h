// Optimal Brain Compression (Frantar and Alistarh 2022): which weights of a row can go, when those
// that stay make up for each loss.
#ifndef BD_STUDY_OBC_H
#define BD_STUDY_OBC_H

#include "core/base/pool.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

// One row. w (n) is the minimum of (v − w)ᵀH(v − w); inverse = H⁻¹ (n × n, not touched). Weights
// fall one by one, the cheapest first, those with first[j] (may be NULL) before all others:
// order[i] is the i-th to fall, loss[i] by how much the minimum over what remains rises with it.
// Their sum over the first i is the exact error of the best row without those i. BD_CANCELLED;
// BD_FAILED: memory.
bd_status bd_obc_row(const double *inverse, int64_t n, const double *w, const bool *first,
                     const bd_cancel *cancel, int64_t *order, double *loss, bd_error *err);

// A weight's score: the greatest loss of its row up to its fall; -1 where it is among the first.
void bd_obc_scores(const int64_t *order, const double *loss, int64_t n, const bool *first,
                   double *score);

// The cheap stand-in for wide rows: what each weight would cost if it fell alone, w²/H⁻¹_jj.
void bd_obc_alone(const double *inverse, int64_t n, const double *w, const bool *first,
                  double *score);

// Marks the `count` lowest of all scores (ties: the lower place). BD_FAILED: memory.
bd_status bd_obc_mask(const double *scores, int64_t all, int64_t count, bool *pruned,
                      bd_error *err);

#endif
