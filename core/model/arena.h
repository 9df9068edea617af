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

// Gives back what was taken with that many bytes; small pieces stay until the end all the same.
void bd_arena_drop(bd_arena *arena, void *taken, size_t bytes);

// Bytes that the arena holds.
size_t bd_arena_held(const bd_arena *arena);

// A formatted string; NULL without memory.
char *bd_arena_text(bd_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
