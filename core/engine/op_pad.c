// Pad.
#include "core/engine/broadcast.h"
#include "core/engine/op.h"
#include "core/engine/strided.h"

#include <string.h>

static bd_status pad_widths(bd_call *call, int rank, int64_t *low, int64_t *high) {
  const int64_t *said;
  int64_t listed[2 * BD_DIMS_MAX];
  bool chosen[BD_DIMS_MAX], given = false;
  int axes[BD_DIMS_MAX], named = rank, count = 0;
  if (call->opset >= 11) {
    BD_TRY(bd_in_ints(call, 1, listed, 2 * BD_DIMS_MAX, &count));
    int64_t order[BD_DIMS_MAX];
    BD_TRY(bd_axes(call, 3, NULL, rank, chosen, &given));
    if (given) BD_TRY(bd_in_ints(call, 3, order, BD_DIMS_MAX, &named));
    for (int i = 0; given && i < named; i++)
      BD_TRY(bd_axis(call, order[i], rank, &axes[i]));
  } else {
    count = bd_attr_ints(call, "pads", &said);
    if (count < 0) count = bd_attr_ints(call, "paddings", &said);
    if (count < 0 || count > 2 * rank) return bd_bad(call, "has no pads");
    memcpy(listed, said, (size_t)count * sizeof *said);
  }
  if (count != 2 * named) return bd_bad(call, "lists %d widths for %d axes", count, named);
  memset(low, 0, (size_t)rank * sizeof *low);
  memset(high, 0, (size_t)rank * sizeof *high);
  for (int i = 0; i < named; i++) {
    low[given ? axes[i] : i] = listed[i];
    high[given ? axes[i] : i] = listed[i + named];
  }
  return BD_OK;
}

static bd_status infer_pad(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t low[BD_DIMS_MAX], high[BD_DIMS_MAX], dims[BD_DIMS_MAX];
  if (!bd_known(call, 1) || !bd_known(call, 3)) return BD_OK;
  BD_TRY(pad_widths(call, in->rank, low, high));
  bool constant = bd_attr_is(call, "mode", "constant", true);
  for (int i = 0; i < in->rank; i++) {
    if (low[i] < -INT32_MAX || high[i] < -INT32_MAX || low[i] > (1LL << 40) ||
        high[i] > (1LL << 40))
      return bd_bad(call, "pads axis %d by %lld and %lld", i, (long long)low[i],
                    (long long)high[i]);
    dims[i] = in->dims[i] + low[i] + high[i];
    bool reflect = bd_attr_is(call, "mode", "reflect", false);
    if (dims[i] < 0 || (!constant && dims[i] > 0 && in->dims[i] == 0) ||
        (reflect && (low[i] >= in->dims[i] || high[i] >= in->dims[i]) &&
         (low[i] > 0 || high[i] > 0)))
      return bd_bad(call, "pads axis %d of %lld elements by %lld and %lld", i,
                    (long long)in->dims[i], (long long)low[i], (long long)high[i]);
  }
  if (bd_in(call, 2) && call->opset >= 11 &&
      (bd_in(call, 2)->count != 1 || bd_in(call, 2)->type != in->type))
    return bd_bad(call, "its filling must be one number of its input's type");
  return bd_out(call, 0, in->type, in->rank, dims);
}

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_mode;

// Where an output position comes from along an axis; -1: from nowhere.
static int64_t pad_source(int64_t at, int64_t dim, pad_mode mode) {
  if (at >= 0 && at < dim) return at;
  switch (mode) {
  case PAD_REFLECT:
    return at < 0 ? -at : 2 * dim - 2 - at;
  case PAD_EDGE:
    return at < 0 ? 0 : dim - 1;
  case PAD_WRAP:
    return (at % dim + dim) % dim;
  default:
    return -1;
  }
}

static pad_mode mode_of(const bd_call *call) {
  if (bd_attr_is(call, "mode", "reflect", false)) return PAD_REFLECT;
  if (bd_attr_is(call, "mode", "edge", false)) return PAD_EDGE;
  return bd_attr_is(call, "mode", "wrap", false) ? PAD_WRAP : PAD_CONSTANT;
}

static void filling(const bd_call *call, const bd_tensor *in, char *fill) {
  memset(fill, 0, 8);
  float value = bd_attr_float(call, "value", 0);
  if (call->opset >= 11 && bd_in(call, 2))
    memcpy(fill, bd_in(call, 2)->data, bd_type_size(in->type));
  else if (call->opset < 11)
    bd_convert(BD_TYPE_FLOAT, &value, in->type, fill, 1);
}

// One row of the last axis; source NULL: filled.
static void pad_row(char *to, const char *source, int64_t count, int64_t low, int64_t dim,
                    pad_mode mode, const char *fill, size_t size) {
  for (int64_t i = 0; i < count; i++) {
    int64_t at = source ? pad_source(i - low, dim, mode) : -1;
    bd_copy_one(to + (size_t)i * size, at < 0 ? fill : source + (size_t)at * size, size);
  }
}

static bd_status run_pad(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  int64_t low[BD_DIMS_MAX], high[BD_DIMS_MAX], own[BD_DIMS_MAX], index[BD_DIMS_MAX] = {0};
  char fill[8];
  if (!out || !out->count) return BD_OK;
  if (in->rank == 0) return memcpy(out->data, in->data, bd_tensor_bytes(in)), BD_OK;
  BD_TRY(pad_widths(call, in->rank, low, high));
  filling(call, in, fill);
  bd_strides(in, own);
  pad_mode mode = mode_of(call);
  size_t size = bd_type_size(in->type);
  int last = in->rank - 1;
  for (int64_t row = 0; row < out->count / out->dims[last]; row++) {
    const char *source = in->data;
    for (int axis = 0; axis < last && source; axis++) {
      int64_t at = pad_source(index[axis] - low[axis], in->dims[axis], mode);
      source = at < 0 ? NULL : source + (size_t)(at * own[axis]) * size;
    }
    pad_row((char *)out->data + (size_t)(row * out->dims[last]) * size, source, out->dims[last],
            low[last], in->dims[last], mode, fill, size);
    for (int axis = last - 1; axis >= 0 && ++index[axis] == out->dims[axis]; axis--)
      index[axis] = 0;
  }
  return BD_OK;
}

const bd_op bd_ops_pad[] = {
    {"Pad", 1, 0, 1, 4, infer_pad, run_pad, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
