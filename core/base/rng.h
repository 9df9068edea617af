// Reproducible random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna 2018).
// The same (seed, stream) gives the same numbers on every machine and in every thread.
#ifndef BD_BASE_RNG_H
#define BD_BASE_RNG_H

#include <stdint.h>

typedef struct bd_rng {
  uint64_t state[4];
} bd_rng;

bd_rng bd_rng_seed(uint64_t seed, uint64_t stream);
uint64_t bd_rng_next(bd_rng *rng);
double bd_rng_unit(bd_rng *rng);   // uniform in [0, 1)
double bd_rng_normal(bd_rng *rng); // mean 0, deviation 1 (Box–Muller)

#endif
