// Blocked layouts against their formula, spelled out: oneDNN's OIhw4i8o, 10 × 6 × 3 × 2 of it.
#include "core/engine/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { OUT = 10, IN = 6, HIGH = 3, WIDE = 2, ALL = OUT * IN * HIGH * WIDE };
enum { OUT_BLOCKS = 2, IN_BLOCKS = 2, PACKED = OUT_BLOCKS * IN_BLOCKS * HIGH * WIDE * 4 * 8 };

static size_t packed_place(size_t o, size_t i, size_t h, size_t w) {
  size_t block = ((o / 8 * IN_BLOCKS + i / 4) * HIGH + h) * WIDE + w;
  return block * 4 * 8 + i % 4 * 8 + o % 8;
}

static void weights_stand_in_their_blocks(void **state) {
  (void)state;
  const int64_t dims[] = {OUT, IN, HIGH, WIDE};
  const int64_t plain[] = {IN * HIGH * WIDE, HIGH * WIDE, WIDE, 1};
  const int64_t outer[] = {IN_BLOCKS * HIGH * WIDE * 32, HIGH * WIDE * 32, WIDE * 32, 32};
  const int64_t sizes[] = {4, 8}, axes[] = {1, 0};
  const bd_blocks stored = {0, plain, NULL, NULL}, blocked = {2, outer, sizes, axes};
  float weights[ALL], packed[PACKED], back[ALL];
  for (int i = 0; i < ALL; i++)
    weights[i] = (float)i + 1;
  for (int i = 0; i < PACKED; i++)
    packed[i] = 0;
  assert_true(bd_blocks_copy(4, dims, &stored, weights, &blocked, packed));
  for (size_t o = 0, at = 0; o < OUT; o++)
    for (size_t i = 0; i < IN; i++)
      for (size_t h = 0; h < HIGH; h++)
        for (size_t w = 0; w < WIDE; w++, at++)
          assert_true(packed[packed_place(o, i, h, w)] == weights[at]);
  int empty = 0;
  for (int i = 0; i < PACKED; i++)
    empty += packed[i] == 0;
  assert_int_equal(empty, PACKED - ALL);
  assert_true(bd_blocks_copy(4, dims, &blocked, packed, &stored, back));
  assert_memory_equal(back, weights, sizeof back);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weights_stand_in_their_blocks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
