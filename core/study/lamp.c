#include "core/study/lamp.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Σv² of sorted values.
static double squares(const bd_index *index, size_t from, size_t to) {
  double median = bd_index_stats(index)->median;
  bd_sums sums = bd_index_sums(index, from, to);
  return sums.square + 2 * median * sums.sum + median * median * sums.count;
}

// Of a weight of that magnitude; above it, of the next one: rises with the magnitude.
static double score_of(const bd_index *index, double magnitude) {
  size_t count = bd_index_stats(index)->count;
  double rest = squares(index, 0, bd_index_through(index, -magnitude)) +
                squares(index, bd_index_before(index, magnitude), count);
  return rest > 0 ? magnitude * magnitude / rest : INFINITY;
}

// Where a layer's least magnitude that stays lies, as the bits of a float: positive floats are
// ordered as their bits are. It rises with the threshold, so that a threshold between two others
// need not look further than between theirs.
typedef struct range {
  uint32_t from, to, found;
} range;

static uint32_t least_above(const bd_index *index, double threshold, range where) {
  while (where.from < where.to) {
    uint32_t middle = where.from + (where.to - where.from) / 2;
    if (score_of(index, (double)float_of(middle)) > threshold)
      where.to = middle;
    else
      where.from = middle + 1;
  }
  return where.from;
}

// How many weights are smaller.
static double pruned_below(const bd_index *index, uint32_t bits) {
  double least = (double)float_of(bits), count = (double)bd_index_stats(index)->count;
  double pruned = (double)(bd_index_before(index, least) - bd_index_through(index, -least));
  return fmin(pruned, floor(BD_LAMP_MOST * count));
}

static bool is_free(const bd_lamp_layer *layer) {
  return layer->index && !layer->held;
}

// Does the threshold prune more than is wanted? The ranges then end, or else begin, at what it
// found.
static bool too_many(const bd_lamp_layer *layers, int count, double threshold, double wanted,
                     range *ranges) {
  double pruned = 0;
  for (int i = 0; i < count; i++) {
    if (!is_free(&layers[i])) continue;
    ranges[i].found = least_above(layers[i].index, threshold, ranges[i]);
    pruned += pruned_below(layers[i].index, ranges[i].found);
  }
  for (int i = 0; i < count; i++)
    *(pruned > wanted ? &ranges[i].to : &ranges[i].from) = ranges[i].found;
  return pruned > wanted;
}

// Narrows the ranges to the two thresholds, one next to the other, that prune too little and too
// much. Between 0, by which zeros alone go, and 1, which the largest weight alone scores.
static void narrow(const bd_lamp_layer *layers, int count, double wanted, range *ranges) {
  uint64_t low = 0, high = 0x3ff0000000000000;
  for (int i = 0; i < count; i++)
    ranges[i] = (range){.from = 1, .to = 0x7f800000};
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    if (too_many(layers, count, double_of(middle), wanted, ranges))
      high = middle;
    else
      low = middle;
  }
}

// By the one of the two that is nearer to what is wanted.
static void spread(bd_lamp_layer *layers, int count, double wanted, range *ranges) {
  double below = wanted, above = -wanted;
  narrow(layers, count, wanted, ranges);
  for (int i = 0; i < count; i++) {
    if (!is_free(&layers[i])) continue;
    below -= pruned_below(layers[i].index, ranges[i].from);
    above += pruned_below(layers[i].index, ranges[i].to);
  }
  bool up = fabs(above) < fabs(below);
  for (int i = 0; i < count; i++)
    if (is_free(&layers[i]))
      layers[i].prune = pruned_below(layers[i].index, up ? ranges[i].to : ranges[i].from) /
                        (double)bd_index_stats(layers[i].index)->count;
}

bd_status bd_lamp(bd_lamp_layer *layers, int count, double overall, bd_error *err) {
  double all = 0, held = 0, most = 0;
  for (int i = 0; i < count; i++) {
    if (!layers[i].index) continue;
    double weights = (double)bd_index_stats(layers[i].index)->count;
    all += weights;
    if (layers[i].held)
      held += floor(layers[i].prune * weights + 0.5);
    else
      most += floor(BD_LAMP_MOST * weights);
  }
  double wanted = floor(overall * all + 0.5) - held;
  if (wanted < 0 || wanted > most)
    return bd_fail(
        err, BD_INVALID,
        "%g %% cannot be pruned overall: with the ratios that are held it is %g to %g %%",
        100 * overall, all > 0 ? 100 * held / all : 0,
        all > 0 ? floor(1000 * (held + most) / all) / 10 : 0);
  range *ranges = calloc((size_t)count + 1, sizeof *ranges);
  if (!ranges) return bd_fail_memory(err, "the ratios");
  spread(layers, count, wanted, ranges);
  free(ranges);
  return BD_OK;
}
