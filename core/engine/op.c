#include "core/engine/op.h"

#include <string.h>

static const bd_op *const parts[] = {
    bd_ops_unary,  bd_ops_binary, bd_ops_shape, bd_ops_move,   bd_ops_index, bd_ops_reduce,
    bd_ops_norm,   bd_ops_conv,   bd_ops_pool,  bd_ops_matmul, bd_ops_rnn,   bd_ops_control,
    bd_ops_resize, bd_ops_make,   bd_ops_pad,   bd_ops_quant,
};
enum { PARTS = sizeof parts / sizeof *parts };

const bd_op *bd_op_find(const char *domain, const char *name, int64_t opset) {
  if (*domain && strcmp(domain, "ai.onnx") != 0) return NULL;
  for (int part = 0; part < PARTS; part++)
    for (const bd_op *op = parts[part]; op->name; op++)
      if (strcmp(op->name, name) == 0 && opset >= op->since &&
          opset <= (op->until ? op->until : BD_OPSET_NEWEST))
        return op;
  return NULL;
}

int bd_op_count(void) {
  int count = 0;
  for (int part = 0; part < PARTS; part++)
    for (const bd_op *op = parts[part]; op->name; op++)
      count++;
  return count;
}

const bd_op *bd_op_at(int index) {
  for (int part = 0; part < PARTS; part++)
    for (const bd_op *op = parts[part]; op->name; op++)
      if (index-- == 0) return op;
  return NULL;
}

// --- other reals through float -------------------------------------------------------------------

// 8-bit integers too, which floats hold exactly: pooling takes them.
static bool needs_float(const bd_tensor *tensor) {
  if (!tensor || tensor->type == BD_TYPE_FLOAT) return false;
  return bd_type_is_real(tensor->type) || tensor->type == BD_TYPE_INT8 ||
         tensor->type == BD_TYPE_UINT8;
}

static bool any_needs_float(const bd_call *call) {
  for (int i = 0; i < call->in_count; i++)
    if (needs_float(call->in[i])) return true;
  for (int i = 0; i < call->out_count; i++)
    if (needs_float(call->out[i])) return true;
  return false;
}

// A float tensor of the same shape, with memory of its own.
static bd_tensor *float_twin(const bd_call *call, const bd_tensor *tensor) {
  bd_tensor *twin = bd_take(call, 1, sizeof *twin);
  if (!twin) return NULL;
  *twin = *tensor;
  twin->type = BD_TYPE_FLOAT;
  twin->data = bd_take(call, tensor->count + 1, sizeof(float));
  return twin->data ? twin : NULL;
}

static bd_status run_as_float(bd_call *call) {
  bd_tensor **in = bd_take(call, call->in_count + 1, sizeof(bd_tensor *));
  bd_tensor **out = bd_take(call, call->out_count + 1, sizeof(bd_tensor *));
  if (!in || !out) return bd_no_memory(call);
  for (int i = 0; i < call->in_count; i++) {
    in[i] = call->in[i];
    if (!needs_float(in[i])) continue;
    if (!(in[i] = float_twin(call, call->in[i]))) return bd_no_memory(call);
    bd_convert(call->in[i]->type, call->in[i]->data, BD_TYPE_FLOAT, in[i]->data, in[i]->count);
  }
  for (int i = 0; i < call->out_count; i++) {
    out[i] = call->out[i];
    if (needs_float(out[i]) && !(out[i] = float_twin(call, call->out[i])))
      return bd_no_memory(call);
  }
  bd_call inner = *call;
  inner.in = in;
  inner.out = out;
  BD_TRY(call->op->run(&inner));
  for (int i = 0; i < call->out_count; i++)
    if (out[i] != call->out[i])
      bd_convert(BD_TYPE_FLOAT, out[i]->data, call->out[i]->type, call->out[i]->data,
                 out[i]->count);
  return BD_OK;
}

bd_status bd_op_run(bd_call *call) {
  bool through = call->op->flags & BD_OP_AS_FLOAT && any_needs_float(call);
  return through ? run_as_float(call) : call->op->run(call);
}
