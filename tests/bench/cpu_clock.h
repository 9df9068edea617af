// Milliseconds that this thread has worked: what else runs on the machine does not count.
#ifndef CPU_CLOCK_H
#define CPU_CLOCK_H

#include <time.h>

static inline double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

#endif
