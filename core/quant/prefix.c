#include "core/quant/prefix.h"

#include <math.h>

typedef struct wide {
  double high, low;
} wide;

static wide wide_of(double high, double low) {
  wide sum = {high, 0};
  bd_wide_add(&sum.high, &sum.low, low);
  return sum;
}

static wide wide_minus(wide a, wide b) {
  wide sum = a;
  bd_wide_add(&sum.high, &sum.low, -b.high);
  sum.low -= b.low;
  return wide_of(sum.high, sum.low);
}

static wide wide_square(wide a) {
  double high = a.high * a.high;
  return wide_of(high, bd_square_low(a.high) + 2 * a.high * a.low);
}

// Veltkamp's split of both factors, Dekker's product.
static wide product(double a, double b) {
  double wide_a = 134217729 * a, wide_b = 134217729 * b;
  double a1 = wide_a - (wide_a - a), a2 = a - a1, b1 = wide_b - (wide_b - b), b2 = b - b1;
  double high = a * b;
  return wide_of(high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2);
}

static wide wide_over(wide a, double count) {
  double quotient = a.high / count;
  wide rest = wide_minus(a, product(quotient, count));
  return wide_of(quotient, rest.high / count);
}

double bd_prefix_wide_spread(const bd_prefix *from, const bd_prefix *to, double count) {
  wide sum = wide_minus(wide_of(to->sum, to->sum_low), wide_of(from->sum, from->sum_low));
  wide square =
      wide_minus(wide_of(to->square, to->square_low), wide_of(from->square, from->square_low));
  wide spread = wide_minus(square, wide_over(wide_square(sum), count));
  return fmax(spread.high + spread.low, 0);
}
