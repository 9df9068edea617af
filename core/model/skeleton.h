// A model's encoding without its weights, so that decoding it copies none of them (libprotobuf's
// stream reader behind a C interface).
#ifndef BD_MODEL_SKELETON_H
#define BD_MODEL_SKELETON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What stands in place of a tensor's raw data: where in the whole encoding it is.
typedef struct bd_span {
  uint64_t offset, size;
} bd_span;

// Copies an encoded ModelProto of at most 2 GiB; each raw_data of the initializers and attributes
// of its graph and subgraphs becomes a bd_span of 16 bytes, everything else stays as it is. *out is
// the caller's to free. False where the encoding is not understood, or without memory.
bool bd_skeleton_make(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size);

#ifdef __cplusplus
}
#endif

#endif
