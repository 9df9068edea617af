// Prefix sums in double-double: the difference of two is as exact as a sum of that range alone.
// Without the low parts one outlier would drown the small clusters of a heavy-tailed tensor.
#ifndef BD_QUANT_PREFIX_H
#define BD_QUANT_PREFIX_H

// Σ(v − mean) and Σ(v − mean)² of the values before a place.
typedef struct bd_prefix {
  double sum, square;         // high parts
  double sum_low, square_low; // what the high parts lost
} bd_prefix;

// high + low += value, exactly but for the rounding of low (Knuth's two-sum).
static inline void bd_wide_add(double *high, double *low, double value) {
  double total = *high + value;
  double part = total - *high;
  *low += (*high - (total - part)) + (value - part);
  *high = total;
}

static inline bd_prefix bd_prefix_plus(bd_prefix a, double sum, double square) {
  bd_wide_add(&a.sum, &a.sum_low, sum);
  bd_wide_add(&a.square, &a.square_low, square);
  return a;
}

static inline double bd_prefix_sum(const bd_prefix *from, const bd_prefix *to) {
  return (to->sum - from->sum) + (to->sum_low - from->sum_low);
}

static inline double bd_prefix_square(const bd_prefix *from, const bd_prefix *to) {
  return (to->square - from->square) + (to->square_low - from->square_low);
}

// a without the range that `from` and `to` bound.
static inline bd_prefix bd_prefix_minus(bd_prefix a, const bd_prefix *from, const bd_prefix *to) {
  bd_wide_add(&a.sum, &a.sum_low, from->sum);
  bd_wide_add(&a.sum, &a.sum_low, -to->sum);
  bd_wide_add(&a.square, &a.square_low, from->square);
  bd_wide_add(&a.square, &a.square_low, -to->square);
  a.sum_low += from->sum_low - to->sum_low;
  a.square_low += from->square_low - to->square_low;
  return a;
}

#endif
