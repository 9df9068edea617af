// .npy files and .npz archives.
#include "tests/fuzz/target.h"

#include "core/engine/npy.h"

#include <stdlib.h>

static volatile unsigned char sink;

// Touches every byte that an array claims to have.
static void read_through(const bd_tensor *tensor) {
  const unsigned char *bytes = tensor->data;
  for (size_t i = 0; i < bd_tensor_bytes(tensor); i++)
    sink = bytes[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bd_arrays arrays;
  bd_error err = {""};
  if (bd_arrays_read(fuzz_file(data, size), &arrays, &err) != BD_OK) {
    fuzz_check_line(err.text);
    return 0;
  }
  for (int i = 0; i < arrays.count; i++)
    read_through(&arrays.items[i].tensor);
  bd_arrays_free(&arrays);
  return 0;
}
