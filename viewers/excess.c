#include "viewers/excess.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LOWEST = -6, HIGHEST = 4 };

static const double EXACT = 2e-9; // a proof stops at 1e-9, and the optimum is one itself

double bd_excess(double sse, double optimum) {
  if (isnan(sse) || isnan(optimum)) return NAN;
  if (sse <= optimum * (1 + EXACT)) return 0;
  return optimum > 0 ? sse / optimum - 1 : INFINITY;
}

char *bd_excess_show(char out[BD_SHOW_SIZE], double excess) {
  if (isnan(excess)) return strcpy(out, "···");
  if (excess == 0) return strcpy(out, "exact");
  if (excess > 9998) return strcpy(out, ">×9999");
  if (excess >= 1e-4) return bd_show_distance(out, 1 + excess);
  if (excess < 1e-6) return strcpy(out, "<.0001%");
  char digits[BD_SHOW_SIZE - 8]; // one that counts, without the leading zero
  snprintf(digits, sizeof digits, "%.*f", excess < 0.95e-5 ? 4 : 3, excess * 100);
  snprintf(out, BD_SHOW_SIZE, "+%s%%", digits + 1);
  return out;
}

bd_excess_axis bd_excess_axis_of(const double *excesses, int count) {
  double least = INFINITY, most = 0;
  for (int i = 0; i < count; i++) {
    if (!(excesses[i] > 0) || isinf(excesses[i])) continue;
    least = fmin(least, excesses[i]);
    most = fmax(most, excesses[i]);
  }
  if (!(most > 0)) return (bd_excess_axis){-2, -1, false};
  bd_excess_axis axis = {(int)fmax(LOWEST, floor(log10(least))),
                         (int)fmin(HIGHEST, ceil(log10(most))), true};
  if (axis.high <= LOWEST) axis.high = LOWEST + 1;
  if (axis.low >= axis.high) axis.low = axis.high - 1;
  return axis;
}

bd_excess_axis bd_excess_axis_join(bd_excess_axis a, bd_excess_axis b) {
  if (!a.used || !b.used) return a.used ? a : b;
  return (bd_excess_axis){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, true};
}

double bd_excess_place(bd_excess_axis axis, double excess) {
  double place = (log10(excess) - axis.low) / (axis.high - axis.low);
  return fmax(0, fmin(place, 1));
}

char *bd_excess_label(char out[BD_SHOW_SIZE], int decade) {
  double percent = pow(10, decade + 2);
  char digits[BD_SHOW_SIZE - 8];
  if (decade > 0) {
    snprintf(out, BD_SHOW_SIZE, "×%.0f", 1 + pow(10, decade));
  } else if (percent >= 1) {
    snprintf(out, BD_SHOW_SIZE, "+%.0f%%", percent);
  } else {
    snprintf(digits, sizeof digits, "%.*f", -decade - 2, percent);
    snprintf(out, BD_SHOW_SIZE, "+%s%%", digits + 1); // without its leading zero
  }
  return out;
}
