#include "core/base/pair.h"

#include <pthread.h>

typedef struct half {
  void (*run)(void *arg);
  void *arg;
} half;

static void *run_half(void *arg) {
  const half *other = arg;
  other->run(other->arg);
  return NULL;
}

// As small as a pool's: nothing here recurses far.
enum { STACK_BYTES = 2 << 20 };

static bool start(pthread_t *out, half *work) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  bool started = pthread_create(out, &attributes, run_half, work) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

void bd_pair_run(bool pair, void (*other)(void *arg), void (*mine)(void *arg), void *arg) {
  half work = {other, arg};
  pthread_t thread;
  bool started = pair && start(&thread, &work);
  mine(arg);
  if (started)
    pthread_join(thread, NULL);
  else
    other(arg);
}
