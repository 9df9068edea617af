// Bytes → the messages of the ONNX schema (protobuf-c), guarded against hostile bytes.
#ifndef BD_MODEL_DECODE_H
#define BD_MODEL_DECODE_H

#include "core/base/file.h"

#include <onnx/onnx.pb-c.h>

// Subgraphs nested in one another. Protobuf's own readers stop at 33.
enum { BD_DEPTH_MAX = 64 };

// A decoded model. Its strings may be NULL where the file does not say them.
typedef struct bd_decoded {
  Onnx__ModelProto *model;
  size_t size; // of the memory it holds, in bytes
} bd_decoded;

// Decodes into fresh memory, tensors aligned for their type; the bytes may be released afterwards.
// BD_INVALID names `path`: not ONNX, cut short, no graph, nested too deeply, larger than 2 GiB, or
// far larger in memory than the file warrants.
bd_status bd_decode(bd_bytes bytes, const char *path, bd_decoded *out, bd_error *err);
void bd_decoded_free(bd_decoded *decoded);

// "" for NULL.
static inline const char *bd_said(const char *text) {
  return text ? text : "";
}

#endif
