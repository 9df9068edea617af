// Operators that change a tensor's shape and not its bytes, and those that look at shapes.
#include "core/engine/op.h"

#include <string.h>

static bd_status run_same(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  if (out && out->data != in->data && in->count) memcpy(out->data, in->data, bd_tensor_bytes(in));
  return BD_OK;
}

static bd_status infer_same(bd_call *call) {
  return bd_out_like(call, 0, bd_in(call, 0));
}

// --- Reshape -------------------------------------------------------------------------------------

static bd_status wanted_shape(bd_call *call, int64_t *dims, int *rank) {
  const int64_t *said;
  int count = bd_attr_ints(call, "shape", &said);
  if (call->opset >= 5 || count < 0) return bd_in_ints(call, 1, dims, BD_DIMS_MAX, rank);
  if (count > BD_DIMS_MAX) return bd_bad(call, "its shape has %d dimensions", count);
  memcpy(dims, said, (size_t)count * sizeof *dims);
  *rank = count;
  return BD_OK;
}

static bd_status infer_reshape(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t dims[BD_DIMS_MAX], known = 1;
  int rank, open = -1;
  char text[128];
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(wanted_shape(call, dims, &rank));
  bool keep_zero = bd_attr_int(call, "allowzero", 0) != 0;
  for (int i = 0; i < rank; i++) {
    if (dims[i] == 0 && !keep_zero) {
      if (i >= in->rank) return bd_bad(call, "copies dimension %d, which its input lacks", i);
      dims[i] = in->dims[i];
    }
    if (dims[i] < -1 || (dims[i] == -1 && open >= 0))
      return bd_bad(call, "its shape has a %lld in place %d", (long long)dims[i], i);
    if (dims[i] == -1)
      open = i;
    else if (__builtin_mul_overflow(known, dims[i], &known))
      return bd_bad(call, "its shape is impossible");
  }
  if (open >= 0) dims[open] = known ? in->count / known : 0;
  if ((open >= 0 ? known * dims[open] : known) != in->count)
    return bd_bad(call, "cannot put %s into %lld places", bd_tensor_text(in, text, sizeof text),
                  (long long)known);
  return bd_out(call, 0, in->type, rank, dims);
}

static bd_status infer_flatten(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t axis = bd_attr_int(call, "axis", 1);
  if (axis < 0) axis += in->rank;
  if (axis < 0 || axis > in->rank)
    return bd_bad(call, "axis %lld is outside of rank %d", (long long)axis, in->rank);
  int64_t dims[] = {bd_dims_product(in->dims, 0, (int)axis),
                    bd_dims_product(in->dims, (int)axis, in->rank)};
  return bd_out(call, 0, in->type, 2, dims);
}

static bd_status infer_squeeze(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool chosen[BD_DIMS_MAX], given;
  int64_t dims[BD_DIMS_MAX];
  int rank = 0;
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(bd_axes(call, 1, "axes", in->rank, chosen, &given));
  for (int i = 0; i < in->rank; i++) {
    bool drop = given ? chosen[i] : in->dims[i] == 1;
    if (drop && in->dims[i] != 1)
      return bd_bad(call, "axis %d has %lld elements, not 1", i, (long long)in->dims[i]);
    if (!drop) dims[rank++] = in->dims[i];
  }
  return bd_out(call, 0, in->type, rank, dims);
}

static bd_status infer_unsqueeze(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  const int64_t *said;
  int64_t dims[BD_DIMS_MAX];
  bool chosen[BD_DIMS_MAX] = {false}, given;
  if (!bd_known(call, 1)) return BD_OK;
  int more = bd_attr_ints(call, "axes", &said);
  if (more < 0 && bd_in(call, 1)) more = (int)bd_in(call, 1)->count;
  if (more < 0) return bd_bad(call, "has no axes");
  if (in->rank + more > BD_DIMS_MAX)
    return bd_bad(call, "its output would have %d dimensions", in->rank + more);
  int rank = in->rank + more;
  BD_TRY(bd_axes(call, 1, "axes", rank, chosen, &given));
  for (int i = 0, k = 0; i < rank; i++)
    dims[i] = chosen[i] ? 1 : in->dims[k++];
  return bd_out(call, 0, in->type, rank, dims);
}

// --- Dropout: as in inference --------------------------------------------------------------------

static bd_status infer_dropout(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  if (!bd_known(call, 2)) return BD_OK;
  const bd_tensor *training = bd_in(call, 2), *ratio = bd_in(call, 1);
  bool trains = training && training->count == 1 && bd_tensor_integer(training, 0);
  if (trains && !bd_known(call, 1)) return BD_OK;
  if (trains && !(ratio && ratio->count == 1 && bd_tensor_real(ratio, 0) <= 0))
    return bd_bad(call, "is in training mode, which is not written");
  BD_TRY(bd_out_like(call, 0, in));
  return bd_out(call, 1, call->opset >= 10 ? BD_TYPE_BOOL : in->type, in->rank, in->dims);
}

static bd_status run_dropout(bd_call *call) {
  if (call->out_count > 1 && call->out[1]) {
    bd_tensor *mask = call->out[1];
    for (int64_t i = 0; i < mask->count; i++) {
      uint8_t one = 1;
      bd_convert(BD_TYPE_UINT8, &one, mask->type,
                 (char *)mask->data + (size_t)i * bd_type_size(mask->type), 1);
    }
  }
  return run_same(call);
}

// --- Shape, Size ---------------------------------------------------------------------------------

static void shape_range(const bd_call *call, int rank, int64_t *from, int64_t *to) {
  *from = bd_attr_int(call, "start", 0);
  *to = bd_attr_int(call, "end", rank);
  if (*from < 0) *from += rank;
  if (*to < 0) *to += rank;
  *from = *from < 0 ? 0 : *from > rank ? rank : *from;
  *to = *to > rank ? rank : *to < *from ? *from : *to;
}

static bd_status infer_shape(bd_call *call) {
  int64_t from, to;
  shape_range(call, bd_in(call, 0)->rank, &from, &to);
  int64_t dims[] = {to - from};
  return bd_out(call, 0, BD_TYPE_INT64, 1, dims);
}

static bd_status run_shape(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t from, to;
  shape_range(call, in->rank, &from, &to);
  if (call->out[0]) memcpy(call->out[0]->data, in->dims + from, (size_t)(to - from) * sizeof from);
  return BD_OK;
}

static bd_status infer_size(bd_call *call) {
  return bd_out(call, 0, BD_TYPE_INT64, 0, NULL);
}

static bd_status run_size(bd_call *call) {
  if (call->out[0]) *(int64_t *)call->out[0]->data = bd_in(call, 0)->count;
  return BD_OK;
}

// --- Cast ----------------------------------------------------------------------------------------

static bd_status infer_cast(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_type type;
  BD_TRY(bd_type_of(call, bd_attr_int(call, "to", 0), &type));
  return bd_out(call, 0, type, in->rank, in->dims);
}

static bd_status infer_cast_like(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  return bd_out(call, 0, bd_in(call, 1)->type, in->rank, in->dims);
}

static bd_status run_cast(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  if (out) bd_convert(in->type, in->data, out->type, out->data, in->count);
  return BD_OK;
}

const bd_op bd_ops_shape[] = {
    {"Identity", 1, 0, 1, 1, infer_same, run_same, BD_LAYOUT_FOLLOW, BD_OP_VIEW, NULL},
    {"Reshape", 1, 0, 1, 2, infer_reshape, run_same, BD_LAYOUT_PLAIN, BD_OP_VIEW, NULL},
    {"Flatten", 1, 0, 1, 1, infer_flatten, run_same, BD_LAYOUT_PLAIN, BD_OP_VIEW, NULL},
    {"Squeeze", 1, 0, 1, 2, infer_squeeze, run_same, BD_LAYOUT_PLAIN, BD_OP_VIEW, NULL},
    {"Unsqueeze", 1, 0, 1, 2, infer_unsqueeze, run_same, BD_LAYOUT_PLAIN, BD_OP_VIEW, NULL},
    {"Dropout", 1, 0, 1, 3, infer_dropout, run_dropout, BD_LAYOUT_PLAIN, BD_OP_VIEW, NULL},
    {"Shape", 1, 0, 1, 1, infer_shape, run_shape, BD_LAYOUT_PLAIN, BD_OP_SHAPE, NULL},
    {"Size", 1, 0, 1, 1, infer_size, run_size, BD_LAYOUT_PLAIN, BD_OP_SHAPE, NULL},
    {"Cast", 6, 0, 1, 1, infer_cast, run_cast, BD_LAYOUT_PLAIN, 0, NULL},
    {"CastLike", 15, 0, 2, 2, infer_cast_like, run_cast, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
