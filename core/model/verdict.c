#include "core/model/check.h"
#include "core/model/edit.h"
#include "core/model/state.h"

#include <ctype.h>

// The checker asks that a tensor has values, never how many or which: a byte stands for them all,
// so that it need not copy the weights.
static bool shorten(const bd_edit *edit, const Onnx__TensorProto *original,
                    Onnx__TensorProto *copy) {
  (void)edit;
  static const uint8_t byte;
  bool outside = original->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  if (!outside && original->raw_data.len == 0) return true;
  copy->has_raw_data = true;
  copy->raw_data = (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t)&byte};
  copy->has_data_location = false;
  copy->n_external_data = 0;
  return true;
}

// The checker's messages span lines: runs of blanks become one.
static void one_line(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++) {
    bool blank = isspace((unsigned char)*from);
    if (!blank)
      *to++ = *from;
    else if (to > text && to[-1] != ' ')
      *to++ = ' ';
  }
  while (to > text && to[-1] == ' ')
    to--;
  *to = '\0';
}

static bd_status report(const bd_model *model, bd_verdict verdict, char *message, bd_error *err) {
  one_line(message);
  switch (verdict) {
  case BD_VERDICT_GOOD:
    return BD_OK;
  case BD_VERDICT_BAD:
    return bd_fail(err, BD_INVALID, "%s: ONNX's checker finds: %s", model->info.file, message);
  case BD_VERDICT_NONE:
    break;
  }
  return bd_fail(err, BD_FAILED, "%s: ONNX's checker cannot judge it: %s", model->info.file,
                 message);
}

bool bd_model_newer(const bd_model *model, char *message, size_t room) {
  message[0] = '\0';
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto versions = ONNX__MODEL_PROTO__INIT;
  versions.has_ir_version = model->proto->has_ir_version;
  versions.ir_version = model->proto->ir_version;
  versions.n_opset_import = model->proto->n_opset_import;
  versions.opset_import = model->proto->opset_import;
  size_t size = onnx__model_proto__get_packed_size(&versions);
  uint8_t *bytes = arena ? bd_arena_take(arena, size, 1) : NULL;
  if (bytes) bd_onnx_newer(bytes, onnx__model_proto__pack(&versions, bytes), message, room);
  bd_arena_free(arena);
  return *message != '\0';
}

bd_status bd_model_check(const bd_model *model, bd_error *err) {
  bd_arena *arena = bd_arena_new();
  if (!arena) return bd_fail_memory(err, model->info.file);
  bd_edit edit = {.arena = arena, .tensor = shorten};
  const Onnx__ModelProto *light = bd_edit_model(&edit, model->proto);
  size_t size = light ? onnx__model_proto__get_packed_size(light) : 0;
  uint8_t *bytes = light ? bd_arena_take(arena, size, 1) : NULL;
  bd_status status;
  if (bytes) {
    char message[512];
    onnx__model_proto__pack(light, bytes);
    status = report(model, bd_onnx_check(bytes, size, message, sizeof message), message, err);
  } else {
    status = bd_fail_memory(err, model->info.file);
  }
  bd_arena_free(arena);
  return status;
}
