// The same work on many things, on several threads.
#ifndef BD_ENGINE_PARALLEL_H
#define BD_ENGINE_PARALLEL_H

#include "core/base/pool.h"
#include "core/engine/data.h"

// Called on a worker for each number, in rising order of number. thread: which worker, from 0: what
// it alone uses may be kept by this number.
typedef bd_status (*bd_each_number)(void *arg, int thread, int64_t number, bd_error *err);

// Numbers [0, count) on `threads` workers (at least 1; one: on the calling thread). The first
// failure, or cancelling, ends it.
bd_status bd_for_each(int64_t count, int threads, const bd_cancel *cancel, bd_each_number each,
                      void *arg, bd_error *err);

// The same for each run of a data set; inputs hold its data.
typedef bd_status (*bd_each_run)(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                                 bd_error *err);
bd_status bd_for_runs(const bd_data *data, int64_t count, int threads, const bd_cancel *cancel,
                      bd_each_run each, void *arg, bd_error *err);

// The processors at hand, or `asked` where that is not 0.
int bd_threads(int asked);

#endif
