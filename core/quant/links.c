#include "core/quant/links.h"

#include "core/base/pair.h"
#include "core/quant/memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define INLINE static inline __attribute__((always_inline))

enum { POLL_EDGES = 1 << 15 };
enum { AHEAD = 8 }; // edges whose sums are fetched while earlier ones are worked on

// --- edges --------------------------------------------------------------------------------------

bd_status bd_links_reserve(bd_links *links, size_t edges, bd_error *err) {
  *links = (bd_links){0};
  if (edges >= UINT32_MAX)
    return bd_fail(err, BD_FAILED, "%zu distinct weights are more than the proof can hold", edges);
  links->edges = bd_scratch_alloc(edges + 1, sizeof *links->edges);
  return links->edges ? BD_OK : bd_fail_memory(err, "the optimum's edges");
}

// The work space of a pass.
static bd_status add_space(bd_links *links, bd_error *err) {
  size_t size = links->m + 1;
  links->best = bd_scratch_alloc(size, sizeof *links->best);
  links->from = bd_scratch_alloc(size, sizeof *links->from);
  links->rivals = bd_scratch_alloc(size, sizeof *links->rivals);
  links->starts = bd_scratch_alloc(size, sizeof *links->starts);
  if (links->best && links->from && links->rivals && links->starts) return BD_OK;
  return bd_fail_memory(err, "the optimum's chains");
}

void bd_links_free(bd_links *links) {
  if (!links->reversed) {
    free(links->edges);
    free(links->relief);
  }
  free(links->best);
  free(links->from);
  free(links->rivals);
  free(links->starts);
  *links = (bd_links){0};
}

static double raw_cost(const bd_edge *from, const bd_edge *to) {
  return bd_prefix_spread(&from->prefix, &to->prefix);
}

bool bd_links_add(bd_links *links, size_t place) {
  bd_edge *edge = &links->edges[links->m];
  if (links->m && (double)place <= edge[-1].place) return false;
  *edge = (bd_edge){.place = (double)place};
  links->m++;
  return true;
}

typedef struct filling {
  const bd_survivors *survivors;
  bd_links *links;
  size_t middle;
} filling;

static void fill_own(const filling *all, size_t i) {
  bd_edge *edge = &all->links->edges[i];
  size_t before = (size_t)edge[-1].place, place = (size_t)edge->place;
  if (!bd_survivors_same(all->survivors, before, place)) edge->own = raw_cost(edge - 1, edge);
}

// The edges from..to - 1; the first one's own cost is left out: it takes the edge before.
static void fill_edges(const filling *all, size_t from, size_t to) {
  bd_edge *edges = all->links->edges;
  for (size_t i = from; i < to; i++) {
    if (i + AHEAD < to) bd_survivors_fetch(all->survivors, (size_t)edges[i + AHEAD].place);
    edges[i].prefix = bd_survivors_prefix(all->survivors, (size_t)edges[i].place);
    if (i > from) fill_own(all, i);
  }
}

static void fill_left(void *arg) {
  const filling *all = arg;
  fill_edges(all, 0, all->middle);
}

static void fill_right(void *arg) {
  const filling *all = arg;
  fill_edges(all, all->middle, all->links->m + 1);
}

bd_status bd_links_finish(const bd_survivors *survivors, bd_links *links, bool pair,
                          bd_error *err) {
  links->m--; // it counted edges so far
  filling all = {survivors, links, (links->m + 1) / 2};
  bd_pair_run(pair && links->m >= BD_LINKS_PAIR, fill_left, fill_right, &all);
  if (all.middle > 0) fill_own(&all, all.middle);
  return add_space(links, err);
}

static bd_status was_cancelled(bd_error *err) {
  return bd_fail(err, BD_CANCELLED, "the proof was cancelled");
}

bd_status bd_links_all(const bd_survivors *survivors, const bd_cancel *cancel, bd_links *out,
                       bd_error *err) {
  *out = (bd_links){0}; // the caller frees it where this was cancelled too
  size_t distinct = 0;
  for (size_t place = 0; place < survivors->count; distinct++) {
    if (distinct % POLL_EDGES == 0 && bd_cancelled(cancel)) return was_cancelled(err);
    place = bd_survivors_next(survivors, place);
  }
  BD_TRY(bd_links_reserve(out, distinct, err));
  bd_links_add(out, 0);
  for (size_t place = 0; place < survivors->count;) {
    if (out->m % POLL_EDGES == 0 && bd_cancelled(cancel)) return was_cancelled(err);
    place = bd_survivors_next(survivors, place);
    bd_links_add(out, place);
  }
  return bd_links_finish(survivors, out, false, err);
}

static int by_place(const void *a, const void *b) {
  const size_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

size_t bd_links_snap(const bd_survivors *survivors, size_t place) {
  if (place == 0 || place == survivors->count) return place;
  double value = bd_survivors_value(survivors, place);
  if (bd_survivors_value(survivors, place - 1) < value) return place;
  return bd_survivors_before(survivors, value);
}

// Even in count for the bulk, even in value for what is thin, and for heavy tails the ranks from
// either end on, each a fixed share farther than the one before.
static size_t sample_places(const bd_survivors *survivors, size_t part, size_t *places) {
  size_t used = 0, count = survivors->count;
  double low = bd_survivors_value(survivors, 0);
  double width = bd_survivors_value(survivors, count - 1) - low;
  for (size_t i = 0; i < 2 * part; i++)
    places[used++] =
        bd_links_snap(survivors, (size_t)((double)count * (double)i / (2. * (double)part)));
  for (size_t i = 0; i < part; i++) {
    places[used++] = bd_survivors_before(survivors, low + width * (double)i / (double)part);
    size_t rank = (size_t)pow((double)count, (double)i / (double)part);
    places[used++] = bd_links_snap(survivors, rank);
    places[used++] = bd_links_snap(survivors, count - rank);
  }
  qsort(places, used, sizeof *places, by_place);
  return used;
}

bd_status bd_links_sample(const bd_survivors *survivors, size_t wanted, bd_links *out,
                          bd_error *err) {
  size_t part = wanted / 5, used = 0;
  size_t *places = malloc(5 * part * sizeof *places);
  bd_status status = bd_links_reserve(out, 5 * part + 1, err);
  if (status == BD_OK && !places) status = bd_fail_memory(err, "the optimum's edges");
  if (status == BD_OK) {
    used = sample_places(survivors, part, places);
    bd_links_add(out, 0);
    for (size_t i = 0; i < used; i++)
      bd_links_add(out, places[i]);
    bd_links_add(out, survivors->count);
    status = bd_links_finish(survivors, out, false, err);
  }
  free(places);
  return status;
}

bd_status bd_links_reversed(const bd_links *links, bd_links *out, bd_error *err) {
  *out =
      (bd_links){.edges = links->edges, .m = links->m, .relief = links->relief, .reversed = true};
  return add_space(out, err);
}

// --- one pass -----------------------------------------------------------------------------------

// `reversed` is that of links: where it is known, the way to an edge is short.
INLINE double cost(const bd_links *links, bool reversed, size_t i, size_t j) {
  const bd_edge *from = &links->edges[reversed ? links->m - j : i];
  const bd_edge *to = &links->edges[reversed ? links->m - i : j];
  return to == from + 1 ? to->own : raw_cost(from, to);
}

double bd_link_cost(const bd_links *links, size_t i, size_t j) {
  return cost(links, links->reversed, i, j);
}

INLINE double reach(const bd_links *links, bool reversed, size_t i, size_t j) {
  return links->best[i] + cost(links, reversed, i, j);
}

// The first edge in (low, high] that the later rival reaches cheaper; it does at high, not at low.
INLINE size_t crossing(const bd_links *links, bool reversed, size_t older, size_t later, size_t low,
                       size_t high) {
  for (size_t step = 1; low + step < high; step *= 2) {
    size_t next = low + step;
    if (reach(links, reversed, later, next) <= reach(links, reversed, older, next)) {
      high = next;
      break;
    }
    low = next;
  }
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (reach(links, reversed, later, middle) <= reach(links, reversed, older, middle))
      high = middle;
    else
      low = middle;
  }
  return high;
}

// Rivals first..last, each best from its start on; takes in edge j. Returns the new last.
INLINE size_t take_in(bd_links *links, bool reversed, size_t first, size_t last, size_t j) {
  uint32_t *rivals = links->rivals, *starts = links->starts;
  size_t start = j + 1, m = links->m;
  for (;; last--) {
    start = starts[last] > j ? starts[last] : j + 1;
    if (reach(links, reversed, j, start) > reach(links, reversed, rivals[last], start)) break;
    if (last == first) {
      rivals[first] = (uint32_t)j;
      starts[first] = (uint32_t)(j + 1);
      return first;
    }
  }
  if (reach(links, reversed, j, m) > reach(links, reversed, rivals[last], m)) return last;
  if (start == m) return last;
  starts[last + 1] = (uint32_t)crossing(links, reversed, rivals[last], j, start, m);
  rivals[last + 1] = (uint32_t)j;
  return last + 1;
}

// Fills best and from; false where it was cancelled.
INLINE bool run_pass(bd_links *links, bool reversed, double lambda, const bd_cancel *cancel) {
  size_t first = 0, last = 0, m = links->m;
  links->best[0] = 0;
  links->rivals[0] = 0;
  links->starts[0] = 1;
  for (size_t j = 1; j <= m; j++) {
    if (j % POLL_EDGES == 0 && bd_cancelled(cancel)) return false;
    while (first < last && links->starts[first + 1] <= j)
      first++;
    uint32_t i = links->from[j] = links->rivals[first];
    double relief = links->relief ? links->relief[reversed ? m - j : j] : 0;
    links->best[j] = reach(links, reversed, i, j) + lambda - relief;
    if (j < m) last = take_in(links, reversed, first, last, j);
  }
  return true;
}

static bool pass_ahead(bd_links *links, double lambda, const bd_cancel *cancel) {
  return run_pass(links, false, lambda, cancel);
}

static bool pass_back(bd_links *links, double lambda, const bd_cancel *cancel) {
  return run_pass(links, true, lambda, cancel);
}

static bd_status read_chain(const bd_links *links, bd_chain *chain, bd_error *err) {
  chain->links = 0;
  for (size_t j = links->m; j > 0; j = links->from[j])
    chain->links++;
  chain->path = malloc(((size_t)chain->links + 1) * sizeof *chain->path);
  if (!chain->path) return bd_fail_memory(err, "the optimum's chain");
  size_t j = links->m;
  for (int link = chain->links; link >= 0; link--, j = links->from[j])
    chain->path[link] = (uint32_t)j;
  return BD_OK;
}

// What rounding may do to the cost of a link: plain doubles err by digits of the square, the wide
// path by digits of the cost.
static double link_noise(const bd_links *links, size_t i, size_t j, double cost) {
  double square = bd_prefix_square(&links->edges[i].prefix, &links->edges[j].prefix);
  return cost < BD_PREFIX_NARROW * square ? 4 * cost : 2 * square;
}

void bd_chain_measure(const bd_links *links, bd_chain *chain) {
  double noise = 0;
  chain->cost = 0;
  for (int link = 0; link < chain->links; link++) {
    size_t i = chain->path[link], j = chain->path[link + 1];
    double cost = bd_link_cost(links, i, j);
    chain->cost += cost;
    noise += link_noise(links, i, j, cost);
  }
  double value = chain->cost + chain->links * chain->lambda;
  chain->noise = DBL_EPSILON * (chain->links * value + noise);
}

bd_status bd_links_pass(bd_links *links, double lambda, const bd_cancel *cancel, bd_chain *out,
                        bd_error *err) {
  bool done =
      !bd_cancelled(cancel) && (links->reversed ? pass_back : pass_ahead)(links, lambda, cancel);
  if (!done) return was_cancelled(err);
  out->lambda = lambda;
  links->from[0] = 0;
  BD_TRY(read_chain(links, out, err));
  bd_chain_measure(links, out);
  return BD_OK;
}
