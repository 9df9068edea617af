// Importance of single weights, from a file.
#ifndef BD_STUDY_IMPORTANCE_H
#define BD_STUDY_IMPORTANCE_H

#include "core/model/model.h"

// Gives layers the arrays of their names in a .npz archive (layers that it does not name count all
// weights the same); a .npy file is of the only layer. BD_INVALID: no such layer, another number
// of values than weights, negative or not finite, all 0. Before any other thread sees the model.
bd_status bd_importance_load(bd_model *model, const char *path, bd_error *err);

// SHA-256 over what all layers were given; "" where nothing was.
void bd_importance_sha256(const bd_model *model, char out[65]);
// Was what is at `path` made with the importance that the model has now? sha256: "" is without.
// BD_INVALID says what to give instead.
bd_status bd_importance_same(const bd_model *model, const char *sha256, const char *path,
                             bd_error *err);

#endif
