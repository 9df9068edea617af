// Another opset, and with it another IR version, for a model's message.
#ifndef BD_EXPORT_RAISE_H
#define BD_EXPORT_RAISE_H

#include "core/export/job.h"

#include <onnx/onnx.pb-c.h>

int64_t bd_opset_of(const Onnx__ModelProto *model);

// Raises the message to the opset, where it is below: by libonnx's converter as far as that knows
// opsets, from there to opset 25 by our own list of what changed. Weights are not copied. places:
// messages of tensors in *model, which become those of the converted one. *model lives as long as
// the job's arena. BD_INVALID: it cannot be raised, with the reason. A note says what was done.
bd_status bd_raise_opset(bd_export *job, Onnx__ModelProto **model, int64_t opset,
                         const void **places, int count, bd_error *err);
// Raises the IR version to at least this one.
void bd_raise_ir(bd_export *job, Onnx__ModelProto *model, int64_t version);

#endif
