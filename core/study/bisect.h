// Which of many changes to keep, where some of them harm: all of them where that is no worse, else
// half by half down to single ones.
#ifndef BD_STUDY_BISECT_H
#define BD_STUDY_BISECT_H

#include "core/base/status.h"

#include <stdbool.h>

typedef struct bd_bisection {
  // Makes the changes [from, to), or takes them back.
  bd_status (*put)(void *arg, int from, int to, bool made, bd_error *err);
  // How bad it is as it stands; infinite is allowed, NaN counts as worse than anything.
  bd_status (*judge)(void *arg, double *out, bd_error *err);
  void *arg;
} bd_bisection;

// None of [0, count) is made yet; *least is how bad that is. Leaves those made whose flag is up,
// and how bad that is: never worse than none. One trial where all may stay; each change that is
// left out costs some 2·log2(count) more.
bd_status bd_bisect(const bd_bisection *b, int count, bool *kept, double *least, bd_error *err);

#endif
