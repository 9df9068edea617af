#include "core/quant/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 32 }; // of a stored level, step or scale

static bd_status allocate(bd_result *result, int runs, bd_error *err) {
  size_t most = (size_t)runs + 1; // and zero; and one more cell where the hole splits a run
  result->levels = calloc(most, sizeof *result->levels);
  result->occupancy = calloc(most, sizeof *result->occupancy);
  result->cells = calloc(most, sizeof *result->cells);
  if (result->levels && result->occupancy && result->cells) return BD_OK;
  return bd_fail_memory(err, "the quantized levels");
}

static void add_level(bd_result *result, double level) {
  int count = result->level_count;
  if (count && result->levels[count - 1] == level) return;
  result->levels[result->level_count++] = level;
}

// Runs' levels are ascending; zero goes between them where weights are pruned or zero.
static void collect_levels(const bd_survivors *survivors, const bd_runs *runs, bd_result *result) {
  bool zero = survivors->gap > 0;
  for (int i = 0; i < runs->count; i++) {
    if (zero && runs->levels[i] >= 0) {
      add_level(result, 0);
      zero = false;
    }
    add_level(result, runs->levels[i]);
  }
  if (zero) add_level(result, 0);
}

static int find_level(const bd_result *result, double level) {
  int found = 0;
  while (result->levels[found] != level)
    found++;
  return found;
}

static void add_cell(bd_result *result, size_t from, size_t to, int level) {
  if (from == to) return;
  result->cells[result->cell_count++] = (bd_cell){.from = from, .to = to, .level = level};
  result->occupancy[level] += to - from;
}

static void collect_cells(const bd_survivors *survivors, const bd_runs *runs, bd_result *result) {
  size_t hole = survivors->hole.from, gap = survivors->gap;
  for (int i = 0; i < runs->count; i++) {
    size_t from = runs->borders[i], to = runs->borders[i + 1];
    size_t split = from > hole ? from : to < hole ? to : hole;
    int level = find_level(result, runs->levels[i]);
    add_cell(result, from, split, level);
    add_cell(result, split + gap, to + gap, level);
  }
  if (gap) result->occupancy[find_level(result, 0)] += gap;
}

static int count_merged(const bd_runs *runs) {
  int merged = 0;
  for (int i = 1; i < runs->count; i++)
    merged += runs->levels[i] == runs->levels[i - 1];
  return merged;
}

// Σv² of the pruned: their sums are around the median, so move them back to 0.
static double pruned_energy(const bd_survivors *survivors) {
  const bd_index *index = survivors->index;
  size_t from = survivors->hole.from, to = survivors->hole.to;
  const bd_prefix *left = &survivors->gap_from, *right = &survivors->gap_to;
  double mass = bd_prefix_mass(left, right);
  if (from == to || !(mass > 0)) return 0;
  double first = (double)bd_index_value(index, from);
  if (first == (double)bd_index_value(index, to - 1)) return mass * first * first;
  double mean = index->stats.median + bd_prefix_sum(left, right) / mass;
  return bd_prefix_spread(left, right) + mass * mean * mean;
}

// Weights that keep their cluster: what the move from the means to the levels costs.
static double moved_sse(const bd_survivors *survivors, const bd_runs *runs) {
  double sse = 0;
  for (int i = 0; i < runs->count; i++) {
    size_t from = runs->borders[i], to = runs->borders[i + 1];
    double mean = runs->levels[i], mass;
    bd_run_cost(survivors, from, to, &mean, &mass);
    sse += mass * (mean - runs->levels[i]) * (mean - runs->levels[i]);
  }
  return sse;
}

static double farthest(const bd_index *index, size_t from, size_t to, double level) {
  if (from == to) return 0;
  double low = (double)bd_index_value(index, from), high = (double)bd_index_value(index, to - 1);
  return fmax(fabs(low - level), fabs(high - level));
}

static double largest_error(const bd_index *index, const bd_result *result) {
  double most = farthest(index, result->hole.from, result->hole.to, 0);
  for (int i = 0; i < result->cell_count; i++) {
    const bd_cell *cell = &result->cells[i];
    most = fmax(most, farthest(index, cell->from, cell->to, result->levels[cell->level]));
  }
  return most;
}

double bd_sqnr_db(double energy, double sse) {
  return sse > 0 ? 10 * log10(energy / sse) : (double)INFINITY;
}

double bd_sqnr_share(double db) {
  return isinf(db) ? 0 : pow(10, -db / 10);
}

static void close_error(const bd_index *index, bd_result *result) {
  result->sse = result->sse_prune + result->sse_cluster + result->sse_map;
  result->sqnr_db = bd_sqnr_db(index->stats.energy, result->sse);
}

// --- size ---------------------------------------------------------------------------------------

// Bits a weight of one symbol in `count` of `total`, times how many there are.
static double symbol_bits(size_t count, double total) {
  return count ? (double)count * log2(total / (double)count) : 0;
}

static double entropy(const bd_survivors *survivors, const bd_result *result) {
  double total = (double)result->count, bits = 0;
  size_t masked = result->setting.zero == BD_MASK ? survivors->gap : 0;
  for (int i = 0; i < result->level_count; i++) {
    bool shared = masked && result->levels[i] == 0;
    bits += symbol_bits(result->occupancy[i] - (shared ? masked : 0), total);
  }
  return (bits + symbol_bits(masked, total)) / total;
}

// Levels in the code book: in mask mode the mask's zero is not one, unless a survivor takes it too.
static int stored_levels(const bd_survivors *survivors, const bd_result *result) {
  if (result->setting.zero != BD_MASK || survivors->gap == 0) return result->level_count;
  bool only_masked = result->occupancy[find_level(result, 0)] == survivors->gap;
  return result->level_count - only_masked;
}

static double codebook_bits(const bd_survivors *survivors, const bd_result *result) {
  const bd_setting *setting = &result->setting;
  if (setting->method == BD_KMEANS) return WORD_BITS * stored_levels(survivors, result);
  return WORD_BITS + (setting->grid == BD_AFFINE ? setting->bits : 0);
}

static void set_size(double bits, bd_result *result) {
  result->bytes = ceil(bits / 8);
  result->bits_per_weight = bits / (double)result->count;
}

static void measure_size(const bd_survivors *survivors, bd_result *result) {
  double count = (double)result->count, bits = count * result->setting.bits;
  if (result->setting.zero == BD_MASK)
    bits = count + (double)survivors->count * result->setting.bits;
  set_size(bits + codebook_bits(survivors, result), result);
  result->entropy_bits = entropy(survivors, result);
}

// What counts by importance is fitted; what is said of it counts each weight once.
static void measure_error(const bd_survivors *fitted, const bd_survivors *survivors,
                          const bd_runs *runs, bd_split split, bd_result *result) {
  result->sse_prune = pruned_energy(survivors);
  if (split == BD_KEPT && !fitted->weighted)
    result->sse_map = moved_sse(survivors, runs);
  else
    result->sse_map = bd_runs_sse(survivors, runs) - result->sse_cluster;
  close_error(survivors->index, result);
  result->weighted_sse =
      fitted->weighted ? pruned_energy(fitted) + bd_runs_sse(fitted, runs) : result->sse;
  result->max_error = largest_error(survivors->index, result);
}

bd_status bd_measure(const bd_survivors *fitted, const bd_runs *runs, bd_split split,
                     bd_result *result, bd_error *err) {
  bd_survivors survivors = bd_survivors_of(fitted->index, fitted->hole, false);
  BD_TRY(allocate(result, runs->count, err));
  collect_levels(&survivors, runs, result);
  collect_cells(&survivors, runs, result);
  result->most_levels = result->level_count;
  result->merged = count_merged(runs);
  result->step = runs->step;
  result->zero_point = runs->zero_point;
  measure_error(fitted, &survivors, runs, split, result);
  measure_size(&survivors, result);
  return BD_OK;
}

// The entropy of float weights is not their codes': it is left at their width.
void bd_measure_float(const bd_survivors *fitted, bd_result *result) {
  bd_survivors survivors = bd_survivors_of(fitted->index, fitted->hole, false);
  result->sse_prune = pruned_energy(&survivors);
  close_error(survivors.index, result);
  result->weighted_sse = pruned_energy(fitted);
  result->max_error = largest_error(survivors.index, result);
  set_size(WORD_BITS * (double)result->count, result);
  result->entropy_bits = WORD_BITS;
}

void bd_measure_sums(const bd_index *index, double bits, const size_t *codes, int code_count,
                     size_t masked, bd_result *result) {
  double total = (double)result->count, entropy = symbol_bits(masked, total);
  for (int i = 0; i < code_count; i++)
    entropy += symbol_bits(codes[i], total);
  close_error(index, result);
  set_size(bits, result);
  result->entropy_bits = entropy / total;
}
