// Bit allocation: which candidate each layer takes so that the network fits a budget. A
// multiple-choice knapsack: every layer takes one of its candidates, their bytes and costs add up.
//
// Exact: a dynamic programme over the sums that are reached (Nemhauser and Ullmann 1969), thinned
// by dominance and by the Lagrangian bound: with λ the slope at which the convex hulls meet the
// budget, a partial choice whose reduced costs exceed the gap between the greedy answer and the
// bound cannot lead to a better one. Greedy: the steps of all hulls, steepest first, while they
// fit; for a slider.
#ifndef BD_STUDY_ALLOCATE_H
#define BD_STUDY_ALLOCATE_H

#include "core/base/pool.h"
#include "core/base/status.h"

// Something that a layer can become: what it takes, what it costs in loss (may be negative).
typedef struct bd_candidate {
  double bytes, cost;
} bd_candidate;

// One layer's candidates, at least one; a locked layer has exactly one.
typedef struct bd_menu {
  const bd_candidate *candidates;
  int count;
} bd_menu;

// bytes: least cost within so many bytes; cost: least bytes within so much cost.
typedef enum bd_budget_kind { BD_BUDGET_BYTES, BD_BUDGET_COST } bd_budget_kind;
typedef struct bd_budget {
  bd_budget_kind kind;
  double limit;
} bd_budget;

typedef struct bd_allocation {
  double bytes, cost; // sums over the layers
  double bound;       // no allocation has less of what is minimised
  bool optimal;       // this one is the best there is
} bd_allocation;

// choice[i]: the candidate of menu i. BD_INVALID: no choice fits the limit (says the least), or a
// candidate is not finite. The exact one may take seconds on hundreds of layers and polls cancel;
// where its sums grow past memory's measure it goes on with the best of them, and says not optimal.
bd_status bd_allocate(const bd_menu *menus, int count, bd_budget budget, const bd_cancel *cancel,
                      int *choice, bd_allocation *out, bd_error *err);
bd_status bd_allocate_greedy(const bd_menu *menus, int count, bd_budget budget, int *choice,
                             bd_allocation *out, bd_error *err);

#endif
