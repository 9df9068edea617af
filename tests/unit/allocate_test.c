// Bit allocation against every combination tried out, on random instances; and what it refuses.
#include "core/base/rng.h"
#include "core/study/allocate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 6, WIDTHS = 5, INSTANCES = 1000, MANY = 200 };

typedef struct instance {
  bd_candidate candidates[LAYERS][WIDTHS];
  bd_menu menus[LAYERS];
  int count;
} instance;

static int pick(bd_rng *rng, int from, int to) {
  return from + (int)(bd_rng_next(rng) % (uint64_t)(to - from + 1));
}

// Sizes with a table that can outweigh what it codes, costs that fall with noise (and below 0),
// sometimes on a coarse grid, so that there are ties.
static void fill(instance *x, bd_rng *rng) {
  x->count = pick(rng, 1, LAYERS);
  bool coarse = pick(rng, 0, 2) == 0;
  for (int i = 0; i < x->count; i++) {
    int n = pick(rng, 1, 400), widths = pick(rng, 1, WIDTHS);
    x->menus[i] = (bd_menu){x->candidates[i], widths};
    for (int b = 0; b < widths; b++) {
      double cost = pow(0.4, b) * (1 + bd_rng_unit(rng)) - 0.05 * bd_rng_unit(rng);
      x->candidates[i][b] = (bd_candidate){ceil(n * (b + 1) / 8.0 + 4 * (1 << (b + 1))),
                                           coarse ? round(8 * cost) / 8 : cost};
    }
  }
}

static double weight_of(const bd_candidate *c, bd_budget_kind kind) {
  return kind == BD_BUDGET_BYTES ? c->bytes : c->cost;
}
static double value_of(const bd_candidate *c, bd_budget_kind kind) {
  return kind == BD_BUDGET_BYTES ? c->cost : c->bytes;
}

// The least value of all combinations that fit; +Inf where none does.
static double brute_force(const instance *x, bd_budget budget, int layer, double weight,
                          double value) {
  if (layer >= x->count || layer >= LAYERS) return weight <= budget.limit ? value : INFINITY;
  double best = INFINITY;
  for (int c = 0; c < x->menus[layer].count; c++) {
    const bd_candidate *one = &x->candidates[layer][c];
    best = fmin(best, brute_force(x, budget, layer + 1, weight + weight_of(one, budget.kind),
                                  value + value_of(one, budget.kind)));
  }
  return best;
}

static void extremes(const instance *x, bd_budget_kind kind, double *least, double *most) {
  *least = *most = 0;
  for (int i = 0; i < x->count; i++) {
    double low = INFINITY, high = -INFINITY;
    for (int c = 0; c < x->menus[i].count; c++) {
      low = fmin(low, weight_of(&x->candidates[i][c], kind));
      high = fmax(high, weight_of(&x->candidates[i][c], kind));
    }
    *least += low;
    *most += high;
  }
}

static void check_sums(const instance *x, const int *choice, const bd_allocation *got) {
  double bytes = 0, cost = 0;
  for (int i = 0; i < x->count; i++) {
    assert_in_range(choice[i], 0, x->menus[i].count - 1);
    bytes += x->candidates[i][choice[i]].bytes;
    cost += x->candidates[i][choice[i]].cost;
  }
  assert_true(bytes == got->bytes && cost == got->cost);
}

static void compare(const instance *x, bd_budget budget, int *worse) {
  int choice[LAYERS], greedy_choice[LAYERS];
  bd_allocation exact, greedy;
  bd_error err;
  double best = brute_force(x, budget, 0, 0, 0), slack = 1e-9 * (1 + fabs(best));
  bd_status status = bd_allocate(x->menus, x->count, budget, NULL, choice, &exact, &err);
  if (isinf(best)) {
    assert_int_equal(status, BD_INVALID);
    assert_non_null(strstr(err.text, "no allocation fits"));
    return;
  }
  assert_int_equal(status, BD_OK);
  status = bd_allocate_greedy(x->menus, x->count, budget, greedy_choice, &greedy, &err);
  assert_int_equal(status, BD_OK);
  bool bytes = budget.kind == BD_BUDGET_BYTES;
  double value = bytes ? exact.cost : exact.bytes, rough = bytes ? greedy.cost : greedy.bytes;
  check_sums(x, choice, &exact);
  check_sums(x, greedy_choice, &greedy);
  assert_true((bytes ? exact.bytes : exact.cost) <= budget.limit);
  assert_true((bytes ? greedy.bytes : greedy.cost) <= budget.limit);
  assert_true(exact.optimal && !(fabs(value - best) > slack));
  assert_true(value <= rough + slack);
  assert_true(greedy.bound <= best + slack);
  *worse += rough > best + slack;
}

static void exact_is_what_brute_force_finds(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(7, 0);
  int worse = 0;
  for (int n = 0; n < INSTANCES; n++) {
    instance x;
    fill(&x, &rng);
    for (bd_budget_kind kind = BD_BUDGET_BYTES; kind <= BD_BUDGET_COST; kind++) {
      double least, most;
      extremes(&x, kind, &least, &most);
      double at = 1.1 * bd_rng_unit(&rng) - 0.05;
      compare(&x, (bd_budget){kind, least + at * (most - least)}, &worse);
    }
  }
  assert_in_range(worse, 100, INSTANCES); // instances that greedy solves do not tell them apart
}

// A locked layer has one candidate: what is left goes to the others.
static void one_candidate_is_taken(void **state) {
  (void)state;
  const bd_candidate locked[] = {{100, 5}}, free_one[] = {{10, 4}, {20, 1}, {30, 0}};
  const bd_menu menus[] = {{locked, 1}, {free_one, 3}};
  int choice[2];
  bd_allocation got;
  assert_int_equal(
      bd_allocate(menus, 2, (bd_budget){BD_BUDGET_BYTES, 129}, NULL, choice, &got, NULL), BD_OK);
  assert_int_equal(choice[0], 0);
  assert_int_equal(choice[1], 1);
  assert_true(got.bytes == 120 && got.cost == 6 && got.optimal);
}

static void says_what_does_not_fit(void **state) {
  (void)state;
  const bd_candidate some[] = {{10, 4}, {20, NAN}};
  const bd_menu fine = {some, 1}, bad = {some, 2};
  int choice[1];
  bd_allocation got;
  bd_error err;
  bd_budget small = {BD_BUDGET_BYTES, 9};
  assert_int_equal(bd_allocate(&fine, 1, small, NULL, choice, &got, &err), BD_INVALID);
  assert_string_equal(err.text, "no allocation fits 9 bytes: the least is 10 bytes");
  assert_int_equal(bd_allocate(&bad, 1, small, NULL, choice, &got, &err), BD_INVALID);
  assert_int_equal(
      bd_allocate(&fine, 1, (bd_budget){BD_BUDGET_BYTES, NAN}, NULL, choice, &got, &err),
      BD_INVALID);
  assert_int_equal(bd_allocate(NULL, 0, small, NULL, choice, &got, &err), BD_OK);
  assert_true(got.bytes == 0 && got.optimal);
}

static void many_layers_are_solved_and_cancelled(void **state) {
  (void)state;
  static bd_candidate candidates[MANY][8];
  bd_menu menus[MANY];
  int choice[MANY];
  bd_rng rng = bd_rng_seed(3, 0);
  double least = 0;
  for (int i = 0; i < MANY; i++) {
    int n = pick(&rng, 1000, 3000000);
    double spread = 1 + bd_rng_unit(&rng);
    for (int b = 0; b < 8; b++)
      candidates[i][b] = (bd_candidate){ceil(n * (b + 1) / 8.0) + 4 * (2 << b),
                                        spread * pow(0.25, b) * (1 + 0.1 * bd_rng_unit(&rng))};
    menus[i] = (bd_menu){candidates[i], 8};
    least += candidates[i][0].bytes;
  }
  bd_allocation got;
  bd_budget budget = {BD_BUDGET_BYTES, 3.3 * least};
  bd_cancel cancel = true;
  assert_int_equal(bd_allocate(menus, MANY, budget, &cancel, choice, &got, NULL), BD_CANCELLED);
  assert_int_equal(bd_allocate(menus, MANY, budget, NULL, choice, &got, NULL), BD_OK);
  assert_true(got.bytes <= budget.limit && got.bound <= got.cost);
  assert_true(got.cost <= got.bound * 1.001);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_is_what_brute_force_finds),
      cmocka_unit_test(one_candidate_is_taken),
      cmocka_unit_test(says_what_does_not_fit),
      cmocka_unit_test(many_layers_are_solved_and_cancelled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
