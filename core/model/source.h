// The file that a model was opened from. It may be replaced, cut short or written anew while the
// model is open: what is read later is read, not mapped, and refused where the file has changed.
#ifndef BD_MODEL_SOURCE_H
#define BD_MODEL_SOURCE_H

#include "core/base/file.h"

#include <stdbool.h>
#include <time.h>

typedef struct bd_source {
  const char *path; // as opened; the caller's
  int fd;
  bd_bytes map; // the whole file; to be looked into only while the model is opened
  struct timespec changed;
} bd_source;

// Errors as of bd_file_map. Closed with bd_source_close in every case.
bd_status bd_source_open(const char *path, bd_source *out, bd_error *err);
// The same of an open file, which it takes over in every case.
bd_status bd_source_adopt(int fd, const char *path, bd_source *out, bd_error *err);
void bd_source_close(bd_source *source);

// Does a pointer point into the map?
bool bd_source_holds(const bd_source *source, const void *pointer);
// Reads the bytes at a place in the map; any thread. BD_FAILED: the file has changed.
bd_status bd_source_read(const bd_source *source, const void *place, size_t bytes, void *out,
                         bd_error *err);

// In hexadecimal; "" where the file has changed or cannot be read.
void bd_source_sha256(const bd_source *source, char out[65]);

#endif
