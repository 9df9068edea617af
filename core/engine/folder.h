// Folders of pictures and of ONNX's test data. For core/engine alone.
#ifndef BD_ENGINE_FOLDER_H
#define BD_ENGINE_FOLDER_H

#include "core/engine/npy.h"

// Pictures in the order of labels.csv (file,class), or of their names; labels NULL where there is
// no such file.
typedef struct bd_folder {
  char **paths;
  int64_t *labels;
  int64_t count, room;
} bd_folder;
bd_status bd_folder_read(const char *path, bd_folder *out, bd_error *err);
void bd_folder_free(bd_folder *folder);

// Does the folder hold input_0.pb? And reading input_<index>.pb.
bool bd_folder_has_proto(const char *path);
bd_status bd_folder_proto(const char *path, int index, bd_array *out, bd_error *err);
// One array: a .npy or .npz file, or a TensorProto (.pb).
bd_status bd_folder_array(const char *path, bd_arrays *out, bd_error *err);

// Classes from a text file: one a line for `count` samples in order, or file,class for the folder's
// pictures.
bd_status bd_folder_labels(const char *path, const bd_folder *folder, int64_t count, int64_t *out,
                           bd_error *err);

#endif
