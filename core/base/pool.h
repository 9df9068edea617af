// A pool of worker threads with priorities and cancellation (pthreads).
#ifndef BD_BASE_POOL_H
#define BD_BASE_POOL_H

#include "core/base/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// Set from any thread; long work polls it at least every 5 ms.
typedef atomic_bool bd_cancel;

// NULL is never cancelled.
static inline bool bd_cancelled(const bd_cancel *cancel) {
  return cancel && atomic_load_explicit((bd_cancel *)(uintptr_t)cancel, memory_order_relaxed);
}

typedef struct bd_task {
  void (*run)(void *arg, const bd_cancel *cancel); // on a worker; owns arg from here on
  void (*drop)(
      void *arg); // instead of run, where the task was cancelled while it waited; any thread
  void *arg;
  int priority; // lower runs first; equal: in order of submission
} bd_task;

typedef struct bd_pool bd_pool;
typedef uint64_t bd_ticket; // names a submitted task; 0 names none

// threads 0: the processors at hand.
bd_status bd_pool_new(int threads, bd_pool **out, bd_error *err);
// Cancels everything and joins the workers. NULL is allowed.
void bd_pool_free(bd_pool *pool);

int bd_pool_threads(const bd_pool *pool);
// Never fails: where memory runs out, the task is run on the calling thread.
bd_ticket bd_pool_submit(bd_pool *pool, bd_task task);
// A waiting task is dropped, a running one sees its flag; a finished or unknown one is ignored.
void bd_pool_cancel(bd_pool *pool, bd_ticket ticket);
// Waiting and running tasks.
int bd_pool_pending(bd_pool *pool);
// Blocks until nothing is pending. Not from a worker.
void bd_pool_wait(bd_pool *pool);
// The same for at most so many milliseconds; true where nothing is pending.
bool bd_pool_wait_some(bd_pool *pool, int ms);

#endif
