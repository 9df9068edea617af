// Arrays in NumPy's formats: .npy files, and .npz archives of them.
#ifndef BD_ENGINE_NPY_H
#define BD_ENGINE_NPY_H

#include "core/base/file.h"
#include "core/engine/tensor.h"

// An array with its name (in an archive, without .npy; of a file: ""). Data are a view of `file`
// or owned.
typedef struct bd_array {
  char *name;
  bd_tensor tensor;
  bd_bytes file;
  void *owned;
} bd_array;

typedef struct bd_arrays {
  bd_array *items;
  int count;
} bd_arrays;

// Reads a .npy file, or every array of a .npz archive. BD_INVALID names the file and what to do:
// another format, Fortran order, big-endian, a type that the engine lacks, cut short.
bd_status bd_arrays_read(const char *path, bd_arrays *out, bd_error *err);
void bd_arrays_free(bd_arrays *arrays);

// Writes an archive of arrays, whole or not at all. names[i] goes with tensors[i].
bd_status bd_npz_write(const char *path, const char *const *names, const bd_tensor *tensors,
                       int count, bd_error *err);

#endif
