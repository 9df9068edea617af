#include "core/quant/optimum.h"

#include "core/quant/level.h"
#include "core/quant/window.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLE_MIN = 4096, SAMPLE_PER_CLUSTER = 64, LLOYD_STEPS = 20, PLAIN_MAX = 1 << 22 };
// How many edges stand on either side of a border when all are sharpened, and how many of them
// share the width of one bucket of the sample.
enum { NEAR_MIN = 16, NEAR_MAX = 48, NEAR_ALL = 2048, NEAR_A_BUCKET = 4 };

static const double PROOF = 1e-9; // the relative gap that counts as none

static size_t sample_size(int k) {
  size_t edges = (size_t)k * SAMPLE_PER_CLUSTER;
  return edges < SAMPLE_MIN ? SAMPLE_MIN : edges;
}

// As many clusters as there are values, where those are no more than k: nothing is lost.
static bool take_values(const bd_survivors *survivors, bd_optimum *out) {
  bd_clusters *clusters = &out->clusters;
  size_t place = 0;
  for (int i = 0; i <= out->k && place < survivors->count; i++) {
    if (i == out->k) return false;
    clusters->centers[i] = out->guess[i] = bd_survivors_value(survivors, place);
    clusters->borders[i] = place;
    place = bd_survivors_next(survivors, place);
    clusters->borders[i + 1] = place;
    clusters->count = i + 1;
  }
  clusters->sse = 0;
  out->proved = true;
  return true;
}

static void take_all(const bd_survivors *survivors, bd_optimum *out) {
  out->clusters.count = 1;
  out->clusters.borders[1] = survivors->count;
  bd_clusters_refit(survivors, &out->clusters);
  out->guess[0] = out->clusters.centers[0];
  out->bound = out->clusters.sse;
  out->proved = true;
}

static void take_chain(const bd_survivors *survivors, const bd_links *links, const bd_chain *chain,
                       bd_clusters *clusters) {
  clusters->count = chain->links;
  for (int i = 0; i <= chain->links; i++)
    clusters->borders[i] = (size_t)links->edges[chain->path[i]].place;
  bd_clusters_refit(survivors, clusters);
}

static void take_better(const bd_survivors *survivors, const bd_links *links, const bd_chain *chain,
                        bd_optimum *optimum) {
  bd_clusters clusters;
  take_chain(survivors, links, chain, &clusters);
  if (clusters.sse < optimum->clusters.sse) optimum->clusters = clusters;
}

// Notes a chain over all edges, and its bound.
static void take_solution(const bd_survivors *survivors, const bd_links *links,
                          const bd_solution *solution, bd_optimum *optimum) {
  take_better(survivors, links, &solution->chain, optimum);
  double sse = optimum->clusters.sse;
  optimum->proved = sse - solution->bound <= PROOF * sse || sse == 0;
  optimum->bound = optimum->proved ? sse : fmin(fmax(solution->bound, 0), sse);
}

bd_status bd_optimum_solve(const bd_survivors *survivors, bd_links *links, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err) {
  bd_solution solution = {0};
  BD_TRY(bd_links_solve(links, optimum->k, optimum->lambda, cancel, &solution, err));
  take_solution(survivors, links, &solution, optimum);
  free(solution.chain.path);
  return BD_OK;
}

static bd_status solve_all(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err) {
  bd_links links;
  bd_status status = bd_links_all(survivors, cancel, &links, err);
  if (status == BD_OK) status = bd_optimum_solve(survivors, &links, cancel, optimum, err);
  bd_links_free(&links);
  return status;
}

// Over a sample of edges, then Lloyd.
static bd_status solve_sample(const bd_survivors *survivors, const bd_cancel *cancel,
                              bd_optimum *optimum, bd_error *err) {
  bd_links links;
  bd_solution solution = {0};
  bd_status status = bd_links_sample(survivors, sample_size(optimum->k), &links, err);
  int k = (size_t)optimum->k < links.m ? optimum->k : (int)links.m;
  if (status == BD_OK) status = bd_links_solve(&links, k, 0, cancel, &solution, err);
  if (status == BD_OK) {
    take_chain(survivors, &links, &solution.chain, &optimum->clusters);
    optimum->lambda = solution.chain.lambda;
    bd_lloyd(survivors, &optimum->clusters, LLOYD_STEPS, cancel, NULL);
  }
  free(solution.chain.path);
  bd_links_free(&links);
  return status;
}

// Once more with as many edges in each of its clusters: those lie where they matter, and so does λ,
// whose range is the narrower the more clusters there are.
static bd_status solve_again(const bd_survivors *survivors, const bd_cancel *cancel,
                             bd_optimum *optimum, bd_error *err) {
  bd_span spans[BD_CLUSTERS_MAX];
  size_t count = bd_spans_of(&optimum->clusters, spans);
  size_t pieces = sample_size(optimum->k) / count;
  bd_level level;
  bd_solution solution = {0};
  bd_status status = bd_level_new(survivors, spans, count, pieces, false, &level, err);
  if (status == BD_OK && level.links.m >= (size_t)optimum->k) {
    status = bd_links_solve(&level.links, optimum->k, optimum->lambda, cancel, &solution, err);
    double lambda = solution.chain.lambda;
    if (status == BD_OK) take_better(survivors, &level.links, &solution.chain, optimum);
    if (status == BD_OK && lambda > 0 && isfinite(lambda)) {
      optimum->lambda = lambda;
      status = bd_links_centre(&level.links, optimum->k, &optimum->lambda, cancel, err);
    }
  }
  free(solution.chain.path);
  bd_level_free(&level);
  return status;
}

// Edges close to each border and nowhere else, nearer than those that a sample has there.
static bd_status near_links(const bd_survivors *survivors, const bd_clusters *clusters,
                            bd_links *links, bd_error *err) {
  size_t count = (size_t)clusters->count, near = NEAR_ALL / count;
  near = near < NEAR_MIN ? NEAR_MIN : near > NEAR_MAX ? NEAR_MAX : near;
  size_t parts = sample_size(clusters->count) / count * NEAR_A_BUCKET;
  BD_TRY(bd_links_reserve(links, (count - 1) * (2 * near + 1) + 2, err));
  bd_links_add(links, 0);
  for (size_t i = 1; i < count; i++) {
    size_t border = clusters->borders[i], below = border - clusters->borders[i - 1];
    size_t above = clusters->borders[i + 1] - border;
    for (size_t step = near; step > 0; step--)
      bd_links_add(links, bd_links_snap(survivors, border - below * step / parts));
    for (size_t step = 0; step <= near; step++)
      bd_links_add(links, bd_links_snap(survivors, border + above * step / parts));
  }
  bd_links_add(links, survivors->count);
  return bd_links_finish(survivors, links, false, err);
}

// Lloyd moves one border at a time and rests where none gains alone; over edges close to all of
// them they move together.
static bd_status sharpen(const bd_survivors *survivors, const bd_cancel *cancel,
                         bd_optimum *optimum, bd_error *err) {
  bd_links links = {0};
  bd_solution solution = {0};
  bd_status status = near_links(survivors, &optimum->clusters, &links, err);
  if (status == BD_OK && links.m >= (size_t)optimum->k)
    status = bd_links_solve(&links, optimum->k, optimum->lambda, cancel, &solution, err);
  if (status == BD_OK && solution.chain.path)
    take_better(survivors, &links, &solution.chain, optimum);
  free(solution.chain.path);
  bd_links_free(&links);
  return status;
}

static void keep_guess(bd_optimum *optimum) {
  const bd_clusters *clusters = &optimum->clusters;
  for (int i = 0; i < optimum->k; i++)
    optimum->guess[i] = clusters->centers[i < clusters->count ? i : clusters->count - 1];
}

bool bd_optimum_at_once(size_t survivors, int k) {
  return survivors <= 2 * sample_size(k);
}

bd_status bd_optimum_approach(const bd_survivors *survivors, int k, const bd_cancel *cancel,
                              bd_optimum *out, bd_error *err) {
  *out = (bd_optimum){.k = k};
  if (take_values(survivors, out)) return BD_OK;
  if (k == 1) {
    take_all(survivors, out);
    return BD_OK;
  }
  out->clusters.sse = INFINITY;
  if (bd_optimum_at_once(survivors->count, k)) {
    BD_TRY(solve_all(survivors, cancel, out, err));
    keep_guess(out);
    return BD_OK;
  }
  BD_TRY(solve_sample(survivors, cancel, out, err));
  BD_TRY(solve_again(survivors, cancel, out, err));
  BD_TRY(sharpen(survivors, cancel, out, err));
  keep_guess(out);
  bd_lloyd(survivors, &out->clusters, LLOYD_STEPS, cancel, NULL);
  return BD_OK;
}

bd_status bd_optimum_bound(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err) {
  return optimum->proved ? BD_OK : bd_window_bound(survivors, cancel, optimum, err);
}

bd_status bd_optimum_prove(const bd_survivors *survivors, const bd_cancel *cancel,
                           bd_optimum *optimum, bd_error *err) {
  if (!optimum->proved) BD_TRY(bd_window_prove(survivors, cancel, optimum, err));
  bool affordable = survivors->count <= PLAIN_MAX;
  return optimum->proved || !affordable ? BD_OK : solve_all(survivors, cancel, optimum, err);
}
