#include "core/quant/radix.h"

#include <string.h>

enum { DIGITS = 4, BUCKETS = 256, FEW = 64 };
// Between two looks at the flag, about 2 ms; where values are scattered each of them may be the
// first in a page of 2 MiB, which the kernel clears then.
enum { CHUNK = 1 << 20, PAIRS = 1 << 18, SCATTERED = 32 };

// Unsigned integers in the order of the floats: negative ones upside down, then positive ones.
static uint32_t key_of(float value) {
  uint32_t bits;
  value += 0.0f; // -0 becomes 0
  memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float value_of(uint32_t key) {
  uint32_t bits = key & 0x80000000u ? key & 0x7FFFFFFFu : ~key;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static bool count_digits(const float *values, size_t count, uint32_t *keys,
                         size_t counts[DIGITS][BUCKETS], const bd_cancel *cancel) {
  memset(counts, 0, sizeof(size_t[DIGITS][BUCKETS]));
  for (size_t i = 0; i < count; i++) {
    if (i % CHUNK == 0 && bd_cancelled(cancel)) return false;
    uint32_t key = keys[i] = key_of(values[i]);
    for (int digit = 0; digit < DIGITS; digit++)
      counts[digit][key >> 8 * digit & 255]++;
  }
  return true;
}

// Where each bucket begins.
static void starts_of(const size_t counts[BUCKETS], size_t next[BUCKETS]) {
  size_t sum = 0;
  for (int bucket = 0; bucket < BUCKETS; bucket++) {
    next[bucket] = sum;
    sum += counts[bucket];
  }
}

static bool scatter(const uint32_t *from, size_t count, uint32_t *to, int digit,
                    const size_t counts[BUCKETS], const bd_cancel *cancel) {
  size_t next[BUCKETS];
  starts_of(counts, next);
  for (size_t i = 0; i < count; i++) {
    if (i % SCATTERED == 0 && bd_cancelled(cancel)) return false;
    to[next[from[i] >> 8 * digit & 255]++] = from[i];
  }
  return true;
}

// The last digit: keys become values again on the way.
static bool scatter_values(const uint32_t *from, size_t count, float *to,
                           const size_t counts[BUCKETS], const bd_cancel *cancel) {
  size_t next[BUCKETS];
  starts_of(counts, next);
  for (size_t i = 0; i < count; i++) {
    if (i % SCATTERED == 0 && bd_cancelled(cancel)) return false;
    to[next[from[i] >> 24]++] = value_of(from[i]);
  }
  return true;
}

// Insertion.
static void sort_few(const float *values, size_t count, float *sorted) {
  for (size_t i = 0; i < count; i++) {
    float value = values[i] + 0.0f; // -0 becomes 0
    size_t place = i;
    for (; place > 0 && sorted[place - 1] > value; place--)
      sorted[place] = sorted[place - 1];
    sorted[place] = value;
  }
}

bool bd_radix_sort(const float *values, size_t count, float *sorted, float *spare,
                   const bd_cancel *cancel) {
  if (count <= FEW) {
    sort_few(values, count, sorted);
    return true;
  }
  size_t counts[DIGITS][BUCKETS];
  uint32_t *first = (uint32_t *)(void *)spare, *second = (uint32_t *)(void *)sorted;
  return count_digits(values, count, second, counts, cancel) &&
         scatter(second, count, first, 0, counts[0], cancel) &&
         scatter(first, count, second, 1, counts[1], cancel) &&
         scatter(second, count, first, 2, counts[2], cancel) &&
         scatter_values(first, count, sorted, counts[3], cancel);
}

// --- with importance ----------------------------------------------------------------------------

static bool scatter_pairs(const bd_pair *from, size_t count, bd_pair *to, int digit,
                          const bd_cancel *cancel) {
  size_t counts[BUCKETS] = {0}, next[BUCKETS];
  for (size_t i = 0; i < count; i++) {
    if (i % PAIRS == 0 && bd_cancelled(cancel)) return false;
    counts[from[i].key >> 8 * digit & 255]++;
  }
  starts_of(counts, next);
  for (size_t i = 0; i < count; i++) {
    if (i % SCATTERED == 0 && bd_cancelled(cancel)) return false;
    to[next[from[i].key >> 8 * digit & 255]++] = from[i];
  }
  return true;
}

// Of equal values the last one first.
static void turn_around(float *importance, size_t from, size_t to) {
  for (; from + 1 < to; from++, to--) {
    float held = importance[from];
    importance[from] = importance[to - 1];
    importance[to - 1] = held;
  }
}

static bool turn_negative_ties(const float *sorted, size_t count, float *importance,
                               const bd_cancel *cancel) {
  size_t from = 0;
  for (size_t i = 1; i <= count && sorted[from] < 0; i++) {
    if (i % CHUNK == 0 && bd_cancelled(cancel)) return false;
    if (i < count && sorted[i] == sorted[from]) continue;
    turn_around(importance, from, i);
    from = i;
    if (from == count) break;
  }
  return true;
}

static bool make_pairs(const float *values, const float *importance, size_t count, bd_pair *pairs,
                       const bd_cancel *cancel) {
  for (size_t i = 0; i < count; i++) {
    if (i % PAIRS == 0 && bd_cancelled(cancel)) return false;
    pairs[i] = (bd_pair){key_of(values[i]), importance[i]};
  }
  return true;
}

static bool take_pairs(const bd_pair *pairs, size_t count, float *values, float *importance,
                       const bd_cancel *cancel) {
  for (size_t i = 0; i < count; i++) {
    if (i % PAIRS == 0 && bd_cancelled(cancel)) return false;
    values[i] = value_of(pairs[i].key);
    importance[i] = pairs[i].importance;
  }
  return true;
}

bool bd_radix_sort_pairs(const float *values, const float *importance, size_t count, bd_pair *pairs,
                         bd_pair *spare, float *sorted, float *sorted_importance,
                         const bd_cancel *cancel) {
  if (!make_pairs(values, importance, count, pairs, cancel)) return false;
  for (int digit = 0; digit < DIGITS; digit += 2)
    if (!scatter_pairs(pairs, count, spare, digit, cancel) ||
        !scatter_pairs(spare, count, pairs, digit + 1, cancel))
      return false;
  return take_pairs(pairs, count, sorted, sorted_importance, cancel) &&
         turn_negative_ties(sorted, count, sorted_importance, cancel);
}
