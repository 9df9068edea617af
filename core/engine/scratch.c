#include "core/engine/scratch.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 64, LEAST = 1 << 16 };

struct bd_scratch_block {
  struct bd_scratch_block *older;
  size_t size;
};

enum { HEAD = ALIGN }; // the block's own fields, padded

// A new block on top of the others; false without memory.
static int grow(bd_scratch *scratch, size_t bytes) {
  size_t size = bytes < LEAST ? LEAST : bytes;
  struct bd_scratch_block *block = aligned_alloc(ALIGN, HEAD + size);
  if (!block) return 0;
  *block = (struct bd_scratch_block){scratch->blocks, size};
  scratch->blocks = block;
  scratch->used = 0;
  scratch->total += size;
  return 1;
}

void *bd_scratch_take(bd_scratch *scratch, size_t bytes) {
  if (bytes > SIZE_MAX / 4) return NULL;
  bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
  int fits = scratch->blocks && bytes <= scratch->blocks->size - scratch->used;
  if (!fits && !grow(scratch, bytes)) return NULL;
  char *place = (char *)scratch->blocks + HEAD + scratch->used;
  scratch->used += bytes;
  return place;
}

void bd_scratch_reset(bd_scratch *scratch) {
  scratch->used = 0;
  if (!scratch->blocks || !scratch->blocks->older) return;
  size_t total = scratch->total; // one block for all of it the next time
  bd_scratch_free(scratch);
  grow(scratch, total);
}

void bd_scratch_free(bd_scratch *scratch) {
  while (scratch->blocks) {
    struct bd_scratch_block *block = scratch->blocks;
    scratch->blocks = block->older;
    free(block);
  }
  *scratch = (bd_scratch){0};
}
