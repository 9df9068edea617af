// A level of buckets over the survivors, and what a border inside each of them can be worth.
//
// Take any partition whose value (cost + λ·clusters) is within `gap` of the least, and whose
// borders lie half way between the means beside them; the optimum for k clusters is one. Splitting
// one of its clusters gains at most λ + gap, merging two costs at least λ - gap. With those, moving
// a border to an edge of its bucket A costs at most ε = D·√(n·c(A)): n values, squared error c(A),
// and D a bound of the distance between the means beside the border. So a chain over the edges
// alone, which is forgiven ε at each border, costs no more than the partition: a lower bound of the
// optimum.
#ifndef BD_QUANT_LEVEL_H
#define BD_QUANT_LEVEL_H

#include "core/quant/clusters.h"
#include "core/quant/links.h"

// Borders may be at `from`, at `to` and between them.
typedef struct bd_span {
  size_t from, to;
} bd_span;

// The clusters as spans, at most clusters->count of them. Returns how many.
size_t bd_spans_of(const bd_clusters *clusters, bd_span *spans);

typedef struct bd_level {
  bd_links links;  // over the edges; relief[j] is the greater ε of the buckets beside edge j
  bool *open;      // bucket j, between edges j - 1 and j, may hold a border inside
  double *epsilon; // of bucket j; 0 where it is closed
  uint32_t *reach; // the last edge that a cluster which holds edge i to edge reach[i] may gain λ by
  bool valid;      // buckets are fine enough for the argument to hold at λ
  bool pair;       // a second thread may help
} bd_level;

// Cuts each span in `pieces`, even in count, and half of them in value where that differs. Spans
// are ascending. bd_level_free in every case.
bd_status bd_level_new(const bd_survivors *survivors, const bd_span *spans, size_t count,
                       size_t pieces, bool pair, bd_level *out, bd_error *err);
// Finds what a border in each bucket can be worth at lambda.
void bd_level_weigh(const bd_survivors *survivors, bd_level *level, double lambda);
void bd_level_free(bd_level *level);

// Gaps up to this share of λ are covered by the argument.
#define BD_LEVEL_GAP 0.2

#endif
