// The search for λ: chains of exactly k links.
#include "core/quant/links.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 200 };

static const double QUIET = 1e-11; // noise against cost that does no harm
static const double TIE = 1e-14; // two values of L this close are one: the arithmetic's last digits

typedef struct lambda_search {
  bd_links *links;
  int k;
  bd_chain more, fewer; // the nearest chains with more and with fewer links than k
  double bound;
} lambda_search;

static double value_at(const bd_chain *chain, double lambda) {
  return chain->cost + chain->links * lambda;
}

// --- a chain of k links out of one of more and one of fewer -------------------------------------

// Somewhere a link of the shorter chain holds a link of the longer one that is `extra` links ahead.
// Changing over there costs, by Monge, no more than what both chains cost together: where both are
// cheapest at one λ, so is the new one.
static int change_over(const bd_chain *more, const bd_chain *fewer, int extra) {
  int link = 0;
  while (more->path[link + extra + 1] > fewer->path[link + 1])
    link++;
  return link;
}

static bd_status splice(const lambda_search *search, bd_chain *out, bd_error *err) {
  const bd_chain *more = &search->more, *fewer = &search->fewer;
  int k = search->k, extra = k - fewer->links;
  out->path = malloc(((size_t)k + 1) * sizeof *out->path);
  if (!out->path) return bd_fail_memory(err, "the optimum's chain");
  int link = change_over(more, fewer, extra);
  size_t ahead = (size_t)(link + extra + 1);
  memcpy(out->path, more->path, ahead * sizeof *out->path);
  memcpy(out->path + ahead, fewer->path + link + 1, ((size_t)k + 1 - ahead) * sizeof *out->path);
  out->links = k;
  out->lambda = more->lambda;
  bd_chain_measure(search->links, out);
  return BD_OK;
}

// --- the search ---------------------------------------------------------------------------------

// The two ends that need no pass: one link (λ = ∞), and as many links as there are (λ = 0).
static bd_status start(lambda_search *search, bd_error *err) {
  size_t m = search->links->m;
  search->fewer.links = 1;
  search->fewer.lambda = INFINITY;
  search->fewer.cost = bd_link_cost(search->links, 0, m);
  search->fewer.path = malloc(2 * sizeof(uint32_t));
  search->more.links = (int)m;
  search->more.path = malloc((m + 1) * sizeof(uint32_t));
  if (!search->fewer.path || !search->more.path) return bd_fail_memory(err, "the optimum's chains");
  search->fewer.path[0] = 0;
  search->fewer.path[1] = (uint32_t)m;
  for (size_t i = 0; i <= m; i++)
    search->more.path[i] = (uint32_t)i;
  for (size_t i = 1; i <= m; i++)
    search->more.cost += bd_link_cost(search->links, i - 1, i);
  search->bound = search->more.cost; // λ = 0
  return BD_OK;
}

// Where the lines of the two chains meet: no λ beside it gives a better bound from them.
static double crossing(const lambda_search *search) {
  return (search->fewer.cost - search->more.cost) / (search->more.links - search->fewer.links);
}

static bool inside(const lambda_search *search, double lambda) {
  return lambda > search->more.lambda && lambda < search->fewer.lambda;
}

// λ falls with about the third power of the number of links.
static double power_guess(const lambda_search *search, const bd_chain *last) {
  if (search->more.lambda > 0 && isfinite(search->fewer.lambda)) {
    double slope = log(search->more.lambda / search->fewer.lambda) /
                   log((double)search->more.links / search->fewer.links);
    double guess = search->fewer.lambda * pow((double)search->k / search->fewer.links, slope);
    return guess;
  }
  return last->lambda * pow((double)last->links / search->k, 2.8);
}

// Takes over the chain as the nearest of its side.
static void narrow(lambda_search *search, bd_chain *chain) {
  bd_chain *side = chain->links > search->k ? &search->more : &search->fewer;
  free(side->path);
  *side = *chain;
  chain->path = NULL;
}

// The crossing was tried and nothing lies below it: both chains are cheapest there.
static bool is_tie(const lambda_search *search, const bd_chain *chain, double lambda) {
  double expected = value_at(&search->more, lambda);
  return value_at(chain, lambda) >= expected - TIE * fabs(expected);
}

// One pass more, and what it says of the bound.
static bd_status look(lambda_search *search, double lambda, const bd_cancel *cancel,
                      bd_chain *chain, bd_error *err) {
  BD_TRY(bd_links_pass(search->links, lambda, cancel, chain, err));
  double bound = chain->cost + (chain->links - search->k) * lambda - chain->noise;
  search->bound = fmax(search->bound, bound);
  return BD_OK;
}

// A chain of k links at a λ that drowns its cost (beside a huge outlier): look again further down.
// Any λ from F_k - F_k+1 on is low enough, so the chain's own cost is not too low.
static bd_status settle(lambda_search *search, const bd_cancel *cancel, bd_chain *chain,
                        bd_error *err) {
  for (int round = 0; round < ROUNDS_MAX; round++) {
    if (chain->noise <= QUIET * chain->cost || !(chain->cost > 0) || chain->lambda <= chain->cost)
      break;
    bd_chain lower = {0};
    BD_TRY(look(search, chain->cost, cancel, &lower, err));
    if (lower.links != search->k) {
      narrow(search, &lower);
      break;
    }
    free(chain->path);
    *chain = lower;
  }
  return BD_OK;
}

static bd_status seek(lambda_search *search, double lambda, const bd_cancel *cancel,
                      bd_chain *found, bd_error *err) {
  bool crossed = false;
  for (int round = 0; round < ROUNDS_MAX; round++) {
    bd_chain chain = {0};
    BD_TRY(look(search, lambda, cancel, &chain, err));
    if (chain.links == search->k) {
      *found = chain;
      return settle(search, cancel, found, err);
    }
    bool tie = crossed && is_tie(search, &chain, lambda);
    bd_chain last = chain;
    narrow(search, &chain);
    if (tie) break;
    lambda = power_guess(search, &last);
    crossed = round % 2 == 1 || !inside(search, lambda);
    if (crossed) lambda = crossing(search);
    if (!(lambda > 0) || !isfinite(lambda)) break;
  }
  return splice(search, found, err);
}

static double first_guess(const lambda_search *search) {
  double k = search->k;
  return 5.4 * search->fewer.cost / (k * k * k);
}

bd_status bd_links_solve(bd_links *links, int k, double lambda, const bd_cancel *cancel,
                         bd_solution *out, bd_error *err) {
  *out = (bd_solution){0};
  lambda_search search = {.links = links, .k = k};
  bd_status status = start(&search, err);
  if (status == BD_OK && (k == 1 || (size_t)k == links->m)) {
    bd_chain *side = k == 1 ? &search.fewer : &search.more;
    out->chain = *side;
    out->bound = side->cost;
    side->path = NULL;
  } else if (status == BD_OK) {
    if (!(lambda > 0)) lambda = first_guess(&search);
    status = seek(&search, lambda, cancel, &out->chain, err);
    out->bound = search.bound;
  }
  free(search.more.path);
  free(search.fewer.path);
  return status;
}

bd_status bd_links_centre(bd_links *links, int k, double *lambda, const bd_cancel *cancel,
                          bd_error *err) {
  double first = *lambda, sum = first, found = 1;
  for (int side = -1; side <= 1; side += 2) {
    bd_chain chain = {0};
    double probe = first * (1 + side * fmin(1.5 / k, 0.5));
    BD_TRY(bd_links_pass(links, probe, cancel, &chain, err));
    free(chain.path);
    if (chain.links != k) continue;
    sum += probe;
    found++;
  }
  *lambda = sum / found;
  return BD_OK;
}
