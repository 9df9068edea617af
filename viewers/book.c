#include "viewers/book.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bd_book_has_grid(const bd_result *result) {
  return result->step > 0 && result->level_count > 0;
}

bool bd_book_is_mapped(const bd_result *result) {
  return bd_book_has_grid(result) && bd_setting_clusters(&result->setting);
}

// --- a level ------------------------------------------------------------------------------------

static int code_of(const bd_result *result, int level) {
  if (!bd_book_has_grid(result)) return level;
  return (int)lround(result->levels[level] / result->step + result->zero_point);
}

// Two cells of one level that the hole parts: they are one cluster where there are fewer merged
// centroids than cells that share a level.
static bool hole_parts_cluster(const bd_result *result) {
  int shared = 0;
  for (int i = 1; i < result->cell_count; i++)
    shared += result->cells[i].level == result->cells[i - 1].level;
  return shared > result->merged;
}

static bool at_hole(const bd_result *result, const bd_cell *left, const bd_cell *right) {
  return left->to == result->hole.from && right->from == result->hole.to &&
         left->level == right->level;
}

static void widen(bd_book_level *out, const bd_index *index, size_t from, size_t to) {
  if (from == to) return;
  out->low = fmin(out->low, (double)bd_index_value(index, from));
  out->high = fmax(out->high, (double)bd_index_value(index, to - 1));
}

static void note_centroid(bd_book_level *out, const bd_index *index, bd_sums sums) {
  double moved = out->value - (bd_index_stats(index)->median + sums.sum / sums.count);
  if (out->centroids++ == 0 || fabs(moved) > fabs(out->moved)) out->moved = moved;
}

static void take_cells(const bd_result *result, const bd_index *index, int level,
                       bd_book_level *out) {
  bool clustered = bd_setting_clusters(&result->setting), parted = hole_parts_cluster(result);
  for (int i = 0; i < result->cell_count; i++) {
    const bd_cell *cell = &result->cells[i];
    if (cell->level != level) continue;
    widen(out, index, cell->from, cell->to);
    if (!clustered) continue;
    bd_sums sums = bd_index_sums(index, cell->from, cell->to);
    if (parted && i + 1 < result->cell_count && at_hole(result, cell, cell + 1)) {
      bd_sums other = bd_index_sums(index, cell[1].from, cell[1].to);
      sums.count += other.count;
      sums.sum += other.sum;
      widen(out, index, cell[1].from, cell[1].to);
      i++;
    }
    note_centroid(out, index, sums);
  }
}

bd_book_level bd_book_at(const bd_result *result, const bd_index *index, int level) {
  bd_book_level out = {.code = code_of(result, level),
                       .value = result->levels[level],
                       .weights = result->occupancy[level],
                       .low = INFINITY,
                       .high = -INFINITY};
  const bd_hole *hole = &result->hole;
  if (out.value == 0 && hole->from < hole->to) {
    out.pruned = hole->to - hole->from;
    widen(&out, index, hole->from, hole->to);
  }
  take_cells(result, index, level, &out);
  return out;
}

// --- the grid's codes ---------------------------------------------------------------------------

// A bitmap's zeros have no code of their own.
static bool is_coded(const bd_result *result, int level) {
  const bd_hole *hole = &result->hole;
  size_t pruned = result->levels[level] == 0 ? hole->to - hole->from : 0;
  return result->setting.zero != BD_MASK || result->occupancy[level] > pruned;
}

static bool is_used(const bd_result *result, int code) {
  for (int i = 0; i < result->level_count; i++)
    if (code_of(result, i) == code) return is_coded(result, i);
  return false;
}

bd_book_codes bd_book_codes_of(const bd_result *result) {
  int bits = result->setting.bits, most = (1 << (bits - 1)) - 1;
  bd_book_codes codes = {0, (1 << bits) - 1, 0};
  if (code_of(result, 0) < 0 || result->setting.grid == BD_SIGNED)
    codes = (bd_book_codes){-(most < 1 ? 1 : most), most < 1 ? 1 : most, 0};
  for (int code = codes.first; code <= codes.last; code++)
    codes.unused += !is_used(result, code);
  // Of −1, 0 and 1 a signed grid of 1 bit has two.
  if (bits == 1 && codes.first < 0 && codes.unused > 0) codes.unused--;
  return codes;
}

static char *show_run(char *out, size_t size, int first, int last) {
  const char *minus = first < 0 ? "−" : "", *other = last < 0 ? "−" : "";
  if (first == last)
    snprintf(out, size, "%s%d", minus, abs(first));
  else
    snprintf(out, size, "%s%d%s%s%d", minus, abs(first), last > first + 1 ? "…" : " ", other,
             abs(last));
  return out;
}

char *bd_book_unused(const bd_result *result, char *out, size_t size) {
  bd_book_codes codes = bd_book_codes_of(result);
  size_t used = 0;
  out[0] = '\0';
  for (int code = codes.first; code <= codes.last && codes.unused > 0; code++) {
    int first = code;
    char run[48];
    while (code <= codes.last && !is_used(result, code))
      code++;
    if (first == code) continue;
    show_run(run, sizeof run, first, code - 1);
    if (used + strlen(run) + 8 > size) return strcat(out, " …");
    used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", run);
  }
  return out;
}
