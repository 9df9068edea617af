// Memory that grows in blocks and is released at once. One thread at a time.
#ifndef BD_MODEL_ARENA_H
#define BD_MODEL_ARENA_H

#include <stddef.h>

typedef struct bd_arena bd_arena;

// NULL without memory.
bd_arena *bd_arena_new(void);
// Releases everything that was taken. NULL is allowed.
void bd_arena_free(bd_arena *arena);

// count × size bytes, zeroed, aligned for any type; NULL without memory or where the product is too
// large. Never NULL for zero bytes otherwise.
void *bd_arena_take(bd_arena *arena, size_t count, size_t size);

// A formatted string; NULL without memory.
char *bd_arena_text(bd_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
