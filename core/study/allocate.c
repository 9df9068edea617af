#include "core/study/allocate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STATES_MAX = 1 << 18 }; // partial choices kept after a layer

// A candidate as the knapsack sees it: how much of the budget it takes, what it is worth paying.
typedef struct item {
  double weight, value;
} item;

// From one corner of a layer's convex hull to the next.
typedef struct hull_step {
  int menu, to;
  double slope; // value saved for each unit of the budget
} hull_step;

// The best partial choices after a layer, by rising weight and falling value.
typedef struct partial {
  double weight, value, reduced;
  int parent, candidate;
} partial;
typedef struct stage {
  partial *states;
  int count;
} stage;

typedef struct knapsack {
  const bd_menu *menus;
  int count;
  bd_budget budget;
  int *choice;
  hull_step *steps;
  int step_count;
  double lambda, bound, best; // slope at the budget; no value is below bound; the greedy value
  double *least;              // by menu: least weight of the menus from it on
  stage *stages;
  bool thinned;
} knapsack;

static item item_of(const knapsack *k, int menu, int candidate) {
  const bd_candidate *c = &k->menus[menu].candidates[candidate];
  return k->budget.kind == BD_BUDGET_BYTES ? (item){c->bytes, c->cost} : (item){c->cost, c->bytes};
}

static item sum_of(const knapsack *k) {
  item sum = {0, 0};
  for (int i = 0; i < k->count; i++) {
    item one = item_of(k, i, k->choice[i]);
    sum.weight += one.weight;
    sum.value += one.value;
  }
  return sum;
}

// --- greedy over the convex hulls ----------------------------------------------------------------

// The candidate that the hull goes to from `at`: of those that save value, the steepest; of equal
// ones the farthest. -1: `at` is the least value.
static int next_corner(const knapsack *k, int menu, int at, double *slope) {
  item from = item_of(k, menu, at);
  int next = -1;
  for (int c = 0; c < k->menus[menu].count; c++) {
    item to = item_of(k, menu, c);
    if (!(to.value < from.value) || !(to.weight > from.weight)) continue;
    double s = (from.value - to.value) / (to.weight - from.weight);
    if (next < 0 || s > *slope || (s == *slope && to.value < item_of(k, menu, next).value)) {
      next = c;
      *slope = s;
    }
  }
  return next;
}

// The candidate of least weight; of several the one of least value.
static int lightest(const knapsack *k, int menu) {
  int best = 0;
  for (int c = 1; c < k->menus[menu].count; c++) {
    item one = item_of(k, menu, c), held = item_of(k, menu, best);
    if (one.weight < held.weight || (one.weight == held.weight && one.value < held.value)) best = c;
  }
  return best;
}

static int by_slope(const void *a, const void *b) {
  const hull_step *x = a, *y = b;
  if (x->slope != y->slope) return x->slope > y->slope ? -1 : 1;
  return x->menu - y->menu;
}

static void find_steps(knapsack *k) {
  for (int i = 0; i < k->count; i++) {
    double slope = 0;
    int at = k->choice[i] = lightest(k, i);
    while ((at = next_corner(k, i, at, &slope)) >= 0)
      k->steps[k->step_count++] = (hull_step){i, at, slope};
  }
  qsort(k->steps, (size_t)k->step_count, sizeof *k->steps, by_slope);
}

// Takes the steps that fit, steepest first: where one does not, its layer stays. The first that
// does not tells λ, and what it would bring in part is the bound.
static void take_steps(knapsack *k, bool *stuck) {
  k->lambda = 0;
  for (int s = 0; s < k->step_count; s++) {
    const hull_step *step = &k->steps[s];
    int held = k->choice[step->menu];
    bool back = item_of(k, step->menu, step->to).value >= item_of(k, step->menu, held).value;
    if (stuck[step->menu] || back) continue; // back: two slopes that rounding put out of order
    item before = sum_of(k);
    k->choice[step->menu] = step->to;
    if (sum_of(k).weight <= k->budget.limit) continue;
    k->choice[step->menu] = held;
    stuck[step->menu] = true;
    if (k->lambda > 0) continue;
    k->lambda = step->slope;
    k->bound = before.value - step->slope * (k->budget.limit - before.weight);
  }
  k->best = sum_of(k).value;
  if (k->lambda == 0) k->bound = k->best;
}

static bd_status does_not_fit(const knapsack *k, double least, bd_error *err) {
  bool bytes = k->budget.kind == BD_BUDGET_BYTES;
  if (!bytes)
    return bd_fail(err, BD_INVALID, "no allocation fits %.10g of loss: the least is %.10g",
                   k->budget.limit, least);
  return bd_fail(err, BD_INVALID, "no allocation fits %.0f bytes: the least is %.0f bytes",
                 floor(k->budget.limit), ceil(least));
}

static bd_status greedy(knapsack *k, bd_error *err) {
  int corners = 0;
  for (int i = 0; i < k->count; i++) {
    corners += k->menus[i].count;
    for (int c = 0; c < k->menus[i].count; c++)
      if (!isfinite(item_of(k, i, c).weight) || !isfinite(item_of(k, i, c).value))
        return bd_fail(err, BD_INVALID, "candidate %d of layer %d has no finite cost", c, i);
  }
  k->steps = malloc(((size_t)corners + 1) * sizeof *k->steps);
  bool *stuck = calloc((size_t)k->count + 1, sizeof *stuck);
  bd_status status = BD_OK;
  if (!k->steps || !stuck) {
    status = bd_fail_memory(err, "the allocation");
  } else {
    find_steps(k);
    double least = sum_of(k).weight;
    if (!(least <= k->budget.limit)) status = does_not_fit(k, least, err);
  }
  if (status == BD_OK) take_steps(k, stuck);
  free(stuck);
  return status;
}

// --- exact ---------------------------------------------------------------------------------------

static int by_weight(const void *a, const void *b) {
  const partial *x = a, *y = b;
  if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
  if (x->value != y->value) return x->value < y->value ? -1 : 1;
  return x->parent != y->parent ? x->parent - y->parent : x->candidate - y->candidate;
}

static int by_reduced(const void *a, const void *b) {
  const partial *x = a, *y = b;
  if (x->reduced != y->reduced) return x->reduced < y->reduced ? -1 : 1;
  return by_weight(a, b);
}

static double reduced_cost(const knapsack *k, item one) {
  return one.value + k->lambda * one.weight;
}

static double least_reduced(const knapsack *k, int menu) {
  double least = INFINITY;
  for (int c = 0; c < k->menus[menu].count; c++)
    least = fmin(least, reduced_cost(k, item_of(k, menu, c)));
  return least;
}

// Every state of the stage before with every candidate, unless it cannot become better than the
// greedy answer, or fit. Sums are rounded: a little slack.
static int extend(const knapsack *k, int menu, partial *out) {
  const stage *before = &k->stages[menu];
  double base = least_reduced(k, menu);
  double allowed = k->best - k->bound + 1e-9 * (fabs(k->best) + fabs(k->bound));
  double room = k->budget.limit - k->least[menu + 1];
  room += 1e-9 * (fabs(room) + fabs(k->least[menu + 1]));
  int count = 0;
  for (int s = 0; s < before->count; s++)
    for (int c = 0; c < k->menus[menu].count; c++) {
      const partial *from = &before->states[s];
      item one = item_of(k, menu, c);
      partial next = {from->weight + one.weight, from->value + one.value,
                      from->reduced + reduced_cost(k, one) - base, s, c};
      if (next.reduced <= allowed && next.weight <= room) out[count++] = next;
    }
  return count;
}

// By rising weight, without those that another one undercuts.
static int drop_dominated(partial *states, int count) {
  qsort(states, (size_t)count, sizeof *states, by_weight);
  int kept = 0;
  for (int s = 0; s < count; s++)
    if (kept == 0 || states[s].value < states[kept - 1].value) states[kept++] = states[s];
  return kept;
}

static bd_status add_stage(knapsack *k, int menu, bd_error *err) {
  stage *next = &k->stages[menu + 1];
  size_t room = (size_t)k->stages[menu].count * (size_t)k->menus[menu].count + 1;
  next->states = malloc(room * sizeof *next->states);
  if (!next->states) return bd_fail_memory(err, "the allocation");
  next->count = drop_dominated(next->states, extend(k, menu, next->states));
  if (next->count > STATES_MAX) {
    qsort(next->states, (size_t)next->count, sizeof *next->states, by_reduced);
    next->count = drop_dominated(next->states, STATES_MAX);
    k->thinned = true;
  }
  partial *fitted = realloc(next->states, ((size_t)next->count + 1) * sizeof *fitted);
  if (fitted) next->states = fitted;
  return BD_OK;
}

// The last state of the last stage that fits is the lightest of the best: follow it back.
static void follow_back(knapsack *k) {
  const stage *last = &k->stages[k->count];
  int at = last->count - 1;
  while (at >= 0 && last->states[at].weight > k->budget.limit)
    at--;
  if (at < 0 || last->states[at].value > k->best) return; // the greedy choice stands
  for (int i = k->count; i > 0; i--) {
    const partial *state = &k->stages[i].states[at];
    k->choice[i - 1] = state->candidate;
    at = state->parent;
  }
}

static bd_status search(knapsack *k, const bd_cancel *cancel, bd_error *err) {
  for (int i = k->count - 1; i >= 0; i--)
    k->least[i] = k->least[i + 1] + item_of(k, i, lightest(k, i)).weight;
  k->stages[0].states = calloc(1, sizeof(partial));
  if (!k->stages[0].states) return bd_fail_memory(err, "the allocation");
  k->stages[0].count = 1;
  for (int i = 0; i < k->count; i++) {
    if (bd_cancelled(cancel)) return BD_CANCELLED;
    BD_TRY(add_stage(k, i, err));
  }
  follow_back(k);
  return BD_OK;
}

static bd_status exact(knapsack *k, const bd_cancel *cancel, bd_error *err) {
  k->least = calloc((size_t)k->count + 1, sizeof *k->least);
  k->stages = calloc((size_t)k->count + 1, sizeof *k->stages);
  bd_status status =
      k->least && k->stages ? search(k, cancel, err) : bd_fail_memory(err, "the allocation");
  for (int i = 0; k->stages && i <= k->count; i++)
    free(k->stages[i].states);
  free(k->stages);
  free(k->least);
  return status;
}

// --- the answer ----------------------------------------------------------------------------------

static bd_allocation answer(const knapsack *k, bool searched) {
  item sum = sum_of(k);
  bool bytes = k->budget.kind == BD_BUDGET_BYTES, fits = k->lambda == 0;
  bd_allocation out = {.bytes = bytes ? sum.weight : sum.value,
                       .cost = bytes ? sum.value : sum.weight,
                       .optimal = fits || (searched && !k->thinned)};
  out.bound = out.optimal ? sum.value : k->bound;
  return out;
}

bd_status bd_allocate(const bd_menu *menus, int count, bd_budget budget, const bd_cancel *cancel,
                      int *choice, bd_allocation *out, bd_error *err) {
  knapsack k = {.menus = menus, .count = count, .budget = budget, .choice = choice};
  bd_status status = greedy(&k, err);
  if (status == BD_OK && k.lambda > 0) status = exact(&k, cancel, err);
  if (status == BD_OK) *out = answer(&k, true);
  free(k.steps);
  return status;
}

bd_status bd_allocate_greedy(const bd_menu *menus, int count, bd_budget budget, int *choice,
                             bd_allocation *out, bd_error *err) {
  knapsack k = {.menus = menus, .count = count, .budget = budget, .choice = choice};
  bd_status status = greedy(&k, err);
  if (status == BD_OK) *out = answer(&k, false);
  free(k.steps);
  return status;
}
