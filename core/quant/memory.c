#include "core/quant/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

void *bd_large_alloc(size_t count, size_t size) {
  const size_t huge = (size_t)1 << 21;
  if (count > (SIZE_MAX - huge) / size) return NULL;
  size_t bytes = count * size, whole = bytes / huge * huge;
  if (whole < 2 * huge) return malloc(bytes);
  void *memory = aligned_alloc(huge, (bytes + huge - 1) / huge * huge);
  if (memory) madvise(memory, whole, MADV_HUGEPAGE); // a hint: to fail is no harm
  return memory;
}
