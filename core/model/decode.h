// Bytes → the messages of the ONNX schema (protobuf-c), guarded against hostile bytes.
#ifndef BD_MODEL_DECODE_H
#define BD_MODEL_DECODE_H

#include "core/base/file.h"
#include "core/model/arena.h"

#include <onnx/onnx.pb-c.h>

// Decodes into the arena. Strings are NULL where the file does not say them; the raw data of
// tensors is not copied: it points into `bytes`, aligned for nothing. BD_INVALID names `path`: not
// ONNX, cut short, no graph, nested too deeply, larger than 2 GiB, or far larger in memory than
// honest models.
bd_status bd_decode(bd_bytes bytes, const char *path, bd_arena *arena, Onnx__ModelProto **out,
                    bd_error *err);

// "" for NULL.
static inline const char *bd_said(const char *text) {
  return text ? text : "";
}

#endif
