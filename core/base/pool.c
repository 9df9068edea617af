#include "core/base/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 2 << 20 };

typedef struct job {
  struct job *next;
  bd_task task;
  bd_ticket ticket;
  bd_cancel cancel;
} job;

struct bd_pool {
  pthread_mutex_t lock;
  pthread_cond_t work; // a job waits, or the pool closes
  pthread_cond_t idle; // nothing is pending
  job *waiting;        // by priority, then by submission
  job *running;
  bd_ticket last;
  int pending, threads;
  bool closing;
  pthread_t workers[];
};

// Unlinks and returns the job of that ticket, or NULL.
static job *take(job **list, bd_ticket ticket) {
  for (; *list; list = &(*list)->next) {
    if ((*list)->ticket != ticket) continue;
    job *found = *list;
    *list = found->next;
    return found;
  }
  return NULL;
}

static void insert(job **list, job *item) {
  while (*list && (*list)->task.priority <= item->task.priority)
    list = &(*list)->next;
  item->next = *list;
  *list = item;
}

// With the lock held.
static void settle(bd_pool *pool) {
  if (--pool->pending == 0) pthread_cond_broadcast(&pool->idle);
}

static void run_one(bd_pool *pool) {
  job *mine = pool->waiting;
  pool->waiting = mine->next;
  mine->next = pool->running;
  pool->running = mine;
  pthread_mutex_unlock(&pool->lock);
  mine->task.run(mine->task.arg, &mine->cancel);
  pthread_mutex_lock(&pool->lock);
  take(&pool->running, mine->ticket);
  free(mine);
  settle(pool);
}

static void *worker(void *arg) {
  bd_pool *pool = arg;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->waiting && !pool->closing)
      pthread_cond_wait(&pool->work, &pool->lock);
    if (!pool->waiting) break;
    run_one(pool);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

static int processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count > 256 ? 256 : (int)count;
}

// Small stacks, so that many threads do not take up a ceiling on memory: nothing here recurses far.
static int start_worker(bd_pool *pool, pthread_t *out) {
  pthread_attr_t attributes;
  int code = pthread_attr_init(&attributes);
  if (code != 0) return code;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  code = pthread_create(out, &attributes, worker, pool);
  pthread_attr_destroy(&attributes);
  return code;
}

bd_status bd_pool_new(int threads, bd_pool **out, bd_error *err) {
  if (threads <= 0) threads = processors();
  bd_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof(pthread_t));
  *out = pool;
  if (!pool) return bd_fail_memory(err, "the worker threads");
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->idle, NULL);
  for (; pool->threads < threads; pool->threads++)
    if (start_worker(pool, &pool->workers[pool->threads]) != 0) break;
  if (pool->threads > 0) return BD_OK;
  bd_pool_free(pool);
  *out = NULL;
  return bd_fail(err, BD_FAILED, "no thread can be started: check `ulimit -u`");
}

// Drops what waits and flags what runs.
static void cancel_all(bd_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  job *dropped = pool->waiting;
  pool->waiting = NULL;
  pool->closing = true;
  for (job *j = pool->running; j; j = j->next)
    atomic_store(&j->cancel, true);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  while (dropped) {
    job *next = dropped->next;
    dropped->task.drop(dropped->task.arg);
    free(dropped);
    dropped = next;
  }
}

void bd_pool_free(bd_pool *pool) {
  if (!pool) return;
  cancel_all(pool);
  for (int i = 0; i < pool->threads; i++)
    pthread_join(pool->workers[i], NULL);
  pthread_cond_destroy(&pool->idle);
  pthread_cond_destroy(&pool->work);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

int bd_pool_threads(const bd_pool *pool) {
  return pool->threads;
}

bd_ticket bd_pool_submit(bd_pool *pool, bd_task task) {
  job *item = calloc(1, sizeof *item);
  if (!item) {
    task.run(task.arg, NULL);
    return 0;
  }
  item->task = task;
  pthread_mutex_lock(&pool->lock);
  bd_ticket ticket = item->ticket = ++pool->last;
  insert(&pool->waiting, item);
  pool->pending++;
  pthread_cond_signal(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  return ticket;
}

void bd_pool_cancel(bd_pool *pool, bd_ticket ticket) {
  pthread_mutex_lock(&pool->lock);
  job *dropped = take(&pool->waiting, ticket);
  for (job *j = pool->running; j && !dropped; j = j->next)
    if (j->ticket == ticket) atomic_store(&j->cancel, true);
  pthread_mutex_unlock(&pool->lock);
  if (!dropped) return;
  dropped->task.drop(dropped->task.arg);
  free(dropped);
  pthread_mutex_lock(&pool->lock);
  settle(pool);
  pthread_mutex_unlock(&pool->lock);
}

int bd_pool_pending(bd_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  int pending = pool->pending;
  pthread_mutex_unlock(&pool->lock);
  return pending;
}

void bd_pool_wait(bd_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  while (pool->pending > 0)
    pthread_cond_wait(&pool->idle, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

bool bd_pool_wait_some(bd_pool *pool, int ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += ms % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000L;
  }
  pthread_mutex_lock(&pool->lock);
  int code = 0;
  while (pool->pending > 0 && code == 0)
    code = pthread_cond_timedwait(&pool->idle, &pool->lock, &until);
  bool idle = pool->pending == 0;
  pthread_mutex_unlock(&pool->lock);
  return idle;
}
