// A model file in the making: an edited copy of an open model's message, written aside, that can be
// read back before it takes its place.
#ifndef BD_MODEL_MAKING_H
#define BD_MODEL_MAKING_H

#include "core/model/datafile.h"
#include "core/model/proto.h"

typedef struct bd_making {
  const bd_model *model;
  bd_datafile data;
  bd_writer *writer;
} bd_making;

// A copy of the model's message with other weights in it, which lives as long as the arena, the
// model and the new values (NULL: as stored). Tensors of data files still say so; those with new
// values hold them as raw data. places (NULL: not wanted) gets, for each replacement, the copy of
// the message that its values stand in. Errors as of bd_model_save.
bd_status bd_model_patch(const bd_model *model, const bd_replacement *replacements, int count,
                         bd_arena *arena, const void **places, const Onnx__ModelProto **out,
                         bd_error *err);

// Writes a copy of the model's message aside: raw data that is still in the model's files goes from
// file to file, tensors that say they are in a data file go to a new one.
// After a failure nothing is left behind, and nothing is to be released.
bd_status bd_making_start(const bd_model *model, const Onnx__ModelProto *proto, const char *path,
                          bd_arena *arena, bd_making *out, bd_error *err);
// The file can be read from *aside, NULL where path is no regular file, and its data file is there.
bd_status bd_making_ready(bd_making *making, const char **aside, bd_error *err);
// It takes its place, or is given up; either releases it.
bd_status bd_making_commit(bd_making *making, bd_error *err);
void bd_making_abort(bd_making *making);

#endif
