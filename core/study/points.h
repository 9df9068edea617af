// Things to try on the layers of a network: each layer at several bit widths (and prune ratios),
// everything else as its setting says. What allocation chooses from, what a sweep measures.
#ifndef BD_STUDY_POINTS_H
#define BD_STUDY_POINTS_H

#include "core/quant/coded.h"
#include "core/study/allocate.h"
#include "core/study/study.h"

enum { BD_WIDTHS_MAX = BD_BITS_MAX + 1, BD_PRUNES_MAX = 32 };

// What is varied; no prunes: each layer's own ratio.
typedef struct bd_varied {
  int widths[BD_WIDTHS_MAX]; // 1..8 or 32, rising
  int width_count;
  double prunes[BD_PRUNES_MAX]; // 0..1, rising
  int prune_count;
} bd_varied;
// Widths 2..8.
bd_varied bd_varied_default(void);
// "2,4,8" and "0,0.5,80%", sorted, each value once. BD_INVALID: says what is allowed.
bd_status bd_varied_widths(bd_varied *axes, const char *text, bd_error *err);
bd_status bd_varied_prunes(bd_varied *axes, const char *text, bd_error *err);

typedef struct bd_point {
  int layer;
  bd_setting setting;
  bd_result *result; // NULL until bd_points_quantize
  bd_coded *coded;   // repaired (study/repairer.h); NULL: as quantized
} bd_point;

typedef struct bd_points {
  bd_point *list; // by layer, then prune ratio, then bits
  int count;
} bd_points;

// Every layer that has an index, with every pair of the axes; `held` (NULL: none): one a layer,
// true: the layer's own setting is its only point. Release with bd_points_free.
bd_status bd_points_make(const bd_layer_study *studies, const bd_setting *settings,
                         const bool *held, int layers, const bd_varied *axes, bd_points *out,
                         bd_error *err);
void bd_points_free(bd_points *points);

// Quantizes all of them, on the pool's threads, with the least effort that gives the final levels.
bd_status bd_points_quantize(bd_points *points, const bd_layer_study *studies, bd_pool *pool,
                             const bd_cancel *cancel, bd_progress progress, void *arg,
                             bd_error *err);

// SSE over Σw² of the layer: 0 where it is exact.
double bd_relative_sse(const bd_result *result, const bd_stats *stats);

// Chooses one point for each layer; costs: one a point. chosen[k]: the point of the k-th layer that
// has points, as many as *count says (room for all layers). Errors as bd_allocate's.
bd_status bd_points_allocate(const bd_points *points, const double *costs, bd_budget budget,
                             const bd_cancel *cancel, int *chosen, int *count, bd_allocation *out,
                             bd_error *err);

#endif
