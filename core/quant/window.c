#include "core/quant/window.h"

#include "core/quant/level.h"
#include "core/quant/memory.h"

#include <math.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 4096, BUCKETS_MAX = 1 << 17, BUCKETS_FACTOR = 12, LLOYD_STEPS = 20 };
enum { ROUNDS = 16, SHARP_MIN = 32 };

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
  bool sharp; // λ was looked for on the proof's own edges
} bd_proof;

static double target(const bd_proof *proof) {
  return proof->optimum->clusters.sse + proof->optimum->k * proof->optimum->lambda;
}

// --- one level ----------------------------------------------------------------------------------

static bd_status start_spans(bd_proof *proof, bd_error *err) {
  const bd_clusters *clusters = &proof->optimum->clusters;
  proof->spans = malloc((size_t)clusters->count * sizeof *proof->spans);
  if (!proof->spans) return bd_fail_memory(err, "the proof's windows");
  for (int i = 0; i < clusters->count; i++)
    if (clusters->borders[i] < clusters->borders[i + 1])
      proof->spans[proof->span_count++] = (bd_span){clusters->borders[i], clusters->borders[i + 1]};
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

// The more clusters, the narrower the λ that have k links: the sample's may lie beside them. These
// edges are placed better. No relief is given yet.
static bd_status sharpen(const bd_proof *proof, bd_level *level, bd_error *err) {
  bd_optimum *optimum = proof->optimum;
  bd_solution solution = {0};
  if ((size_t)optimum->k > level->links.m) return BD_OK;
  BD_TRY(bd_links_solve(&level->links, optimum->k, optimum->lambda, proof->cancel, &solution, err));
  improve(proof, level, &solution.chain);
  double lambda = solution.chain.lambda;
  free(solution.chain.path);
  if (!(lambda > 0) || !isfinite(lambda)) return BD_OK;
  optimum->lambda = lambda;
  return bd_links_centre(&level->links, optimum->k, &optimum->lambda, proof->cancel, err);
}

// The pass from the left: a lower bound, and a chain to improve on.
static bd_status pass_forward(const bd_proof *proof, bd_level *level, bd_error *err) {
  bd_optimum *optimum = proof->optimum;
  bd_chain chain = {0};
  BD_TRY(bd_links_pass(&level->links, optimum->lambda, proof->cancel, &chain, err));
  double bound = level->links.best[level->links.m] - optimum->k * optimum->lambda - chain.noise;
  if (level->valid) {
    improve(proof, level, &chain);
    level->valid = optimum->clusters.sse - bound <= BD_LEVEL_GAP * optimum->lambda;
    if (level->valid) optimum->bound = fmax(optimum->bound, bound);
  }
  free(chain.path);
  return BD_OK;
}

// The same edges from right to left.
static bd_status mirror(const bd_links *links, bd_links *out, bd_error *err) {
  size_t m = links->m;
  BD_TRY(bd_links_reserve(out, m, err));
  out->relief = bd_scratch_alloc(m + 1, sizeof *out->relief);
  if (!out->relief) return bd_fail_memory(err, "the proof's buckets");
  for (size_t j = 0; j <= m; j++) {
    const bd_edge *edge = &links->edges[m - j];
    out->edges[j] = (bd_edge){.place = -edge->place,
                              .prefix = {-edge->prefix.sum, -edge->prefix.square,
                                         -edge->prefix.sum_low, -edge->prefix.square_low},
                              .own = j ? links->edges[m - j + 1].own : 0};
    out->relief[j] = links->relief[m - j];
  }
  out->m = m + 1;
  return bd_links_finish(out, err);
}

// What the cheapest chain with a border at edge j costs, reliefs given; at the ends, where a border
// makes its cluster vanish, a λ is saved.
static double through(const bd_level *level, const bd_links *back, size_t j, double lambda) {
  size_t m = level->links.m;
  if (j == 0 || j == m) return level->links.best[m] + lambda;
  return level->links.best[j] + back->best[m - j] + 2 * level->links.relief[j];
}

// Keeps the buckets that can hold a border of the optimum.
static bd_status keep_windows(bd_proof *proof, const bd_level *level, const bd_links *back,
                              bd_error *err) {
  size_t m = level->links.m, kept = 0, values = 0;
  double lambda = proof->optimum->lambda, most = target(proof) * (1 + SLACK);
  bd_span *spans = malloc((m + 1) * sizeof *spans);
  if (!spans) return bd_fail_memory(err, "the proof's windows");
  double before = through(level, back, 0, lambda);
  for (size_t j = 1; j <= m; j++) {
    double after = through(level, back, j, lambda);
    size_t from = (size_t)level->links.edges[j - 1].place;
    size_t to = (size_t)level->links.edges[j].place;
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

static bd_status pass_backward(bd_proof *proof, const bd_level *level, bd_error *err) {
  bd_links back = {0};
  bd_chain chain = {0};
  bd_status status = mirror(&level->links, &back, err);
  if (status == BD_OK)
    status = bd_links_pass(&back, proof->optimum->lambda, proof->cancel, &chain, err);
  if (status == BD_OK) status = keep_windows(proof, level, &back, err);
  free(chain.path);
  bd_links_free(&back);
  return status;
}

// --- the end ------------------------------------------------------------------------------------

// An edge between any two values in the windows.
static bd_status window_links(const bd_proof *proof, bd_links *links, bd_error *err) {
  const bd_survivors *survivors = proof->survivors;
  BD_TRY(bd_links_reserve(links, proof->values + 2 * proof->span_count + 2, err));
  bd_links_add(survivors, links, 0);
  for (size_t i = 0; i < proof->span_count; i++) {
    size_t place = proof->spans[i].from;
    for (; place < proof->spans[i].to; place = bd_survivors_next(survivors, place))
      bd_links_add(survivors, links, place);
    bd_links_add(survivors, links, place);
  }
  bd_links_add(survivors, links, survivors->count);
  return bd_links_finish(links, err);
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
  bd_level level;
  bd_status status = bd_level_new(proof->survivors, proof->spans, proof->span_count,
                                  pieces < 4 ? 4 : pieces, &level, err);
  if (status == BD_OK && !proof->sharp && proof->optimum->k >= SHARP_MIN)
    status = sharpen(proof, &level, err);
  proof->sharp = true;
  if (status == BD_OK) bd_level_weigh(proof->survivors, &level, proof->optimum->lambda);
  if (status == BD_OK) status = pass_forward(proof, &level, err);
  *valid = level.valid;
  if (status == BD_OK && windows && level.valid) status = pass_backward(proof, &level, err);
  bd_level_free(&level);
  return status;
}

static bd_status narrow(bd_proof *proof, bd_error *err) {
  for (int round = 0; round < ROUNDS; round++) {
    bool valid;
    size_t values = proof->values;
    BD_TRY(run_level(proof, true, &valid, err));
    if (valid && proof->values <= proof->buckets * 4) return solve_windows(proof, err);
    if (valid && proof->values <= values / 2) continue;
    if (proof->buckets >= BUCKETS_MAX) break;
    proof->buckets *= 4;
  }
  return BD_OK;
}

// The first level that is fine enough gives a bound.
static bd_status look_once(bd_proof *proof, bd_error *err) {
  bool valid = false;
  for (; !valid && proof->buckets <= BUCKETS_MAX; proof->buckets *= 4)
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
