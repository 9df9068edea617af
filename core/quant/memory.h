// Large arrays.
#ifndef BD_QUANT_MEMORY_H
#define BD_QUANT_MEMORY_H

#include <stddef.h>

// As malloc(count * size), in huge pages where it is large: touching 4 KiB pages one by one takes
// longer than the work on them. Release with free.
void *bd_large_alloc(size_t count, size_t size);

#endif
