#include "core/study/lamp.h"

#include <math.h>
#include <stdint.h>
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

// How many weights score at most the threshold. Positive floats are ordered as their bits are.
static double pruned_at(const bd_index *index, double threshold) {
  uint32_t low = 1, high = 0x7f800000; // the least magnitude above it is one of these
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (score_of(index, (double)float_of(middle)) > threshold)
      high = middle;
    else
      low = middle + 1;
  }
  double least = (double)float_of(low), count = (double)bd_index_stats(index)->count;
  double pruned = (double)(bd_index_before(index, least) - bd_index_through(index, -least));
  return fmin(pruned, floor(BD_LAMP_MOST * count));
}

static bool is_free(const bd_lamp_layer *layer) {
  return layer->index && !layer->held;
}

static double pruned_of_all(const bd_lamp_layer *layers, int count, double threshold) {
  double pruned = 0;
  for (int i = 0; i < count; i++)
    if (is_free(&layers[i])) pruned += pruned_at(layers[i].index, threshold);
  return pruned;
}

// The threshold that prunes as near to so many weights as there is one.
static double threshold_for(const bd_lamp_layer *layers, int count, double wanted) {
  uint64_t low = 0, high = 0x3ff0000000000000; // 0 and 1: the largest weight alone scores 1
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    if (pruned_of_all(layers, count, double_of(middle)) > wanted)
      high = middle;
    else
      low = middle;
  }
  double below = wanted - pruned_of_all(layers, count, double_of(low));
  double above = pruned_of_all(layers, count, double_of(high)) - wanted;
  return double_of(fabs(above) < fabs(below) ? high : low);
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
  double threshold = threshold_for(layers, count, wanted);
  for (int i = 0; i < count; i++)
    if (is_free(&layers[i]))
      layers[i].prune =
          pruned_at(layers[i].index, threshold) / (double)bd_index_stats(layers[i].index)->count;
  return BD_OK;
}
