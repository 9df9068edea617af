#include "core/model/arena.h"

#include "core/model/pages.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Pieces from LARGE on get a block of their own.
enum { BLOCK = 1 << 18, LARGE = 1 << 16, ALIGN = alignof(max_align_t) };

typedef struct block {
  struct block *previous, *next;
  size_t used, size; // size: with this head
  alignas(ALIGN) unsigned char bytes[];
} block;

struct bd_arena {
  block *shared, *large; // the last one first
  size_t held;
};

bd_arena *bd_arena_new(void) {
  return calloc(1, sizeof(bd_arena));
}

static void free_blocks(block *first) {
  for (block *each = first, *next; each; each = next) {
    next = each->next;
    bd_pages_free(each, each->size);
  }
}

void bd_arena_free(bd_arena *arena) {
  if (!arena) return;
  free_blocks(arena->shared);
  free_blocks(arena->large);
  free(arena);
}

static block *add_block(bd_arena *arena, block **list, size_t size) {
  block *fresh = bd_pages_take(size);
  if (!fresh) return NULL;
  fresh->size = size;
  fresh->next = *list;
  if (*list) (*list)->previous = fresh;
  *list = fresh;
  arena->held += size;
  return fresh;
}

static bool has_room(const block *from, size_t bytes) {
  return from && from->size - sizeof *from - from->used >= bytes;
}

void *bd_arena_take(bd_arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - BLOCK) return NULL;
  block *from = arena->shared;
  if (bytes >= LARGE)
    from = add_block(arena, &arena->large, sizeof *from + bytes);
  else if (!has_room(from, bytes + ALIGN))
    from = add_block(arena, &arena->shared, BLOCK);
  if (!from) return NULL;
  void *taken = from->bytes + from->used;
  from->used += (bytes + ALIGN - 1) / ALIGN * ALIGN;
  return taken;
}

void bd_arena_drop(bd_arena *arena, void *taken, size_t bytes) {
  if (!taken || bytes < LARGE) return;
  block *own = (block *)((unsigned char *)taken - offsetof(block, bytes));
  if (own->next) own->next->previous = own->previous;
  *(own->previous ? &own->previous->next : &arena->large) = own->next;
  arena->held -= own->size;
  bd_pages_free(own, own->size);
}

size_t bd_arena_held(const bd_arena *arena) {
  return arena->held;
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
