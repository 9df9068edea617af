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

static wide product(wide a, wide b) {
  double high = a.high * b.high;
  return wide_of(high, bd_product_low(a.high, b.high) + a.high * b.low + a.low * b.high);
}

static wide wide_over(wide a, wide by) {
  double quotient = a.high / by.high;
  wide rest = wide_minus(a, product((wide){quotient, 0}, by));
  return wide_of(quotient, rest.high / by.high);
}

double bd_prefix_wide_spread(const bd_prefix *from, const bd_prefix *to) {
  wide sum = wide_minus(wide_of(to->sum, to->sum_low), wide_of(from->sum, from->sum_low));
  wide square =
      wide_minus(wide_of(to->square, to->square_low), wide_of(from->square, from->square_low));
  wide mass = wide_minus(wide_of(to->mass, to->mass_low), wide_of(from->mass, from->mass_low));
  wide spread = wide_minus(square, wide_over(wide_square(sum), mass));
  return fmax(spread.high + spread.low, 0);
}
