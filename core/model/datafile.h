// The data file of a model that is written: external data of its tensors goes to a new file beside
// it.
#ifndef BD_MODEL_DATAFILE_H
#define BD_MODEL_DATAFILE_H

#include "core/model/arena.h"
#include "core/model/source.h"

#include <onnx/onnx.pb-c.h>

typedef struct bd_datafile {
  const char *model; // path of the model that is written
  bd_arena *arena;   // for what tensors say of their place
  bd_writer *writer; // NULL until there is something to write
  const char *path, *name;
  size_t size;
  bd_status status; // of reading what is copied, and of opening
  bd_error *err;
} bd_datafile;

bd_datafile bd_datafile_start(const char *model, bd_arena *arena, bd_error *err);

// Writes the tensor's bytes and makes the tensor (a copy that may be changed) say where they are.
// source: the file that they are read from, NULL: they are in memory. False after a failure.
bool bd_datafile_put(bd_datafile *file, Onnx__TensorProto *tensor, const void *bytes, size_t size,
                     const bd_source *source);

// The file appears, or its reason not to. A later failure takes it back by bd_datafile_undo.
bd_status bd_datafile_commit(bd_datafile *file);
void bd_datafile_undo(bd_datafile *file);
// Frees what is still open; nothing appears that was not committed.
void bd_datafile_close(bd_datafile *file);

#endif
