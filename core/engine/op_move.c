// Operators that move elements about: Transpose, Slice, Concat, Pad, Expand, …
#include "core/engine/broadcast.h"
#include "core/engine/op.h"

#include <stdlib.h>
#include <string.h>

// Copies one element of 1, 2, 4 or 8 bytes.
static void copy_one(char *to, const char *from, size_t size) {
  switch (size) {
  case 1:
    *to = *from;
    break;
  case 2:
    memcpy(to, from, 2);
    break;
  case 4:
    memcpy(to, from, 4);
    break;
  default:
    memcpy(to, from, 8);
  }
}

// A row of elements with a stride, in bytes.
static void copy_row(char *to, const char *from, int64_t stride, int64_t count, size_t size) {
  if (stride == 1) {
    memcpy(to, from, (size_t)count * size);
  } else if (size == 4) {
    for (int64_t i = 0; i < count; i++)
      memcpy(to + i * 4, from + i * stride * 4, 4);
  } else {
    for (int64_t i = 0; i < count; i++)
      copy_one(to + (size_t)i * size, from + i * stride * (int64_t)size, size);
  }
}

// out[index] = in[start + Σ index·stride]: what Transpose, Slice and Expand come down to.
static void gather_strided(const bd_tensor *in, int64_t start, const int64_t *strides,
                           bd_tensor *out) {
  size_t size = bd_type_size(in->type);
  int64_t index[BD_DIMS_MAX] = {0}, at = start;
  int last = out->rank - 1;
  char *to = out->data;
  if (out->count == 0) return;
  if (last < 0) {
    copy_one(to, (const char *)in->data + (size_t)at * size, size);
    return;
  }
  for (;;) {
    copy_row(to, (const char *)in->data + (size_t)at * size, strides[last], out->dims[last], size);
    to += (size_t)out->dims[last] * size;
    int axis = last - 1;
    for (; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < out->dims[axis]) break;
      at -= strides[axis] * out->dims[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

// --- Transpose -----------------------------------------------------------------------------------

static bd_status permutation(const bd_call *call, int rank, int *order) {
  const int64_t *perm;
  bool seen[BD_DIMS_MAX] = {false};
  int count = bd_attr_ints(call, "perm", &perm);
  if (count >= 0 && count != rank) return bd_bad(call, "perm lists %d axes of %d", count, rank);
  for (int i = 0; i < rank; i++) {
    BD_TRY(bd_axis(call, count < 0 ? rank - 1 - i : perm[i], rank, &order[i]));
    if (seen[order[i]]) return bd_bad(call, "perm names axis %d twice", order[i]);
    seen[order[i]] = true;
  }
  return BD_OK;
}

static bd_status infer_transpose(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int order[BD_DIMS_MAX];
  int64_t dims[BD_DIMS_MAX];
  BD_TRY(permutation(call, in->rank, order));
  for (int i = 0; i < in->rank; i++)
    dims[i] = in->dims[order[i]];
  return bd_out(call, 0, in->type, in->rank, dims);
}

static bd_status run_transpose(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int order[BD_DIMS_MAX];
  int64_t own[BD_DIMS_MAX], strides[BD_DIMS_MAX];
  if (!call->out[0]) return BD_OK;
  BD_TRY(permutation(call, in->rank, order));
  bd_strides(in, own);
  for (int i = 0; i < in->rank; i++)
    strides[i] = own[order[i]];
  gather_strided(in, 0, strides, call->out[0]);
  return BD_OK;
}

// --- Slice ---------------------------------------------------------------------------------------

typedef struct cut {
  int64_t start[BD_DIMS_MAX], step[BD_DIMS_MAX], count[BD_DIMS_MAX];
} cut;

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

static bd_status cut_axis(const bd_call *call, cut *c, int axis, int64_t dim, int64_t start,
                          int64_t end, int64_t step) {
  if (step == 0) return bd_bad(call, "steps by 0");
  if (step < -INT32_MAX) step = -INT32_MAX;
  if (step > INT32_MAX) step = INT32_MAX;
  if (start < 0) start = start < -dim ? -1 - dim : start + dim;
  if (end < 0) end = end < -dim ? -1 - dim : end + dim;
  start = step > 0 ? clamp(start, 0, dim) : clamp(start, 0, dim - 1);
  end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
  int64_t count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
  c->start[axis] = start;
  c->step[axis] = step;
  c->count[axis] = count > 0 && dim > 0 ? count : 0;
  return BD_OK;
}

static bd_status slice_lists(bd_call *call, int64_t lists[4][BD_DIMS_MAX], int *count) {
  const int64_t *said;
  static const char *const names[] = {"starts", "ends", "axes"};
  int counts[4] = {-1, -1, -1, -1};
  for (int i = 0; i < 4; i++) {
    if (call->opset >= 10) {
      BD_TRY(bd_in_ints(call, i + 1, lists[i], BD_DIMS_MAX, &counts[i]));
      if (!bd_in(call, i + 1)) counts[i] = -1;
    } else if (i < 3 && (counts[i] = bd_attr_ints(call, names[i], &said)) > 0) {
      if (counts[i] > BD_DIMS_MAX) return bd_bad(call, "%s lists too much", names[i]);
      memcpy(lists[i], said, (size_t)counts[i] * sizeof *said);
    }
  }
  *count = counts[0];
  if (counts[0] < 0 || counts[1] != counts[0]) return bd_bad(call, "needs as many starts as ends");
  for (int i = 2; i < 4; i++) {
    if (counts[i] >= 0 && counts[i] != counts[0])
      return bd_bad(call, "lists %d starts and %d %s", counts[0], counts[i],
                    i == 2 ? "axes" : "steps");
    for (int k = 0; counts[i] < 0 && k < counts[0]; k++)
      lists[i][k] = i == 2 ? k : 1;
  }
  return BD_OK;
}

static bd_status cuts(bd_call *call, cut *c) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t lists[4][BD_DIMS_MAX];
  int count = 0;
  for (int i = 0; i < in->rank; i++) {
    c->start[i] = 0;
    c->step[i] = 1;
    c->count[i] = in->dims[i];
  }
  BD_TRY(slice_lists(call, lists, &count));
  for (int i = 0; i < count; i++) {
    int axis;
    BD_TRY(bd_axis(call, lists[2][i], in->rank, &axis));
    BD_TRY(cut_axis(call, c, axis, in->dims[axis], lists[0][i], lists[1][i], lists[3][i]));
  }
  return BD_OK;
}

static bd_status infer_slice(bd_call *call) {
  cut c;
  for (int i = 1; i < 5; i++)
    if (!bd_known(call, i)) return BD_OK;
  BD_TRY(cuts(call, &c));
  return bd_out(call, 0, bd_in(call, 0)->type, bd_in(call, 0)->rank, c.count);
}

static bd_status run_slice(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t own[BD_DIMS_MAX], strides[BD_DIMS_MAX], start = 0;
  cut c;
  if (!call->out[0]) return BD_OK;
  BD_TRY(cuts(call, &c));
  bd_strides(in, own);
  for (int i = 0; i < in->rank; i++) {
    strides[i] = own[i] * c.step[i];
    start += own[i] * c.start[i];
  }
  gather_strided(in, start, strides, call->out[0]);
  return BD_OK;
}

// --- Expand, Tile --------------------------------------------------------------------------------

static bd_status infer_expand(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t wanted[BD_DIMS_MAX], dims[BD_DIMS_MAX];
  bd_tensor shape;
  int rank;
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(bd_in_ints(call, 1, wanted, BD_DIMS_MAX, &rank));
  if (!bd_tensor_shape(&shape, in->type, rank, wanted))
    return bd_bad(call, "its shape is impossible");
  bd_tensor *both[] = {call->in[0], &shape};
  bd_call seen = *call;
  seen.in = both;
  BD_TRY(bd_broadcast_shape(&seen, 0, 2, dims, &rank));
  return bd_out(call, 0, in->type, rank, dims);
}

static bd_status run_expand(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  if (!out) return BD_OK;
  int64_t own[BD_DIMS_MAX], strides[BD_DIMS_MAX] = {0};
  int skip = out->rank - in->rank;
  bd_strides(in, own);
  for (int i = 0; i < in->rank; i++)
    strides[i + skip] = in->dims[i] == 1 ? 0 : own[i];
  gather_strided(in, 0, strides, out);
  return BD_OK;
}

static bd_status infer_tile(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t repeats[BD_DIMS_MAX], dims[BD_DIMS_MAX];
  int count;
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(bd_in_ints(call, 1, repeats, BD_DIMS_MAX, &count));
  if (count != in->rank) return bd_bad(call, "repeats %d axes of %d", count, in->rank);
  for (int i = 0; i < in->rank; i++)
    if (repeats[i] < 0 || __builtin_mul_overflow(in->dims[i], repeats[i], &dims[i]))
      return bd_bad(call, "repeats axis %d %lld times", i, (long long)repeats[i]);
  return bd_out(call, 0, in->type, in->rank, dims);
}

static bd_status run_tile(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  if (!out || !out->count) return BD_OK;
  size_t size = bd_type_size(in->type);
  int64_t own[BD_DIMS_MAX], index[BD_DIMS_MAX] = {0};
  bd_strides(in, own);
  for (int64_t i = 0; i < out->count; i++) {
    int64_t at = 0;
    for (int axis = 0; axis < in->rank; axis++)
      at += index[axis] % in->dims[axis] * own[axis];
    copy_one((char *)out->data + (size_t)i * size, (const char *)in->data + (size_t)at * size,
             size);
    for (int axis = in->rank - 1; axis >= 0 && ++index[axis] == out->dims[axis]; axis--)
      index[axis] = 0;
  }
  return BD_OK;
}

// --- Concat, Split -------------------------------------------------------------------------------

static bd_status infer_concat(bd_call *call) {
  const bd_tensor *first = bd_in(call, 0);
  int64_t dims[BD_DIMS_MAX];
  int axis;
  char text[128];
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 1), first->rank, &axis));
  memcpy(dims, first->dims, sizeof dims);
  for (int i = 1; i < call->in_count; i++) {
    const bd_tensor *next = bd_in(call, i);
    if (!next) return bd_bad(call, "input %d is left out", i);
    bool fits = next->rank == first->rank && next->type == first->type;
    for (int k = 0; fits && k < first->rank; k++)
      fits = k == axis || next->dims[k] == dims[k];
    if (!fits)
      return bd_bad(call, "input %d is %s, which does not go with the first", i,
                    bd_tensor_text(next, text, sizeof text));
    if (__builtin_add_overflow(dims[axis], next->dims[axis], &dims[axis]))
      return bd_bad(call, "its output would be too large");
  }
  return bd_out(call, 0, first->type, first->rank, dims);
}

static bd_status run_concat(bd_call *call) {
  bd_tensor *out = call->out[0];
  int axis;
  if (!out || !out->count) return BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 1), out->rank, &axis));
  size_t size = bd_type_size(out->type);
  int64_t outer = bd_dims_product(out->dims, 0, axis);
  // Blocks of channels lie one after the other: a blocked tensor is joined like a plain one.
  size_t row = (size_t)bd_dims_product(out->dims, axis, out->rank) * size, at = 0;
  for (int i = 0; i < call->in_count; i++) {
    const bd_tensor *in = bd_in(call, i);
    size_t piece = (size_t)bd_dims_product(in->dims, axis, in->rank) * size;
    for (int64_t o = 0; o < outer && piece; o++)
      memcpy((char *)out->data + (size_t)o * row + at, (const char *)in->data + (size_t)o * piece,
             piece);
    at += piece;
  }
  return BD_OK;
}

static bd_status split_sizes(bd_call *call, int64_t dim, int64_t *sizes) {
  const int64_t *said = NULL;
  int count = bd_attr_ints(call, "split", &said), pieces = call->out_count;
  if (count < 0 && bd_in(call, 1))
    BD_TRY(bd_in_ints(call, 1, sizes, pieces, &count));
  else if (count >= 0 && count <= pieces)
    memcpy(sizes, said, (size_t)count * sizeof *sizes);
  if (count < 0) {
    int64_t each = (dim + pieces - 1) / pieces;
    for (int i = 0; i < pieces; i++)
      sizes[i] = clamp(dim - i * each, 0, each);
    return BD_OK;
  }
  if (count != pieces) return bd_bad(call, "splits into %d pieces for %d outputs", count, pieces);
  int64_t sum = 0;
  for (int i = 0; i < pieces; i++)
    if (sizes[i] < 0 || __builtin_add_overflow(sum, sizes[i], &sum))
      return bd_bad(call, "piece %d has %lld elements", i, (long long)sizes[i]);
  if (sum != dim)
    return bd_bad(call, "its pieces have %lld elements together, not %lld", (long long)sum,
                  (long long)dim);
  return BD_OK;
}

static bd_status infer_split(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 0), in->rank, &axis));
  int64_t *sizes = bd_take(call, call->out_count + 1, sizeof *sizes), dims[BD_DIMS_MAX];
  if (!sizes) return bd_no_memory(call);
  BD_TRY(split_sizes(call, in->dims[axis], sizes));
  memcpy(dims, in->dims, sizeof dims);
  for (int i = 0; i < call->out_count; i++) {
    dims[axis] = sizes[i];
    BD_TRY(bd_out(call, i, in->type, in->rank, dims));
  }
  return BD_OK;
}

static bd_status run_split(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 0), in->rank, &axis));
  int64_t *sizes = bd_take(call, call->out_count + 1, sizeof *sizes);
  if (!sizes) return bd_no_memory(call);
  BD_TRY(split_sizes(call, in->dims[axis], sizes));
  int64_t outer = bd_dims_product(in->dims, 0, axis);
  size_t inner = (size_t)bd_dims_product(in->dims, axis + 1, in->rank) * bd_type_size(in->type);
  size_t row = (size_t)in->dims[axis] * inner, at = 0;
  for (int i = 0; i < call->out_count; i++) {
    size_t piece = (size_t)sizes[i] * inner;
    for (int64_t o = 0; call->out[i] && piece && o < outer; o++)
      memcpy((char *)call->out[i]->data + (size_t)o * piece,
             (const char *)in->data + (size_t)o * row + at, piece);
    at += piece;
  }
  return BD_OK;
}

// --- Pad -----------------------------------------------------------------------------------------

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
    copy_one(to + (size_t)i * size, at < 0 ? fill : source + (size_t)at * size, size);
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

// --- channels and space --------------------------------------------------------------------------

static bd_status infer_depth(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t b = bd_attr_int(call, "blocksize", 0);
  bool up = strcmp(call->op->name, "DepthToSpace") == 0;
  if (in->rank != 4) return bd_bad(call, "its input has rank %d, not 4", in->rank);
  if (b < 1 || b > 1 << 15 || (up ? in->dims[1] % (b * b) : in->dims[2] % b || in->dims[3] % b))
    return bd_bad(call, "blocksize %lld does not divide its input", (long long)b);
  int64_t dims[] = {in->dims[0], up ? in->dims[1] / (b * b) : in->dims[1] * b * b,
                    up ? in->dims[2] * b : in->dims[2] / b, up ? in->dims[3] * b : in->dims[3] / b};
  return bd_out(call, 0, in->type, 4, dims);
}

// Both are a transposition of six axes.
static bd_status run_depth(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  int64_t b = bd_attr_int(call, "blocksize", 0), n = in->dims[0], c = in->dims[1];
  int64_t h = in->dims[2], w = in->dims[3];
  bool up = strcmp(call->op->name, "DepthToSpace") == 0;
  bool crd = bd_attr_is(call, "mode", "CRD", false);
  if (!out) return BD_OK;
  int64_t split_up[] = {n, crd ? c / (b * b) : b, b, crd ? b : c / (b * b), h, w};
  int64_t split_down[] = {n, c, h / b, b, w / b, b};
  static const int dcr[] = {0, 3, 4, 1, 5, 2}, columns[] = {0, 1, 4, 2, 5, 3},
                   down[] = {0, 3, 5, 1, 2, 4};
  const int *order = !up ? down : crd ? columns : dcr;
  bd_tensor from, to;
  int64_t own[BD_DIMS_MAX], strides[BD_DIMS_MAX], dims[6];
  bd_tensor_shape(&from, in->type, 6, up ? split_up : split_down);
  from.data = in->data;
  bd_strides(&from, own);
  for (int i = 0; i < 6; i++) {
    strides[i] = own[order[i]];
    dims[i] = from.dims[order[i]];
  }
  bd_tensor_shape(&to, in->type, 6, dims);
  to.data = out->data;
  gather_strided(&from, 0, strides, &to);
  return BD_OK;
}

const bd_op bd_ops_move[] = {
    {"Transpose", 1, 0, 1, 1, infer_transpose, run_transpose, BD_LAYOUT_PLAIN, 0, NULL},
    {"Slice", 1, 0, 1, 5, infer_slice, run_slice, BD_LAYOUT_PLAIN, 0, NULL},
    {"Expand", 8, 0, 2, 2, infer_expand, run_expand, BD_LAYOUT_PLAIN, 0, NULL},
    {"Tile", 6, 0, 2, 2, infer_tile, run_tile, BD_LAYOUT_PLAIN, 0, NULL},
    {"Concat", 1, 0, 1, -1, infer_concat, run_concat, BD_LAYOUT_CONCAT, 0, NULL},
    {"Split", 2, 0, 1, 2, infer_split, run_split, BD_LAYOUT_PLAIN, 0, NULL},
    {"Pad", 1, 0, 1, 4, infer_pad, run_pad, BD_LAYOUT_PLAIN, 0, NULL},
    {"DepthToSpace", 1, 0, 1, 1, infer_depth, run_depth, BD_LAYOUT_PLAIN, 0, NULL},
    {"SpaceToDepth", 1, 0, 1, 1, infer_depth, run_depth, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
