#include "core/quant/window.h"

#include "core/base/pair.h"
#include "core/quant/level.h"
#include "core/quant/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 4096, BUCKETS_MAX = 1 << 17, BUCKETS_FACTOR = 12, LLOYD_STEPS = 20 };
enum { ROUNDS = 16, PLAIN_MAX = 1 << 22 };

static const double SLACK = 1e-12; // of the window test: rounding must not rule out the optimum

// The state of the proof between two levels.
typedef struct bd_proof {
  const bd_survivors *survivors;
  const bd_cancel *cancel;
  bd_optimum *optimum;
  bd_span *spans; // where borders may be
  size_t span_count;
  size_t values; // in the spans
  size_t buckets;
} bd_proof;

static double target(const bd_proof *proof) {
  return proof->optimum->clusters.sse + proof->optimum->k * proof->optimum->lambda;
}

static bool in_pairs(const bd_proof *proof) {
  return proof->optimum->watch && proof->optimum->watch->pair;
}

// --- one level ----------------------------------------------------------------------------------

static bd_status start_spans(bd_proof *proof, bd_error *err) {
  proof->spans = malloc((size_t)proof->optimum->clusters.count * sizeof *proof->spans);
  if (!proof->spans) return bd_fail_memory(err, "the proof's windows");
  proof->span_count = bd_spans_of(&proof->optimum->clusters, proof->spans);
  proof->values = proof->survivors->count;
  return BD_OK;
}

// A chain over the edges is a start for Lloyd that may lead below the best known.
static void improve(const bd_proof *proof, const bd_level *level, const bd_chain *chain) {
  if (chain->links != proof->optimum->k) return;
  bd_clusters clusters = {.count = chain->links};
  for (int i = 0; i <= chain->links; i++)
    clusters.borders[i] = (size_t)level->links.edges[chain->path[i]].place;
  bd_clusters_refit(proof->survivors, &clusters);
  bd_lloyd(proof->survivors, &clusters, LLOYD_STEPS, proof->cancel, NULL);
  if (clusters.sse < proof->optimum->clusters.sse) proof->optimum->clusters = clusters;
}

static void raise_bound(bd_optimum *optimum, double bound) {
  if (!(bound > optimum->bound)) return;
  optimum->bound = bound;
  if (optimum->watch && optimum->watch->raised) optimum->watch->raised(optimum->watch->arg, bound);
}

// A level under work: its passes from either end.
typedef struct bd_passes {
  const bd_proof *proof;
  bd_level level;
  bd_links back; // the edges from the other end
  double lambda; // that the pass over `back` was made with; 0: none yet
  bd_chain ahead_chain, back_chain;
  bd_status ahead_status, back_status;
  bd_error ahead_error, back_error;
} bd_passes;

static void run_ahead(void *arg) {
  bd_passes *all = arg;
  all->ahead_chain = (bd_chain){0};
  all->ahead_status = bd_links_pass(&all->level.links, all->proof->optimum->lambda,
                                    all->proof->cancel, &all->ahead_chain, &all->ahead_error);
}

static void run_back(void *arg) {
  bd_passes *all = arg;
  bd_links_free(&all->back);
  all->lambda = all->proof->optimum->lambda;
  all->back_status = bd_links_reversed(&all->level.links, &all->back, &all->back_error);
  if (all->back_status != BD_OK) return;
  all->back_status = bd_links_pass(&all->back, all->lambda, all->proof->cancel, &all->back_chain,
                                   &all->back_error);
  free(all->back_chain.path);
}

// The pass from the left: a lower bound, and a chain to improve on, of *links links. The one from
// the right needs nothing of it: on two threads it is made at once, wanted or not.
static bd_status pass_forward(bd_passes *all, bool windows, int *links, bd_error *err) {
  bd_level *level = &all->level;
  bd_optimum *optimum = all->proof->optimum;
  if (windows && level->pair && level->links.m >= BD_LINKS_PAIR)
    bd_pair_run(true, run_back, run_ahead, all);
  else
    run_ahead(all);
  bd_chain *chain = &all->ahead_chain;
  if (all->ahead_status != BD_OK) return *err = all->ahead_error, all->ahead_status;
  double bound = level->links.best[level->links.m] - optimum->k * optimum->lambda - chain->noise;
  if (level->valid) {
    improve(all->proof, level, chain);
    level->valid = optimum->clusters.sse - bound <= BD_LEVEL_GAP * optimum->lambda;
    if (level->valid) raise_bound(optimum, bound);
  }
  *links = chain->links;
  free(chain->path);
  return BD_OK;
}

// λ missed those with k links, and the bound is the worse for it: with both sides of a hole taking
// turns, they may be few. Looks for them on these edges.
static bd_status aim(const bd_proof *proof, bd_level *level, bd_error *err) {
  bd_optimum *optimum = proof->optimum;
  bd_solution solution;
  bd_status status =
      bd_links_solve(&level->links, optimum->k, optimum->lambda, proof->cancel, &solution, err);
  double lambda = solution.chain.lambda;
  if (status == BD_OK && lambda > 0 && isfinite(lambda)) {
    improve(proof, level, &solution.chain);
    optimum->lambda = lambda;
  }
  free(solution.chain.path);
  return status;
}

static bd_status weigh(bd_passes *all, bool windows, bd_error *err) {
  int links;
  bd_level *level = &all->level;
  const bd_proof *proof = all->proof;
  bd_level_weigh(proof->survivors, level, proof->optimum->lambda);
  BD_TRY(pass_forward(all, windows, &links, err));
  if (links == proof->optimum->k || level->links.m < (size_t)proof->optimum->k) return BD_OK;
  all->lambda = 0;
  BD_TRY(aim(proof, level, err));
  bd_level_weigh(proof->survivors, level, proof->optimum->lambda);
  return pass_forward(all, windows, &links, err);
}

// What the cheapest chain with a border at edge j costs, reliefs given: what it costs from either
// end. At the ends, where a border makes its cluster vanish, a λ is saved.
static double through(const bd_passes *all, size_t j) {
  const bd_links *links = &all->level.links;
  size_t m = links->m;
  if (j == 0 || j == m) return links->best[m] + all->lambda;
  return links->best[j] + all->back.best[m - j] + 2 * links->relief[j];
}

// Keeps the buckets that can hold a border of the optimum.
static bd_status keep_windows(bd_proof *proof, const bd_passes *all, bd_error *err) {
  const bd_level *level = &all->level;
  const bd_edge *edges = level->links.edges;
  size_t m = level->links.m, kept = 0, values = 0;
  double most = target(proof) * (1 + SLACK);
  bd_span *spans = bd_scratch_alloc(m + 1, sizeof *spans);
  if (!spans) return bd_fail_memory(err, "the proof's windows");
  double before = through(all, 0);
  for (size_t j = 1; j <= m; j++) {
    double after = through(all, j);
    size_t from = (size_t)edges[j - 1].place, to = (size_t)edges[j].place;
    if (level->open[j] && fmin(before, after) - level->epsilon[j] <= most) {
      spans[kept++] = (bd_span){from, to};
      values += to - from;
    } else if (after <= most) {
      spans[kept++] = (bd_span){to, to}; // the edge itself may be one
    }
    before = after;
  }
  free(proof->spans);
  proof->spans = spans;
  proof->span_count = kept;
  proof->values = values;
  return BD_OK;
}

// By the passes from both ends, at one λ.
static bd_status narrow_windows(bd_proof *proof, bd_passes *all, bd_error *err) {
  if (all->lambda != proof->optimum->lambda) run_back(all);
  if (all->back_status != BD_OK) return *err = all->back_error, all->back_status;
  return keep_windows(proof, all, err);
}

// --- the end ------------------------------------------------------------------------------------

// An edge between any two values in the windows.
static bd_status window_links(const bd_proof *proof, bd_links *links, bd_error *err) {
  const bd_survivors *survivors = proof->survivors;
  BD_TRY(bd_links_reserve(links, proof->values + 2 * proof->span_count + 2, err));
  bd_links_add(links, 0);
  for (size_t i = 0; i < proof->span_count; i++) {
    size_t place = proof->spans[i].from;
    for (; place < proof->spans[i].to; place = bd_survivors_next(survivors, place))
      bd_links_add(links, place);
    bd_links_add(links, place);
  }
  bd_links_add(links, survivors->count);
  return bd_links_finish(survivors, links, in_pairs(proof), err);
}

static bd_status solve_windows(bd_proof *proof, bd_error *err) {
  bd_optimum *optimum = proof->optimum;
  bd_links links = {0};
  bd_status status = window_links(proof, &links, err);
  if (status == BD_OK && links.m >= (size_t)optimum->k)
    status = bd_optimum_solve(proof->survivors, &links, proof->cancel, optimum, err);
  bd_links_free(&links);
  return status;
}

// --- level by level -----------------------------------------------------------------------------

// The gap is about k·(k / buckets)² of λ.
static size_t first_buckets(int k) {
  size_t buckets = (size_t)(BUCKETS_FACTOR * k * sqrt(k));
  return buckets < BUCKETS_MIN ? BUCKETS_MIN : buckets;
}

static bd_status run_level(bd_proof *proof, bool windows, bool *valid, bd_error *err) {
  size_t pieces = proof->buckets / proof->span_count;
  bd_passes all = {.proof = proof};
  bd_status status = bd_level_new(proof->survivors, proof->spans, proof->span_count,
                                  pieces < 4 ? 4 : pieces, in_pairs(proof), &all.level, err);
  if (status == BD_OK) status = weigh(&all, windows, err);
  *valid = all.level.valid;
  if (status == BD_OK && windows && *valid) status = narrow_windows(proof, &all, err);
  bd_links_free(&all.back);
  bd_level_free(&all.level);
  return status;
}

// Level after level, finer where one does not halve what is left.
static bd_status narrow(bd_proof *proof, bd_error *err) {
  for (int round = 0; round < ROUNDS && proof->values > 2 * proof->buckets; round++) {
    bool valid;
    size_t values = proof->values;
    BD_TRY(run_level(proof, true, &valid, err));
    if (valid && proof->values <= values / 2) continue;
    if (proof->buckets >= BUCKETS_MAX) break;
    proof->buckets *= 2;
  }
  bool narrowed = proof->values < proof->survivors->count;
  return narrowed && proof->values <= PLAIN_MAX ? solve_windows(proof, err) : BD_OK;
}

// The first level that is fine enough gives a bound.
static bd_status look_once(bd_proof *proof, bd_error *err) {
  bool valid = false;
  for (; !valid && proof->buckets <= BUCKETS_MAX; proof->buckets *= 2)
    BD_TRY(run_level(proof, false, &valid, err));
  return BD_OK;
}

static bd_status run_proof(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_status (*run)(bd_proof *, bd_error *),
                           bd_error *err) {
  bd_proof proof = {.survivors = survivors,
                    .cancel = cancel,
                    .optimum = optimum,
                    .buckets = first_buckets(optimum->k)};
  bd_status status = start_spans(&proof, err);
  if (status == BD_OK) status = run(&proof, err);
  free(proof.spans);
  return status;
}

bd_status bd_window_bound(const bd_survivors *survivors, const bd_cancel *cancel,
                          bd_optimum *optimum, bd_error *err) {
  return run_proof(survivors, cancel, optimum, look_once, err);
}

bd_status bd_window_prove(const bd_survivors *survivors, const bd_cancel *cancel,
                          bd_optimum *optimum, bd_error *err) {
  return run_proof(survivors, cancel, optimum, narrow, err);
}
