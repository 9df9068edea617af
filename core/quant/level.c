#include "core/quant/level.h"

#include "core/base/pair.h"
#include "core/quant/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD = 8 }; // places that are fetched while earlier ones are worked on

static const double UNEVEN = 0.1; // of a span's range

size_t bd_spans_of(const bd_clusters *clusters, bd_span *spans) {
  size_t count = 0;
  for (int i = 0; i < clusters->count; i++)
    if (clusters->borders[i] < clusters->borders[i + 1])
      spans[count++] = (bd_span){clusters->borders[i], clusters->borders[i + 1]};
  return count;
}

// --- edges --------------------------------------------------------------------------------------

static void add_edge(bd_level *level, size_t place, bool open) {
  if (bd_links_add(&level->links, place)) level->open[level->links.m - 1] = open;
}

// An edge inside the span; a value that fills a bucket alone gets one to itself.
static void add_inner(const bd_survivors *survivors, bd_level *level, bd_span span, size_t place,
                      size_t bucket) {
  if (place < span.from || place >= span.to) return;
  if (place > span.from) add_edge(level, place, true);
  size_t end = bd_survivors_next(survivors, place);
  if (end - place >= bucket && end < span.to) add_edge(level, end, true);
}

// Quarters of the values lie about where quarters of the range do.
static bool is_even(const bd_survivors *survivors, bd_span span) {
  size_t size = span.to - span.from;
  double low = bd_survivors_value(survivors, span.from);
  double width = bd_survivors_value(survivors, span.to - 1) - low;
  for (size_t quarter = 1; quarter < 4; quarter++) {
    double value = bd_survivors_value(survivors, span.from + size * quarter / 4);
    if (fabs(value - low - width * (double)quarter / 4) > UNEVEN * width) return false;
  }
  return true;
}

// Places even in count and even in value, merged.
static void add_uneven(const bd_survivors *survivors, bd_level *level, bd_span span,
                       size_t pieces) {
  size_t half = pieces / 2, by_count = 1, by_value = 1, size = span.to - span.from;
  size_t bucket = size / half + 1;
  double low = bd_survivors_value(survivors, span.from);
  double width = bd_survivors_value(survivors, span.to - 1) - low;
  while (by_count < half || by_value < half) {
    if (by_count + AHEAD < half)
      bd_survivors_fetch(survivors, span.from + size * (by_count + AHEAD) / half);
    size_t counted = by_count < half ? span.from + size * by_count / half : span.to;
    double value = low + width * (double)by_value / (double)half;
    size_t valued = by_value < half ? bd_survivors_before(survivors, value) : span.to;
    counted = bd_links_snap(survivors, counted);
    by_count += counted <= valued;
    by_value += valued <= counted;
    add_inner(survivors, level, span, counted < valued ? counted : valued, bucket);
  }
}

// The places inside a span, ascending.
static void add_span(const bd_survivors *survivors, bd_level *level, bd_span span, size_t pieces) {
  add_edge(level, span.from, false);
  size_t size = span.to - span.from, bucket = size / pieces + 1;
  if (size == 0) return;
  add_inner(survivors, level, span, span.from, bucket);
  if (is_even(survivors, span))
    for (size_t i = 1; i < pieces; i++) {
      if (i + AHEAD < pieces)
        bd_survivors_fetch(survivors, span.from + size * (i + AHEAD) / pieces);
      size_t place = bd_links_snap(survivors, span.from + size * i / pieces);
      add_inner(survivors, level, span, place, bucket);
    }
  else
    add_uneven(survivors, level, span, pieces);
  add_edge(level, span.to, true);
}

bd_status bd_level_new(const bd_survivors *survivors, const bd_span *spans, size_t count,
                       size_t pieces, bool pair, bd_level *level, bd_error *err) {
  *level = (bd_level){.pair = pair};
  size_t most = count * (2 * pieces + 2) + 2;
  BD_TRY(bd_links_reserve(&level->links, most, err));
  level->open = bd_scratch_alloc(most + 1, sizeof *level->open);
  level->epsilon = bd_scratch_alloc(most + 1, sizeof *level->epsilon);
  level->reach = bd_scratch_alloc(most + 1, sizeof *level->reach);
  level->links.relief = bd_scratch_alloc(most + 1, sizeof *level->links.relief);
  if (!level->open || !level->epsilon || !level->reach || !level->links.relief)
    return bd_fail_memory(err, "the proof's buckets");
  memset(level->links.relief, 0, (most + 1) * sizeof *level->links.relief); // until weighed
  add_edge(level, 0, false);
  for (size_t i = 0; i < count; i++)
    add_span(survivors, level, spans[i], pieces);
  add_edge(level, survivors->count, false);
  BD_TRY(bd_links_finish(survivors, &level->links, pair, err));
  for (size_t j = 0; j <= level->links.m; j++)
    level->open[j] = level->open[j] && level->links.edges[j].own > 0;
  return BD_OK;
}

void bd_level_free(bd_level *level) {
  bd_links_free(&level->links);
  free(level->open);
  free(level->epsilon);
  free(level->reach);
}

// --- how far a cluster can go -------------------------------------------------------------------

static double mass_between(const bd_level *level, size_t i, size_t j) {
  const bd_edge *edges = level->links.edges;
  return bd_prefix_mass(&edges[i].prefix, &edges[j].prefix);
}

// Around the median.
static double mean_between(const bd_level *level, size_t i, size_t j) {
  const bd_edge *edges = level->links.edges;
  return bd_prefix_sum(&edges[i].prefix, &edges[j].prefix) / mass_between(level, i, j);
}

// What the cluster from edge i to edge j gains by a split at edge t: nothing beside a side whose
// values have no importance.
static double gain(const bd_level *level, size_t i, size_t t, size_t j) {
  double left = mass_between(level, i, t), right = mass_between(level, t, j);
  if (!(left > 0) || !(right > 0)) return 0;
  double apart = mean_between(level, i, t) - mean_between(level, t, j);
  return left * right / (left + right) * apart * apart;
}

// Gains grow with the cluster, so both the end and the best split only move right.
static void fill_reach(bd_level *level, size_t from, size_t to, double most) {
  size_t m = level->links.m, end = from + 2, split = from + 1;
  for (size_t i = from; i < to; i++) {
    if (end < i + 2) end = i + 2;
    if (split < i + 1) split = i + 1;
    for (; end <= m; end++) {
      while (split + 1 < end && gain(level, i, split + 1, end) >= gain(level, i, split, end))
        split++;
      if (gain(level, i, split, end) > most) break;
    }
    level->reach[i] = (uint32_t)(end - 1 < m ? end - 1 : m);
  }
}

// The value right of an edge (0) or left of it (-1), around the median: as far as a mean without
// mass can be.
static double edge_value(const bd_survivors *survivors, const bd_level *level, size_t j, int side) {
  size_t place = (size_t)level->links.edges[j].place;
  return bd_survivors_value(survivors, side < 0 ? place - 1 : place) -
         survivors->index->stats.median;
}

// The greatest mean that the cluster right of a border in bucket j can have.
static double mean_above(const bd_survivors *survivors, const bd_level *level, size_t j) {
  size_t m = level->links.m, end = level->reach[j];
  if (j == m)
    return bd_survivors_value(survivors, survivors->count - 1) - survivors->index->stats.median;
  if (end < m && level->open[end + 1]) end++;
  if (mass_between(level, j, end) > 0) return mean_between(level, j, end);
  return edge_value(survivors, level, end, -1);
}

// The least mean that the cluster left of it can have; first is the first edge that reaches edge
// j-1.
static double mean_below(const bd_survivors *survivors, const bd_level *level, size_t j,
                         size_t first) {
  if (j == 1) return bd_survivors_value(survivors, 0) - survivors->index->stats.median;
  if (first > 0 && level->open[first]) first--;
  if (mass_between(level, first, j - 1) > 0) return mean_between(level, first, j - 1);
  return edge_value(survivors, level, first, 0);
}

// --- what a border can be worth -----------------------------------------------------------------

// ε of bucket j, and whether two borders in it, or one that vanishes, are ruled out at λ.
static double bucket_epsilon(const bd_survivors *survivors, const bd_level *level, size_t j,
                             size_t first, double lambda, bool *valid) {
  const bd_edge *edges = level->links.edges;
  double median = survivors->index->stats.median, count = mass_between(level, j - 1, j);
  double low = bd_survivors_value(survivors, (size_t)edges[j - 1].place) - median;
  double high = bd_survivors_value(survivors, (size_t)edges[j].place - 1) - median;
  double above = mean_above(survivors, level, j);
  double below = mean_below(survivors, level, j, first);
  double epsilon = (above - below) * sqrt(count * edges[j].own) * (1 + 1e-9);
  double nearer = fmin(above - low, high - below);
  double least = (1 - BD_LEVEL_GAP) * lambda;
  *valid = *valid && epsilon < least && count * nearer * nearer < least;
  return epsilon;
}

// Of the buckets from..to - 1. Returns whether they are fine enough.
static bool fill_epsilon(const bd_survivors *survivors, bd_level *level, size_t from, size_t to,
                         double lambda) {
  size_t first = 0;
  bool valid = true;
  for (size_t j = from; j < to; j++) {
    while (level->reach[first] < j - 1)
      first++;
    level->epsilon[j] =
        level->open[j] ? bucket_epsilon(survivors, level, j, first, lambda, &valid) : 0;
  }
  return valid;
}

typedef struct weighing {
  const bd_survivors *survivors;
  bd_level *level;
  double lambda;
  size_t middle;
  bool left_valid, right_valid;
} weighing;

static void reach_left(void *arg) {
  const weighing *all = arg;
  fill_reach(all->level, 0, all->middle, (1 + BD_LEVEL_GAP) * all->lambda);
}

static void reach_right(void *arg) {
  const weighing *all = arg;
  fill_reach(all->level, all->middle, all->level->links.m + 1, (1 + BD_LEVEL_GAP) * all->lambda);
}

static void epsilon_left(void *arg) {
  weighing *all = arg;
  all->left_valid = fill_epsilon(all->survivors, all->level, 1, all->middle, all->lambda);
}

static void epsilon_right(void *arg) {
  weighing *all = arg;
  all->right_valid =
      fill_epsilon(all->survivors, all->level, all->middle, all->level->links.m + 1, all->lambda);
}

void bd_level_weigh(const bd_survivors *survivors, bd_level *level, double lambda) {
  size_t m = level->links.m;
  bool pair = level->pair && m >= BD_LINKS_PAIR;
  weighing all = {survivors, level, lambda, m / 2 + 1, true, true};
  bd_pair_run(pair, reach_left, reach_right, &all);
  level->epsilon[0] = 0;
  bd_pair_run(pair, epsilon_left, epsilon_right, &all);
  level->valid = all.left_valid && all.right_valid;
  level->links.relief[0] = level->links.relief[m] = 0;
  for (size_t j = 1; j < m; j++)
    level->links.relief[j] = fmax(level->epsilon[j], level->epsilon[j + 1]);
}
