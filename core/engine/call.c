#include "core/engine/call.h"

#include "core/base/text.h"
#include "core/model/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const bd_tensor *bd_in(const bd_call *call, int index) {
  return index < call->in_count ? call->in[index] : NULL;
}

bool bd_known(bd_call *call, int index) {
  const bd_tensor *tensor = bd_in(call, index);
  if (!tensor || tensor->data) return true;
  call->deferred = true;
  return false;
}

static const char *node_name(const bd_call *call) {
  const char *name = bd_said(call->node->name);
  if (*name || !call->node->n_output) return name;
  return bd_said(call->node->output[0]); // unnamed: what it makes names it
}

bd_status bd_bad(const bd_call *call, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return bd_fail(call->err, BD_INVALID, "node %s (%s): %s", node_name(call),
                 bd_said(call->node->op_type), text);
}

bd_status bd_bad_type(const bd_call *call, bd_type type) {
  return bd_bad(call, "is not written for %s", bd_type_name(type));
}

bd_status bd_out(bd_call *call, int index, bd_type type, int rank, const int64_t *dims) {
  if (index >= call->out_count || !call->out[index]) return BD_OK;
  bd_tensor *out = call->out[index];
  void *data = out->data; // planned memory stays
  bool last = out->last;
  if (!bd_tensor_shape(out, type, rank, dims))
    return bd_bad(call, "its output %s would have an impossible shape",
                  bd_said(call->node->output[index]));
  out->last = last;
  out->data = data;
  size_t bytes = bd_tensor_bytes(out);
  if (bytes <= call->limit) return BD_OK;
  char size[32], room[32], shape[128];
  return bd_bad(call, "its output %s = %s takes %s, over the ceiling of %s: raise --memory",
                bd_said(call->node->output[index]), bd_tensor_text(out, shape, sizeof shape),
                bd_text_bytes(size, sizeof size, (double)bytes),
                bd_text_bytes(room, sizeof room, (double)call->limit));
}

bd_status bd_out_like(bd_call *call, int index, const bd_tensor *like) {
  return bd_out(call, index, like->type, like->rank, like->dims);
}

void *bd_take(const bd_call *call, int64_t count, size_t size) {
  if (count < 0 || (size && (size_t)count > call->limit / size)) return NULL;
  return bd_scratch_take(call->scratch, (size_t)count * size);
}

bd_status bd_no_memory(const bd_call *call) {
  return bd_fail(call->err, BD_FAILED, "node %s (%s): not enough memory: raise --memory",
                 node_name(call), bd_said(call->node->op_type));
}

// --- attributes ----------------------------------------------------------------------------------

const Onnx__AttributeProto *bd_attr(const bd_call *call, const char *name) {
  for (size_t i = 0; i < call->node->n_attribute; i++)
    if (strcmp(bd_said(call->node->attribute[i]->name), name) == 0) return call->node->attribute[i];
  return NULL;
}

int64_t bd_attr_int(const bd_call *call, const char *name, int64_t fallback) {
  const Onnx__AttributeProto *attribute = bd_attr(call, name);
  return attribute ? attribute->i : fallback;
}

float bd_attr_float(const bd_call *call, const char *name, float fallback) {
  const Onnx__AttributeProto *attribute = bd_attr(call, name);
  return attribute ? attribute->f : fallback;
}

int bd_attr_ints(const bd_call *call, const char *name, const int64_t **out) {
  const Onnx__AttributeProto *attribute = bd_attr(call, name);
  *out = attribute ? attribute->ints : NULL;
  return attribute ? (int)attribute->n_ints : -1;
}

int bd_attr_floats(const bd_call *call, const char *name, const float **out) {
  const Onnx__AttributeProto *attribute = bd_attr(call, name);
  *out = attribute ? attribute->floats : NULL;
  return attribute ? (int)attribute->n_floats : -1;
}

bool bd_attr_is(const bd_call *call, const char *name, const char *text, bool fallback) {
  const Onnx__AttributeProto *attribute = bd_attr(call, name);
  if (!attribute) return fallback;
  return attribute->s.len == strlen(text) &&
         (!attribute->s.len || memcmp(attribute->s.data, text, attribute->s.len) == 0);
}

// --- arguments -----------------------------------------------------------------------------------

bd_status bd_axis(const bd_call *call, int64_t axis, int rank, int *out) {
  *out = 0;
  if (axis < -rank || axis >= rank)
    return bd_bad(call, "axis %lld is outside of rank %d", (long long)axis, rank);
  *out = (int)(axis < 0 ? axis + rank : axis);
  return BD_OK;
}

bd_status bd_in_ints(const bd_call *call, int index, int64_t *out, int max, int *count) {
  const bd_tensor *tensor = bd_in(call, index);
  *count = 0;
  if (!tensor) return BD_OK;
  if (bd_type_is_real(tensor->type) || tensor->rank > 1)
    return bd_bad(call, "input %d must be a list of integers, not %s of rank %d", index,
                  bd_type_name(tensor->type), tensor->rank);
  if (tensor->count > max)
    return bd_bad(call, "input %d lists %lld numbers, more than the %d that are possible", index,
                  (long long)tensor->count, max);
  *count = (int)tensor->count;
  bd_convert(tensor->type, tensor->data, BD_TYPE_INT64, out, tensor->count);
  return BD_OK;
}

bd_status bd_axes(bd_call *call, int input, const char *attribute, int rank, bool *chosen,
                  bool *given) {
  int64_t values[BD_DIMS_MAX];
  const int64_t *axes = NULL;
  int count = attribute ? bd_attr_ints(call, attribute, &axes) : -1;
  memset(chosen, 0, (size_t)rank * sizeof *chosen);
  *given = count >= 0;
  if (count < 0 && input >= 0 && bd_in(call, input)) {
    BD_TRY(bd_in_ints(call, input, values, BD_DIMS_MAX, &count));
    axes = values;
    *given = true;
  }
  for (int i = 0; i < count; i++) {
    int axis;
    BD_TRY(bd_axis(call, axes[i], rank, &axis));
    if (chosen[axis]) return bd_bad(call, "names axis %d twice", axis);
    chosen[axis] = true;
  }
  return BD_OK;
}

bd_status bd_type_of(const bd_call *call, int64_t number, bd_type *out) {
  *out = number > 0 && number <= BD_TYPE_BFLOAT16 ? (bd_type)number : BD_TYPE_NONE;
  return bd_type_size(*out) ? BD_OK : bd_bad_type(call, (bd_type)(number & 31));
}
