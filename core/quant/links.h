// The cheapest chain of k links over the edges 0..m, where the link (i, j) costs the squared error
// of one cluster that holds all between. Link costs are Monge, so the cheapest cost F_k is convex
// in k, and for EVERY λ: F_k >= L(λ) - kλ, where L(λ) is the least of (cost + λ·links) over all
// chains; a cheapest chain at λ that has k links is optimal. (Wu 1991; Aggarwal, Schieber, Tokuyama
// 1994.)
#ifndef BD_QUANT_LINKS_H
#define BD_QUANT_LINKS_H

#include "core/quant/prefix.h"
#include "core/quant/survivors.h"

// An edge where a cluster may begin or end.
typedef struct bd_edge {
  double place;     // among the survivors: how many are before it
  bd_prefix prefix; // their sums
  double own;       // squared error of the run since the edge before: exactly 0 for one value
} bd_edge;

typedef struct bd_links {
  bd_edge *edges; // m + 1 of them; the first is at place 0, the last at the end
  size_t m;
  double *relief; // NULL, or what every chain that cuts at an edge is forgiven; m + 1 of them
  bool reversed;  // a view from the other end: edges and relief are another one's
  // Work space of a pass.
  double *best;   // f[j]: least cost + λ·links - relief from edge 0 to edge j
  uint32_t *from; // the edge that the last link of that chain starts at
  uint32_t *rivals, *starts;
} bd_links;

// A view of the same edges and reliefs, which stay the first one's, from the other end: edge j
// there is edge m - j here. It has work space of its own. bd_links_free in every case.
bd_status bd_links_reversed(const bd_links *links, bd_links *out, bd_error *err);

// A chain that a pass found. path: edge numbers, links + 1 of them; owned.
typedef struct bd_chain {
  double lambda;
  double cost;
  double noise; // what rounding may have added to or taken from cost + λ·links
  int links;
  uint32_t *path;
} bd_chain;

// The edges before and after every distinct value: chains over them are all clusterings that
// matter.
bd_status bd_links_all(const bd_survivors *survivors, const bd_cancel *cancel, bd_links *out,
                       bd_error *err);
// About `wanted` edges: even in count, even in value, and denser towards both ends.
bd_status bd_links_sample(const bd_survivors *survivors, size_t wanted, bd_links *out,
                          bd_error *err);
void bd_links_free(bd_links *links);

// To make other instances: room for so many edges, edges in ascending order (one that is not past
// the last is left out), then the sums at all of them and the work space; `pair`: on two threads
// where that pays. bd_links_free in every case.
bd_status bd_links_reserve(bd_links *links, size_t edges, bd_error *err);
bool bd_links_add(bd_links *links, size_t place);
bd_status bd_links_finish(const bd_survivors *survivors, bd_links *links, bool pair, bd_error *err);
// So many edges are worth a second thread.
enum { BD_LINKS_PAIR = 1 << 14 };
// Never between equal values: such an edge is no use.
size_t bd_links_snap(const bd_survivors *survivors, size_t place);

// The cost of the link from edge i to edge j.
double bd_link_cost(const bd_links *links, size_t i, size_t j);

// A cheapest chain at lambda. BD_CANCELLED, BD_FAILED (memory): out->path is NULL.
bd_status bd_links_pass(bd_links *links, double lambda, const bd_cancel *cancel, bd_chain *out,
                        bd_error *err);

// Fills cost and noise from path, links and lambda.
void bd_chain_measure(const bd_links *links, bd_chain *chain);

// What bd_links_solve found: a chain of exactly k links, and the greatest L(λ) - kλ that was
// seen, less the noise.
typedef struct bd_solution {
  bd_chain chain;
  double bound;
} bd_solution;

// 1 <= k <= m. Starts at lambda (0: a guess). The bound meets the chain's cost up to rounding, also
// where no λ has k links: then chains of fewer and of more links with the same cost are spliced.
// The caller frees chain.path.
bd_status bd_links_solve(bd_links *links, int k, double lambda, const bd_cancel *cancel,
                         bd_solution *out, bd_error *err);

// From a λ that has k links to about the middle of those that do, by one look to each side: a finer
// instance is likely to have k links there too.
bd_status bd_links_centre(bd_links *links, int k, double *lambda, const bd_cancel *cancel,
                          bd_error *err);

#endif
