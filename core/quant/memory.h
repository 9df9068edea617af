// Large arrays in huge pages: touching 4 KiB pages one by one takes longer than the work on them.
#ifndef BD_QUANT_MEMORY_H
#define BD_QUANT_MEMORY_H

#include <stddef.h>

// As malloc(count * size), for what stays; release with free.
void *bd_large_alloc(size_t count, size_t size);

// The same for what is released soon and asked for again.
void *bd_scratch_alloc(size_t count, size_t size);

#endif
