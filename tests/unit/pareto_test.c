// The Pareto line against a naive twin that compares every pair.
#include "core/base/rng.h"
#include "core/study/pareto.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { MOST = 40 };

static bool beats(const bd_tradeoff *points, int a, int b) {
  const bd_tradeoff *p = &points[a], *q = &points[b];
  if (p->bytes == q->bytes && p->loss == q->loss) return a < b;
  return p->bytes <= q->bytes && p->loss <= q->loss;
}

static bool on_line(const bd_tradeoff *points, int count, int i) {
  if (isnan(points[i].bytes) || isnan(points[i].loss)) return false;
  for (int j = 0; j < count; j++)
    if (j != i && beats(points, j, i)) return false;
  return true;
}

static void check(const bd_tradeoff *points, int count) {
  int line[MOST], kept = bd_pareto(points, count, line), expected = 0;
  for (int i = 0; i < count; i++)
    expected += on_line(points, count, i);
  assert_int_equal(kept, expected);
  for (int i = 0; i < kept; i++) {
    assert_true(on_line(points, count, line[i]));
    if (i == 0) continue;
    assert_true(points[line[i]].bytes > points[line[i - 1]].bytes);
    assert_true(points[line[i]].loss < points[line[i - 1]].loss);
  }
}

static void agrees_with_all_pairs(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(7, 0);
  for (int round = 0; round < 2000; round++) {
    bd_tradeoff points[MOST];
    int count = (int)(bd_rng_next(&rng) % MOST);
    for (int i = 0; i < count; i++) { // few values: many ties
      points[i].bytes = (double)(bd_rng_next(&rng) % 9);
      points[i].loss = (double)(bd_rng_next(&rng) % 9);
      if (bd_rng_next(&rng) % 11 == 0) points[i].loss = NAN;
      if (bd_rng_next(&rng) % 13 == 0) points[i].loss = INFINITY;
    }
    check(points, count);
  }
}

static void nothing_and_one(void **state) {
  (void)state;
  int line[1] = {-1};
  assert_int_equal(bd_pareto(NULL, 0, line), 0);
  bd_tradeoff one = {3, INFINITY};
  assert_int_equal(bd_pareto(&one, 1, line), 1);
  assert_int_equal(line[0], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_all_pairs),
      cmocka_unit_test(nothing_and_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
