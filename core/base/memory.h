// A ceiling on the memory of this process: what is asked for beyond it fails like any allocation,
// with one line, instead of having the machine swap or the system kill something.
#ifndef BD_BASE_MEMORY_H
#define BD_BASE_MEMORY_H

#include "core/base/status.h"

#include <stddef.h>

// Allocations and thread stacks of this process never hold more than so many bytes in all (the
// data limit of the system, RLIMIT_DATA: files that are mapped for reading do not count). BD_FAILED
// where more are held already.
bd_status bd_memory_limit(size_t bytes, bd_error *err);

// What can still be allocated under the ceiling, whoever set it; SIZE_MAX without one.
size_t bd_memory_left(void);

#endif
