// libonnx's checker, behind a C interface: bytes in, a message out. No exception crosses.
#ifndef BD_MODEL_CHECK_H
#define BD_MODEL_CHECK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bd_verdict {
  BD_VERDICT_GOOD,
  BD_VERDICT_BAD,  // message: what is wrong, over several lines
  BD_VERDICT_NONE, // message: why this libonnx cannot judge the model
} bd_verdict;

// Judges an encoded ONNX model. message is always terminated, "" for GOOD. Any thread.
bd_verdict bd_onnx_check(const void *data, size_t size, char *message, size_t room);

// What this libonnx does not know of an encoded model's IR version and opsets, for a message; ""
// where it knows them. The model may hold nothing else. Any thread.
void bd_onnx_newer(const void *data, size_t size, char *message, size_t room);

#ifdef __cplusplus
}
#endif

#endif
