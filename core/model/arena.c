#include "core/model/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1 << 16 };

typedef struct block {
  struct block *next;
  size_t used, size;
  alignas(max_align_t) unsigned char bytes[];
} block;

struct bd_arena {
  block *blocks; // the one in use first
};

bd_arena *bd_arena_new(void) {
  return calloc(1, sizeof(bd_arena));
}

void bd_arena_free(bd_arena *arena) {
  if (!arena) return;
  for (block *each = arena->blocks, *next; each; each = next) {
    next = each->next;
    free(each);
  }
  free(arena);
}

// What does not fit a block well gets one of its own, behind the one in use.
static block *block_for(bd_arena *arena, size_t bytes) {
  block *current = arena->blocks;
  if (current && current->size - current->used >= bytes) return current;
  size_t size = bytes > BLOCK / 4 ? bytes : BLOCK;
  block *fresh = size <= SIZE_MAX - sizeof *fresh ? calloc(1, sizeof *fresh + size) : NULL;
  if (!fresh) return NULL;
  fresh->size = size;
  if (current && size != BLOCK) {
    fresh->next = current->next;
    current->next = fresh;
  } else {
    fresh->next = current;
    arena->blocks = fresh;
  }
  return fresh;
}

void *bd_arena_take(bd_arena *arena, size_t count, size_t size) {
  size_t align = alignof(max_align_t), bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - align) return NULL;
  bytes = (bytes + align - 1) / align * align;
  block *from = block_for(arena, bytes);
  if (!from) return NULL;
  void *taken = from->bytes + from->used;
  from->used += bytes;
  return taken;
}

char *bd_arena_text(bd_arena *arena, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = length < 0 ? NULL : bd_arena_take(arena, (size_t)length + 1, 1);
  if (!text) return NULL;
  va_start(args, format);
  vsnprintf(text, (size_t)length + 1, format, args);
  va_end(args);
  return text;
}
