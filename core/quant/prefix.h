// Prefix sums in double-double: the difference of two is as exact as a sum of that range alone.
// Without the low parts one outlier would drown the small clusters of a heavy-tailed tensor.
#ifndef BD_QUANT_PREFIX_H
#define BD_QUANT_PREFIX_H

// Σm, Σm·(v − median) and Σm·(v − median)² of the values before a place: m is each weight's
// importance, 1 where there is none.
typedef struct bd_prefix {
  double sum, square;         // high parts
  double sum_low, square_low; // what the high parts lost
  double mass, mass_low;
} bd_prefix;

// high + low += value, exactly but for the rounding of low (Knuth's two-sum).
static inline void bd_wide_add(double *high, double *low, double value) {
  double total = *high + value;
  double part = total - *high;
  *low += (*high - (total - part)) + (value - part);
  *high = total;
}

// What value² lost in rounding (Veltkamp's split, Dekker's product).
static inline double bd_square_low(double value) {
  double wide = 134217729 * value; // 2^27 + 1
  double high = wide - (wide - value), low = value - high;
  return ((high * high - value * value) + 2 * (high * low)) + low * low;
}

// What a·b lost in rounding.
static inline double bd_product_low(double a, double b) {
  double wide_a = 134217729 * a, wide_b = 134217729 * b;
  double a1 = wide_a - (wide_a - a), a2 = a - a1, b1 = wide_b - (wide_b - b), b2 = b - b1;
  return ((a1 * b1 - a * b) + a1 * b2 + a2 * b1) + a2 * b2;
}

// Adds values at `away` from the median, `mass` of them.
static inline void bd_prefix_add(bd_prefix *to, double away, double mass) {
  double sum = mass * away, sum_low = bd_product_low(mass, away), square = sum * away;
  bd_wide_add(&to->sum, &to->sum_low, sum);
  bd_wide_add(&to->square, &to->square_low, square);
  bd_wide_add(&to->mass, &to->mass_low, mass);
  to->sum_low += sum_low;
  to->square_low += bd_product_low(sum, away) + sum_low * away;
}

static inline bd_prefix bd_prefix_plus(bd_prefix a, double sum, double square) {
  bd_wide_add(&a.sum, &a.sum_low, sum);
  bd_wide_add(&a.square, &a.square_low, square);
  return a;
}

static inline double bd_prefix_mass(const bd_prefix *from, const bd_prefix *to) {
  return (to->mass - from->mass) + (to->mass_low - from->mass_low);
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
  bd_wide_add(&a.mass, &a.mass_low, from->mass);
  bd_wide_add(&a.mass, &a.mass_low, -to->mass);
  a.mass_low += from->mass_low - to->mass_low;
  a.sum_low += from->sum_low - to->sum_low;
  a.square_low += from->square_low - to->square_low;
  return a;
}

// bd_prefix_spread in double-double throughout.
double bd_prefix_wide_spread(const bd_prefix *from, const bd_prefix *to);

// Below this share of its square a spread is taken in double-double: plain doubles would leave
// fewer than ten digits of it. Such a run is narrow and far from the median.
#define BD_PREFIX_NARROW 1e-6

// Squared error of a run around its own mean: ΔQ − ΔS² / ΔN; 0 without any mass.
static inline double bd_prefix_spread(const bd_prefix *from, const bd_prefix *to) {
  double sum = bd_prefix_sum(from, to), square = bd_prefix_square(from, to);
  double mass = bd_prefix_mass(from, to);
  if (!(mass > 0)) return 0;
  double spread = square - sum * sum / mass;
  return spread < BD_PREFIX_NARROW * square ? bd_prefix_wide_spread(from, to) : spread;
}

#endif
