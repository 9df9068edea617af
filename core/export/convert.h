// libonnx's version converter, behind a C interface: bytes in, bytes or a message out. No exception
// crosses.
#ifndef BD_EXPORT_CONVERT_H
#define BD_EXPORT_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The newest opset that this libonnx knows.
int64_t bd_onnx_newest(void);

// Converts an encoded ONNX model, which its checker approves of, to another opset of the default
// domain. Nodes of subgraphs are not converted: refused where that would change what one of them
// means. *out is the caller's to free; NULL: message says why not, on one line.
void bd_onnx_convert(const void *data, size_t size, int64_t opset, uint8_t **out, size_t *out_size,
                     char *message, size_t room);

#ifdef __cplusplus
}
#endif

#endif
