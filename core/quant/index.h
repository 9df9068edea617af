// The index of one tensor: its values sorted once, with prefix sums in blocks, so that pruning, a
// Lloyd step, a swarm's fitness and a histogram cost O(k log n) and no pass over the weights.
#ifndef BD_QUANT_INDEX_H
#define BD_QUANT_INDEX_H

#include "core/base/pool.h"
#include "core/base/status.h"
#include "core/quant/parts.h"

#include <stddef.h>
#include <stdint.h>

typedef struct bd_index bd_index; // immutable; any thread may read it

// How the tensor's own type rounds a level (model/model.h gives one; NULL: float32).
typedef double (*bd_rounding)(double value);

typedef struct bd_stats {
  size_t count;
  size_t zeros;    // exactly zero, of either sign
  size_t distinct; // values
  double min, max, mean;
  double median;    // the value at count / 2 of the sorted ones
  double deviation; // of the population
  double energy;    // Σw²
} bd_stats;

// Sorts a copy (radix, 4 × 8 bits). The weights may be released afterwards. BD_INVALID with a line
// that says where: a NaN or Inf, no weights at all. BD_CANCELLED leaves *out NULL.
bd_status bd_index_new(const float *weights, size_t count, bd_rounding round,
                       const bd_cancel *cancel, bd_index **out, bd_error *err);
// The same where an error at weight i counts importance[i] times (BD_INVALID: it is negative, not
// finite, or all of it is 0): clusterings and grids are fitted to that, and so are their proof and
// distance from the optimum. Pruning goes by magnitude all the same.
bd_status bd_index_new_weighted(const float *weights, const float *importance, size_t count,
                                bd_rounding round, const bd_cancel *cancel, bd_index **out,
                                bd_error *err);
// From a table: counts[i] > 0 weights are values[i], which ascend and have no -0. Takes memory for
// the entries alone, however many weights there are.
bd_status bd_index_new_counted(const float *values, const size_t *counts, size_t entries,
                               bd_rounding round, bd_index **out, bd_error *err);
void bd_index_free(bd_index *index);

// Where the weights stand in stored order: a granularity below the tensor goes back to them, each
// time it quantizes, on any thread. axes cover all of them.
typedef struct bd_reread {
  bd_axes axes;
  // Weights [first, first + count) as floats. BD_FAILED, BD_INVALID: they cannot be read.
  bd_status (*read)(const struct bd_reread *self, size_t first, size_t count, float *out,
                    bd_error *err);
  const float *importance; // of all weights, or NULL
  const void *from;        // both are read's own
  int number;
} bd_reread;
// Before any other thread sees the index. What it is read from must outlive the index.
void bd_index_set_reread(bd_index *index, const bd_reread *reread);

const bd_stats *bd_index_stats(const bd_index *index);

// The sorted value at a place, 0..count-1, ascending; -0 counts as 0.
float bd_index_value(const bd_index *index, size_t place);

// Values v with v < x (before) or v <= x (through): O(log n).
size_t bd_index_before(const bd_index *index, double x);
size_t bd_index_through(const bd_index *index, double x);

// How many values fall into each of `bins` equal bins over [low, high]; a value on an inner edge
// counts to the right, high itself to the last bin. O(bins log n).
void bd_index_histogram(const bd_index *index, double low, double high, int bins, size_t *counts);

// Sums of sorted values [from, to), centred: Σ(v − median) and Σ(v − median)². The median, because
// one outlier moves the mean so far that the other values lose their digits.
typedef struct bd_sums {
  double count, sum, square;
} bd_sums;
bd_sums bd_index_sums(const bd_index *index, size_t from, size_t to);

// The pruned hole: the sorted range [from, to) that ratio p sets to zero, exact zeros included:
// m = round(p·n, half up) in the order (|w|, positive before negative, index). For the ties at the
// threshold: of the weights of value +threshold the first positive_ties by index are pruned, of
// those of -threshold the first negative_ties.
typedef struct bd_hole {
  size_t from, to;
  size_t pruned; // m: what the ratio asks for, exact zeros not added
  double threshold;
  size_t positive_ties, negative_ties;
} bd_hole;
bd_hole bd_index_hole(const bd_index *index, double ratio);

#endif
