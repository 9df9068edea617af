#include "core/base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}

bd_rng bd_rng_seed(uint64_t seed, uint64_t stream) {
  uint64_t mix = seed;
  uint64_t state = splitmix(&mix) ^ stream;
  bd_rng rng;
  for (int i = 0; i < 4; i++)
    rng.state[i] = splitmix(&state);
  return rng;
}

uint64_t bd_rng_next(bd_rng *rng) {
  uint64_t *s = rng->state;
  uint64_t result = rotate(s[1] * 5, 7) * 9;
  uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotate(s[3], 45);
  return result;
}

double bd_rng_unit(bd_rng *rng) {
  return (double)(bd_rng_next(rng) >> 11) * 0x1p-53;
}

double bd_rng_normal(bd_rng *rng) {
  double radius = sqrt(-2 * log(1 - bd_rng_unit(rng)));
  return radius * cos(6.283185307179586 * bd_rng_unit(rng));
}
