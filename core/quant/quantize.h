// One tensor, one setting → levels, who goes where, and what it costs.
//
// Yang, Zhi and Tong 2023: prune by magnitude, K-means from PSO centroids, map the centroids to a
// uniform fixed-point grid. SSE = SSE_prune + SSE_cluster + SSE_map, always against the original
// weights, after the levels are rounded to the tensor's own type.
#ifndef BD_QUANT_QUANTIZE_H
#define BD_QUANT_QUANTIZE_H

#include "core/quant/index.h"
#include "core/quant/setting.h"

enum { BD_LEVELS_MAX = 256 };

// A run of sorted values that share one level.
typedef struct bd_cell {
  size_t from, to; // range of the sorted values; never across the pruned hole
  int level;       // index into levels
} bd_cell;

// What the clustering did, step by step: for the convergence panel and the tests.
typedef struct bd_trace {
  double *swarm; // best SSE after each PSO iteration
  int swarm_count;
  double *lloyd; // SSE after each Lloyd step
  int lloyd_count;
} bd_trace;

// Values up to `end`, and above the segment before, take `level`.
typedef struct bd_segment {
  float end, level;
} bd_segment;

// One part's own share where the granularity is below the tensor. Levels are as floats.
typedef struct bd_part {
  const bd_segment *segments; // ascending; the pruned are one of them, of level 0
  double step, zero_point;    // as of a result
  float energy;               // Σw²
  float sse_prune, sse_cluster, sse_map;
  uint16_t segment_count, level_count;
  bool proved;
} bd_part;

struct bd_optimum;

typedef struct bd_result {
  bd_setting setting;
  size_t count; // weights
  // Granularity `tensor`, or one part only: part is NULL. Else one for each of parts.count, and
  // levels, occupancy, cells, step and trace are left out (NULL, 0); errors, sizes, merged and
  // cluster_bound are sums, optimum_ratio is the ratio of the sums, proved says it of all parts.
  bd_parts parts;
  bd_part *part;
  int most_levels;     // that any one part takes; 0 where weights stay float
  bd_segment **blocks; // what parts' segments stand in
  size_t block_count;
  // Distinct values of the quantized tensor, ascending, rounded to its type (zero included where a
  // weight is zero); occupancy: how many weights take each. Owned.
  double *levels;
  size_t *occupancy;
  int level_count;
  int merged;     // centroids that met another one's level on the grid
  bd_cell *cells; // survivors, ascending. Owned.
  int cell_count;
  bd_hole hole;
  double step, zero_point; // of a uniform method: level = step·(q − zero_point); else step = 0
  double sse, sse_prune, sse_cluster, sse_map;
  // With importance these stay the plain squared error, in which every weight counts once, around
  // the centers that importance has chosen; then sse_map may be below 0. weighted_sse is what was
  // made small, cluster_fit the clustering's part of it (without importance: sse, sse_cluster);
  // cluster_bound, optimum_ratio, proved and trace are about cluster_fit.
  double weighted_sse, cluster_fit;
  double sqnr_db;       // +Inf where exact
  double max_error;     // largest |w − ŵ|
  double cluster_bound; // proved lower bound of the optimal SSE_cluster
  double optimum_ratio; // cluster_fit over cluster_bound (0/0 = 1); NaN: no clustering decided
  bool proved;          // cluster_bound is the optimum itself, to 1e-9
  double bits_per_weight, bytes;
  double entropy_bits; // of the codes: places among the levels of a weight's own part
  bd_trace trace;
  // Of a quick result whose optimum is not proved yet, where only the proof is missing: what it
  // goes on from. Else NULL. Owned.
  struct bd_optimum *approach;
} bd_result;

// Quick: levels and error at once, with a lower bound (cluster_bound) that is cheap. Proved: goes
// on until the optimum is proved (or exact ties forbid it). With init `pso` both give the same
// levels. Levels: those and the error alone, without a bound, where nobody asks how far it is from
// the optimum; the ratio is then NaN.
typedef enum bd_effort { BD_LEVELS, BD_QUICK, BD_PROVED } bd_effort;

// The least effort that ends with the final levels: `optimal` has them only with the proof.
static inline bd_effort bd_effort_for(const bd_setting *setting) {
  return setting->init == BD_OPTIMAL ? BD_PROVED : BD_LEVELS;
}

// A granularity below the tensor prunes over the whole tensor all the same; then each part has
// levels, grid and optimum of its own, with the same seed. The index needs a source for it
// (BD_INVALID without). A tensor without channels counts as one.
//
// Works on bits 1..8; bits 32 gives the weights themselves (levels NULL, sse 0), pruned by the
// ratio. Constant, all-zero, prune 1, fewer distinct values than clusters: fewer levels, never NaN.
// BD_CANCELLED leaves *out NULL. Release with bd_result_free.
bd_status bd_quantize(const bd_index *index, const bd_setting *setting, bd_effort effort,
                      const bd_cancel *cancel, bd_result **out, bd_error *err);
void bd_result_free(bd_result *result);

// Somebody waits for the result.
typedef struct bd_watch {
  // Hears of the optimum's proved lower bound each time that a proof raises it, on the thread that
  // computes; of one part only. NULL: not.
  void (*raised)(void *arg, double bound);
  void *arg;
  bool pair; // a second thread may help; the result is the same
} bd_watch;
bd_status bd_quantize_watched(const bd_index *index, const bd_setting *setting, bd_effort effort,
                              const bd_watch *watch, const bd_cancel *cancel, bd_result **out,
                              bd_error *err);

// What a proof says of the optimum.
typedef struct bd_certificate {
  double bound;
  bool proved;
} bd_certificate;
// Goes on from a quick result's approach to the proof; index and setting are those of the result.
// For another thread take a copy of the approach: bd_approach_copy gives NULL without memory or
// approach; free() it.
struct bd_optimum *bd_approach_copy(const struct bd_optimum *approach);
bd_status bd_quantize_prove(const bd_index *index, const bd_setting *setting,
                            const struct bd_optimum *approach, const bd_watch *watch,
                            const bd_cancel *cancel, bd_certificate *out, bd_error *err);
// The result then is as if it had been proved at once.
void bd_result_take_certificate(bd_result *result, const bd_certificate *certificate);

// Signal over error in dB, +Inf where exact: 10·log10(Σw² / SSE).
double bd_sqnr_db(double energy, double sse);
// Back: SSE / Σw².
double bd_sqnr_share(double db);
// SSE of a clustering over the best bound of the optimum; 0/0 is 1, without a bound NaN.
double bd_optimum_ratio(double sse, double bound);

// The quantized weights, in stored order: out[i] is the level of weights[i]. weights are those that
// the index was made of; out may be weights.
void bd_result_apply(const bd_result *result, const bd_index *index, const float *weights,
                     float *out);

// The value that one weight takes when it is not a tie at the prune threshold. Of one part only.
double bd_result_level_of(const bd_result *result, const bd_index *index, double weight);

#endif
