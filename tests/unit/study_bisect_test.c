// What bisection keeps, against trying it out: changes that harm alone, together, or only beside
// others; and that what it says is what it left.
#include "core/base/rng.h"
#include "core/study/bisect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { MOST = 33, NONE = 10 };

typedef struct world {
  int count;
  bool made[MOST];
  double effect[MOST];  // added to how bad it is
  double pair[MOST];    // beside the change before
  int trials, fails_at; // fails_at: the trial that is cancelled; 0 none
} world;

static double bad(const world *w) {
  double sum = NONE;
  for (int i = 0; i < w->count; i++)
    if (w->made[i]) sum += w->effect[i] + (i > 0 && w->made[i - 1] ? w->pair[i] : 0);
  return sum;
}

static bd_status put(void *arg, int from, int to, bool made, bd_error *err) {
  (void)err;
  world *w = arg;
  assert_true(0 <= from && from < to && to <= w->count);
  for (int i = from; i < to; i++) {
    assert_true(w->made[i] != made);
    w->made[i] = made;
  }
  return BD_OK;
}

static bd_status judge(void *arg, double *out, bd_error *err) {
  (void)err;
  world *w = arg;
  if (++w->trials == w->fails_at) return BD_CANCELLED;
  *out = bad(w);
  return BD_OK;
}

static double bisect(world *w, bool kept[MOST]) {
  bd_bisection bisection = {put, judge, w};
  double least = bad(w);
  assert_int_equal(bd_bisect(&bisection, w->count, kept, &least, NULL), BD_OK);
  assert_memory_equal(kept, w->made, (size_t)w->count * sizeof *kept);
  assert_true(least == bad(w) || (isnan(least) && isnan(bad(w))));
  assert_true(least <= NONE);
  return least;
}

static void all_that_help_stay_at_one_trial(void **state) {
  (void)state;
  for (int count = 0; count <= MOST; count++) {
    world w = {.count = count};
    bool kept[MOST];
    for (int i = 0; i < count; i++)
      w.effect[i] = i % 3 ? -0.1 : 0;
    bisect(&w, kept);
    assert_int_equal(w.trials, count > 0);
    for (int i = 0; i < count; i++)
      assert_true(kept[i]);
  }
}

static void one_that_harms_is_found_wherever_it_stands(void **state) {
  (void)state;
  for (int count = 1; count <= MOST; count++)
    for (int harmful = 0; harmful < count; harmful++)
      for (int kind = 0; kind < 3; kind++) {
        world w = {.count = count};
        bool kept[MOST];
        for (int i = 0; i < count; i++)
          w.effect[i] = -0.01;
        w.effect[harmful] = kind == 0 ? 1 : kind == 1 ? INFINITY : NAN;
        bisect(&w, kept);
        for (int i = 0; i < count; i++)
          assert_true(kept[i] == (i != harmful));
        assert_true(w.trials <= 1 + 2 * ceil(log2(count)));
      }
}

// Where effects add up and each is felt, exactly those that harm are left out.
static void several_that_harm_are_left_out(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(3, 0);
  for (int round = 0; round < 500; round++) {
    world w = {.count = 1 + (int)(bd_rng_unit(&rng) * MOST)};
    bool kept[MOST];
    for (int i = 0; i < w.count; i++)
      w.effect[i] = bd_rng_unit(&rng) < 0.3 ? 1 : -0.001;
    bisect(&w, kept);
    for (int i = 0; i < w.count; i++)
      assert_true(kept[i] == (w.effect[i] < 0));
  }
}

// Whatever stands beside what: never worse than none, and what is said is what is left.
static void changes_that_need_each_other(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(4, 0);
  int mixed = 0;
  for (int round = 0; round < 2000; round++) {
    world w = {.count = 2 + (int)(bd_rng_unit(&rng) * (MOST - 2))};
    bool kept[MOST];
    for (int i = 0; i < w.count; i++) {
      w.effect[i] = bd_rng_normal(&rng);
      w.pair[i] = bd_rng_normal(&rng);
    }
    mixed += bisect(&w, kept) < NONE && memchr(kept, false, (size_t)w.count) != NULL;
  }
  assert_true(mixed > 1000);
}

static void a_trial_that_fails_ends_it(void **state) {
  (void)state;
  for (int trial = 1; trial < 6; trial++) {
    world w = {.count = 8, .fails_at = trial};
    bool kept[MOST];
    for (int i = 0; i < w.count; i++)
      w.effect[i] = 1;
    bd_bisection bisection = {put, judge, &w};
    double least = NONE;
    assert_int_equal(bd_bisect(&bisection, w.count, kept, &least, NULL), BD_CANCELLED);
    assert_int_equal(w.trials, trial);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_that_help_stay_at_one_trial),
      cmocka_unit_test(one_that_harms_is_found_wherever_it_stands),
      cmocka_unit_test(several_that_harm_are_left_out),
      cmocka_unit_test(changes_that_need_each_other),
      cmocka_unit_test(a_trial_that_fails_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
