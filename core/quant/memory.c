#include "core/quant/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)1 << 21)
#define KEPT      ((size_t)1 << 25) // malloc hands out again, warm, what was freed below this size

static void *allocate(size_t count, size_t size, size_t least) {
  if (count > (SIZE_MAX - HUGE_PAGE) / size) return NULL;
  size_t bytes = count * size, whole = bytes / HUGE_PAGE * HUGE_PAGE;
  if (bytes < least) return malloc(bytes);
  void *memory = aligned_alloc(HUGE_PAGE, (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
  if (memory) madvise(memory, whole, MADV_HUGEPAGE); // a hint: to fail is no harm
  return memory;
}

void *bd_large_alloc(size_t count, size_t size) {
  return allocate(count, size, 2 * HUGE_PAGE);
}

void *bd_scratch_alloc(size_t count, size_t size) {
  return allocate(count, size, KEPT);
}
