// Memory for the time of one call: taken in any number of pieces, given back at once. It stays with
// its owner, so that the same work takes nothing from the system the second time. One thread.
#ifndef BD_ENGINE_SCRATCH_H
#define BD_ENGINE_SCRATCH_H

#include <stddef.h>

typedef struct bd_scratch {
  struct bd_scratch_block *blocks;
  size_t used, total; // of the newest block; of all blocks since the last reset
} bd_scratch;

// Aligned to 64 bytes, not zeroed; NULL without memory.
void *bd_scratch_take(bd_scratch *scratch, size_t bytes);
// Gives everything back.
void bd_scratch_reset(bd_scratch *scratch);
void bd_scratch_free(bd_scratch *scratch);

#endif
