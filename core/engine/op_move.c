// Operators that move elements about: Transpose, Slice, Concat, Expand, …
#include "core/engine/broadcast.h"
#include "core/engine/op.h"
#include "core/engine/strided.h"

#include <stdlib.h>
#include <string.h>

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
  bd_gather_strided(in, 0, strides, call->out[0]);
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
  bd_gather_strided(in, start, strides, call->out[0]);
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
  bd_gather_strided(in, 0, strides, out);
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
    bd_copy_one((char *)out->data + (size_t)i * size, (const char *)in->data + (size_t)at * size,
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
  // Where channels stand last, it is they that are joined.
  int64_t outer = out->last ? out->count / out->dims[1] : bd_dims_product(out->dims, 0, axis);
  int64_t each = out->last ? 1 : bd_dims_product(out->dims, axis + 1, out->rank);
  size_t row = (size_t)(out->dims[axis] * each) * size, at = 0;
  for (int i = 0; i < call->in_count; i++) {
    const bd_tensor *in = bd_in(call, i);
    size_t piece = (size_t)(in->dims[axis] * each) * size;
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
  bd_gather_strided(&from, 0, strides, &to);
  return BD_OK;
}

const bd_op bd_ops_move[] = {
    {"Transpose", 1, 0, 1, 1, infer_transpose, run_transpose, BD_LAYOUT_PLAIN, 0, NULL},
    {"Slice", 1, 0, 1, 5, infer_slice, run_slice, BD_LAYOUT_PLAIN, 0, NULL},
    {"Expand", 8, 0, 2, 2, infer_expand, run_expand, BD_LAYOUT_PLAIN, 0, NULL},
    {"Tile", 6, 0, 2, 2, infer_tile, run_tile, BD_LAYOUT_PLAIN, 0, NULL},
    {"Concat", 1, 0, 1, -1, infer_concat, run_concat, BD_LAYOUT_CONCAT, 0, NULL},
    {"Split", 2, 0, 1, 2, infer_split, run_split, BD_LAYOUT_PLAIN, 0, NULL},
    {"DepthToSpace", 1, 0, 1, 1, infer_depth, run_depth, BD_LAYOUT_PLAIN, 0, NULL},
    {"SpaceToDepth", 1, 0, 1, 1, infer_depth, run_depth, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
