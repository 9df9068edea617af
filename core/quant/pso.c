#include "core/quant/pso.h"

#include "core/quant/start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTICLES = 30, PATIENCE = 10 };

// Clerc and Kennedy 2002.
static const double INERTIA = 0.72, PULL = 1.49;

typedef struct particle {
  double at[BD_CLUSTERS_MAX], speed[BD_CLUSTERS_MAX];
  double best_at[BD_CLUSTERS_MAX], best;
} particle;

// --- where particles start ----------------------------------------------------------------------

static void start(const bd_survivors *survivors, int count, const double *guess, bd_rng *rng,
                  particle *swarm) {
  int seeded = 0;
  if (guess) {
    memcpy(swarm[seeded++].at, guess, (size_t)count * sizeof *guess);
    bd_start_linear(survivors, count, swarm[seeded++].at);
    bd_start_quantile(survivors, count, swarm[seeded++].at);
    bd_start_companded(survivors, count, swarm[seeded++].at);
  }
  for (int i = seeded; i < PARTICLES; i++)
    bd_start_random(survivors, count, rng, swarm[i].at);
  for (int i = 0; i < PARTICLES; i++)
    swarm[i].best = INFINITY;
}

// --- how they move ------------------------------------------------------------------------------

// Insertion sort: hardly anything changes places. Speeds stay with their centers.
static void sort_centers(particle *one, int count) {
  for (int i = 1; i < count; i++) {
    double at = one->at[i], speed = one->speed[i];
    int j = i;
    for (; j > 0 && one->at[j - 1] > at; j--) {
      one->at[j] = one->at[j - 1];
      one->speed[j] = one->speed[j - 1];
    }
    one->at[j] = at;
    one->speed[j] = speed;
  }
}

static void move(particle *one, const double *leader, int count, bd_rng *rng) {
  for (int i = 0; i < count; i++) {
    double own = PULL * bd_rng_unit(rng) * (one->best_at[i] - one->at[i]);
    double common = PULL * bd_rng_unit(rng) * (leader[i] - one->at[i]);
    one->speed[i] = INERTIA * one->speed[i] + own + common;
    one->at[i] += one->speed[i];
  }
  sort_centers(one, count);
}

static void judge(const bd_survivors *survivors, particle *one, int count) {
  double sse = bd_centers_sse(survivors, one->at, count, one->best);
  if (!(sse < one->best)) return;
  one->best = sse;
  memcpy(one->best_at, one->at, (size_t)count * sizeof *one->at);
}

static const particle *leader_of(const particle *swarm) {
  const particle *leader = swarm;
  for (int i = 1; i < PARTICLES; i++)
    if (swarm[i].best < leader->best) leader = &swarm[i];
  return leader;
}

static bd_status fly(const bd_survivors *survivors, particle *particles, int count, bd_rng *rng,
                     const bd_cancel *cancel, bd_swarm *swarm, bd_error *err) {
  for (int idle = 0; idle < PATIENCE;) {
    if (bd_cancelled(cancel)) return bd_fail(err, BD_CANCELLED, "clustering was cancelled");
    for (int i = 0; i < PARTICLES; i++)
      judge(survivors, &particles[i], count);
    const particle *leader = leader_of(particles);
    idle = swarm->steps && leader->best >= swarm->history[swarm->steps - 1] ? idle + 1 : 0;
    swarm->history[swarm->steps++] = leader->best;
    memcpy(swarm->centers, leader->best_at, (size_t)count * sizeof *swarm->centers);
    if (swarm->steps > BD_SWARM_STEPS) break;
    for (int i = 0; i < PARTICLES; i++)
      move(&particles[i], swarm->centers, count, rng);
  }
  return BD_OK;
}

bd_status bd_swarm_run(const bd_survivors *survivors, int count, const double *guess, uint64_t seed,
                       const bd_cancel *cancel, bd_swarm *swarm, bd_error *err) {
  particle *particles = calloc(PARTICLES, sizeof *particles);
  if (!particles) return bd_fail_memory(err, "the particle swarm");
  bd_rng rng = bd_rng_seed(seed, (uint64_t)count);
  *swarm = (bd_swarm){.count = count};
  start(survivors, count, guess, &rng, particles);
  bd_status status = fly(survivors, particles, count, &rng, cancel, swarm, err);
  free(particles);
  return status;
}
