#include "core/study/cholesky.h"

#include <dlfcn.h>
#include <lapacke.h>
#include <pthread.h>
#include <string.h>

#define LIBRARY      "liblapacke.so.3"
#define FUNCTIONS(F) F(LAPACKE_dpotrf_work) F(LAPACKE_dpotrs_work) F(LAPACKE_dpotri_work)

static struct library {
  char trouble[256];
#define FIELD(name) __typeof__(name) *name;
  FUNCTIONS(FIELD)
#undef FIELD
} lib;

static void load(void) {
  void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *why = dlerror();
    strncpy(lib.trouble, why ? why : LIBRARY, sizeof lib.trouble - 1);
    return;
  }
#define FIND(name)                                                                                 \
  *(void **)&lib.name = dlsym(handle, #name);                                                      \
  if (!lib.name) strcpy(lib.trouble, LIBRARY " lacks " #name);
  FUNCTIONS(FIND)
#undef FIND
  // The library behind it may be OpenBLAS with threads: their number must not change the digits.
  void (*set_threads)(int);
  *(void **)&set_threads = dlsym(handle, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
}

// OpenBLAS without threads of its own shares working memory between its callers, unlocked: two at a
// time gave other digits.
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

bd_status bd_cholesky_start(bd_error *err) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  if (!*lib.trouble) return BD_OK;
  return bd_fail(err, BD_FAILED, "nothing can be repaired: %s: install liblapacke", lib.trouble);
}

bool bd_cholesky_factor(double *a, int64_t n) {
  if (n == 0) return true;
  pthread_mutex_lock(&one_at_a_time);
  lapack_int trouble =
      lib.LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n);
  pthread_mutex_unlock(&one_at_a_time);
  return trouble == 0;
}

void bd_cholesky_solve(const double *factor, int64_t n, double *x, int64_t count) {
  if (n == 0 || count == 0) return;
  pthread_mutex_lock(&one_at_a_time);
  lib.LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, (lapack_int)count, factor,
                          (lapack_int)n, x, (lapack_int)n);
  pthread_mutex_unlock(&one_at_a_time);
}

void bd_cholesky_invert(double *factor, int64_t n) {
  if (n == 0) return;
  pthread_mutex_lock(&one_at_a_time);
  lib.LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, factor, (lapack_int)n);
  pthread_mutex_unlock(&one_at_a_time);
  for (int64_t c = 0; c < n; c++)
    for (int64_t r = c + 1; r < n; r++)
      factor[r * n + c] = factor[c * n + r];
}
