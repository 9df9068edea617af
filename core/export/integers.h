// A layer as integers times steps: what targets with even grids store. Zero is code 0.
#ifndef BD_EXPORT_INTEGERS_H
#define BD_EXPORT_INTEGERS_H

#include "core/quant/coded.h"

typedef struct bd_integers {
  size_t count;
  int16_t *codes;  // in stored order; value = step of its part · code; within ±255
  int least, most; // of the codes; 0 is between them
  bool bipolar;    // every code is -1 or 1
  bd_parts parts;  // which weights share a step
  double *steps;   // one a part, above 0
  bool exact;      // the values are the coded ones; else the nearest of a grid of 8 bits
} bd_integers;

// Levels of an even grid keep their places on it. A codebook's go to the nearest of the 255 levels
// of an even grid, whose step is chosen to be near them, weighted by how many weights they have.
bd_status bd_integers_of(const bd_coded *coded, bd_integers **out, bd_error *err);
// What a target makes of the values that draws its own even grid between the extremes of each
// channel: step = largest |value| / (2^(width−1) − 1).
bd_status bd_integers_of_ranges(const bd_coded *coded, int width, bd_integers **out, bd_error *err);
void bd_integers_free(bd_integers *integers);

double bd_integers_step(const bd_integers *integers, size_t place);

// The least width whose narrow range, ±(2^(width−1) − 1), holds every code: 2..9.
int bd_integers_width(const bd_integers *integers);
// Codes in `width` bits with a zero point: stored = code + zero point, in −2^(width−1) and up.
// False where the range is too wide for that.
bool bd_integers_zero_point(const bd_integers *integers, int width, int *zero_point);

#endif
