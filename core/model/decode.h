// Bytes → the messages of the ONNX schema (protobuf-c), guarded against hostile bytes.
#ifndef BD_MODEL_DECODE_H
#define BD_MODEL_DECODE_H

#include "core/base/file.h"
#include "core/model/arena.h"

#include <onnx/onnx.pb-c.h>

// Decodes into the arena, arrays aligned for their type; the bytes may be released afterwards.
// Strings are NULL where the file does not say them. BD_INVALID names `path`: not ONNX, cut short,
// no graph, nested too deeply, larger than 2 GiB, or far larger in memory than honest models are.
bd_status bd_decode(bd_bytes bytes, const char *path, bd_arena *arena, Onnx__ModelProto **out,
                    bd_error *err);

// About the bytes that decoding takes: nearly all of an honest file are weights, which are copied.
static inline size_t bd_decode_estimate(bd_bytes bytes) {
  return bytes.size + bytes.size / 32;
}

// "" for NULL.
static inline const char *bd_said(const char *text) {
  return text ? text : "";
}

#endif
