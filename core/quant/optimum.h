// The global optimum of K-means on the survivors of one tensor: close at once, then proved.
#ifndef BD_QUANT_OPTIMUM_H
#define BD_QUANT_OPTIMUM_H

#include "core/quant/clusters.h"
#include "core/quant/quantize.h"

typedef struct bd_optimum {
  int k;                         // clusters asked for; there are fewer where values are fewer
  double guess[BD_CLUSTERS_MAX]; // means of the optimum over a sample of borders; k of them
  bd_clusters clusters;          // the best known: its sse is an upper bound
  double bound;                  // proved lower bound of the optimal SSE
  double lambda;                 // where the compressed instance has k links
  bool proved;                   // clusters.sse is the optimum, to 1e-9
  const bd_watch *watch;         // of whoever waits for a proof; NULL: nobody
} bd_optimum;

// The optimum over a sample of borders, then Lloyd on all values. Small tensors and those of few
// values are proved already. Needs at least one survivor.
bd_status bd_optimum_approach(const bd_survivors *survivors, int k, const bd_cancel *cancel,
                              bd_optimum *out, bd_error *err);

// Does approach prove the optimum of so many survivors, whatever they are?
bool bd_optimum_at_once(size_t survivors, int k);

// Raises the bound by a quick look; the clusters may become better too.
bd_status bd_optimum_bound(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err);

// The optimum over these edges, which are known to hold an optimum's borders.
struct bd_links;
bd_status bd_optimum_solve(const bd_survivors *survivors, struct bd_links *links,
                           const bd_cancel *cancel, bd_optimum *optimum, bd_error *err);

// Goes on from there to the proof.
bd_status bd_optimum_prove(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err);

#endif
