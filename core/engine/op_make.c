// Tensors out of nothing: ConstantOfShape, Range, EyeLike; sorting: TopK, Unique.
#include "core/engine/op.h"
#include "core/engine/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// --- ConstantOfShape -----------------------------------------------------------------------------

static bd_status filling(const bd_call *call, bd_tensor *value, void **owned) {
  const Onnx__AttributeProto *said = bd_attr(call, "value");
  static const float zero;
  *owned = NULL;
  if (!said || !said->t) {
    bd_tensor_shape(value, BD_TYPE_FLOAT, 0, NULL);
    value->data = (void *)(uintptr_t)&zero;
    return BD_OK;
  }
  BD_TRY(bd_values_of_proto(call->model, said->t, "value", value, owned, call->err));
  if (value->count == 1) return BD_OK;
  free(*owned);
  *owned = NULL;
  return bd_bad(call, "its value holds %lld numbers, not one", (long long)value->count);
}

static bd_status infer_constant(bd_call *call) {
  int64_t dims[BD_DIMS_MAX];
  int rank;
  bd_tensor value;
  void *owned;
  if (!bd_known(call, 0)) return BD_OK;
  BD_TRY(bd_in_ints(call, 0, dims, BD_DIMS_MAX, &rank));
  BD_TRY(filling(call, &value, &owned));
  free(owned);
  return bd_out(call, 0, value.type, rank, dims);
}

static bd_status run_constant(bd_call *call) {
  bd_tensor value, *out = call->out[0];
  void *owned;
  if (!out) return BD_OK;
  BD_TRY(filling(call, &value, &owned));
  size_t size = bd_type_size(out->type);
  for (int64_t i = 0; i < out->count; i++)
    memcpy((char *)out->data + (size_t)i * size, value.data, size);
  free(owned);
  return BD_OK;
}

// --- Range ---------------------------------------------------------------------------------------

static bd_status infer_range(bd_call *call) {
  double said[3];
  for (int i = 0; i < 3; i++) {
    if (!bd_known(call, i)) return BD_OK;
    if (bd_in(call, i)->count != 1 || bd_in(call, i)->type != bd_in(call, 0)->type)
      return bd_bad(call, "needs three numbers of one type");
    said[i] = bd_tensor_real(bd_in(call, i), 0);
  }
  double count = ceil((said[1] - said[0]) / said[2]);
  if (said[2] == 0 || !isfinite(count) || count > 1e15) return bd_bad(call, "does not end");
  int64_t dims[] = {count > 0 ? (int64_t)count : 0};
  return bd_out(call, 0, bd_in(call, 0)->type, 1, dims);
}

static bd_status run_range(bd_call *call) {
  bd_tensor *out = call->out[0];
  if (!out) return BD_OK;
  size_t size = bd_type_size(out->type);
  bool real = bd_type_is_real(out->type);
  int64_t first = bd_tensor_integer(bd_in(call, 0), 0), step = bd_tensor_integer(bd_in(call, 2), 0);
  double start = bd_tensor_real(bd_in(call, 0), 0), delta = bd_tensor_real(bd_in(call, 2), 0);
  for (int64_t i = 0; i < out->count; i++) {
    int64_t whole = (int64_t)((uint64_t)first + (uint64_t)i * (uint64_t)step);
    double value = start + (double)i * delta;
    bd_convert(real ? BD_TYPE_DOUBLE : BD_TYPE_INT64, real ? (void *)&value : (void *)&whole,
               out->type, (char *)out->data + (size_t)i * size, 1);
  }
  return BD_OK;
}

// --- EyeLike -------------------------------------------------------------------------------------

static bd_status infer_eye(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_type type;
  if (in->rank != 2) return bd_bad(call, "its input has rank %d, not 2", in->rank);
  BD_TRY(bd_type_of(call, bd_attr_int(call, "dtype", in->type), &type));
  return bd_out(call, 0, type, 2, in->dims);
}

static bd_status run_eye(bd_call *call) {
  bd_tensor *out = call->out[0];
  int64_t k = bd_attr_int(call, "k", 0);
  for (int64_t i = 0; out && i < out->count; i++) {
    uint8_t one = i % out->dims[1] - i / out->dims[1] == k;
    bd_convert(BD_TYPE_UINT8, &one, out->type,
               (char *)out->data + (size_t)i * bd_type_size(out->type), 1);
  }
  return BD_OK;
}

// --- TopK ----------------------------------------------------------------------------------------

typedef struct ranked {
  double value;
  int64_t index;
} ranked;

static int falling(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->value != y->value) return x->value < y->value ? 1 : -1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int rising(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->value != y->value) return x->value < y->value ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static bd_status infer_topk(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t dims[BD_DIMS_MAX], k = bd_attr_int(call, "k", -1);
  int axis, count;
  if (call->opset >= 10) {
    if (!bd_known(call, 1)) return BD_OK;
    BD_TRY(bd_in_ints(call, 1, &k, 1, &count));
    if (count != 1) return bd_bad(call, "needs one k");
  }
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), in->rank, &axis));
  if (k < 0 || k > in->dims[axis])
    return bd_bad(call, "asks for %lld of %lld", (long long)k, (long long)in->dims[axis]);
  memcpy(dims, in->dims, sizeof dims);
  dims[axis] = k;
  BD_TRY(bd_out(call, 0, in->type, in->rank, dims));
  return bd_out(call, 1, BD_TYPE_INT64, in->rank, dims);
}

static bd_status run_topk(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *values = call->out[0], *places = call->out_count > 1 ? call->out[1] : NULL;
  const bd_tensor *like = values ? values : places;
  int axis;
  if (!like || !like->count) return BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), in->rank, &axis));
  bool largest = bd_attr_int(call, "largest", 1) != 0;
  int64_t length = in->dims[axis], inner = bd_dims_product(in->dims, axis + 1, in->rank);
  int64_t k = like->dims[axis];
  size_t size = bd_type_size(in->type);
  ranked *row = bd_take(call, length, sizeof *row);
  if (!row) return bd_no_memory(call);
  for (int64_t r = 0; r < in->count / length; r++) {
    int64_t start = r / inner * length * inner + r % inner;
    for (int64_t i = 0; i < length; i++)
      row[i] = (ranked){bd_tensor_real(in, start + i * inner), i};
    qsort(row, (size_t)length, sizeof *row, largest ? falling : rising);
    for (int64_t i = 0; i < k; i++) {
      int64_t to = r / inner * k * inner + r % inner + i * inner;
      if (values)
        memcpy((char *)values->data + (size_t)to * size,
               (const char *)in->data + (size_t)(start + row[i].index * inner) * size, size);
      if (places) ((int64_t *)places->data)[to] = row[i].index;
    }
  }
  return BD_OK;
}

// --- Unique --------------------------------------------------------------------------------------

// The input as `count` pieces (elements, or slices along an axis) of `size` numbers each.
typedef struct pieces {
  const bd_tensor *in;
  int64_t count, size, inner, length;
  int64_t *first, *of, *times; // distinct → its first piece; piece → distinct; distinct → pieces
  int64_t distinct;
} pieces;

static int64_t number_place(const pieces *p, int64_t piece, int64_t number) {
  return number / p->inner * p->length * p->inner + piece * p->inner + number % p->inner;
}

static int compare_pieces(const pieces *p, int64_t a, int64_t b) {
  for (int64_t i = 0; i < p->size; i++) {
    double x = bd_tensor_real(p->in, number_place(p, a, i));
    double y = bd_tensor_real(p->in, number_place(p, b, i));
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

// Finds distinct pieces in order of appearance, or (sorted) of value.
static void find_distinct(pieces *p, bool sorted) {
  for (int64_t i = 0; i < p->count; i++) {
    int64_t at = 0;
    int order = 1;
    while (at < p->distinct && (order = compare_pieces(p, i, p->first[at])) != 0 &&
           (!sorted || order > 0))
      at++;
    if (at < p->distinct && order == 0) {
      p->of[i] = at;
      p->times[at]++;
      continue;
    }
    for (int64_t k = 0; k < i; k++)
      p->of[k] += p->of[k] >= at;
    memmove(p->first + at + 1, p->first + at, (size_t)(p->distinct - at) * sizeof *p->first);
    memmove(p->times + at + 1, p->times + at, (size_t)(p->distinct - at) * sizeof *p->times);
    p->first[at] = i;
    p->times[at] = 1;
    p->of[i] = at;
    p->distinct++;
  }
}

static bd_status split_pieces(const bd_call *call, pieces *p) {
  const bd_tensor *in = bd_in(call, 0);
  int axis = 0;
  bool flat = !bd_attr(call, "axis");
  if (!flat) BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 0), in->rank, &axis));
  p->in = in;
  p->count = p->length = flat ? in->count : in->dims[axis];
  p->size = flat ? 1 : p->count ? in->count / p->count : 0;
  p->inner = flat ? 1 : bd_dims_product(in->dims, axis + 1, in->rank);
  if (p->count > 1 << 16) return bd_bad(call, "has more than 65536 pieces, which is not written");
  p->distinct = 0;
  p->first = bd_take(call, 3 * (p->count + 1), sizeof *p->first);
  if (!p->first) return bd_no_memory(call);
  p->of = p->first + p->count + 1;
  p->times = p->of + p->count + 1;
  find_distinct(p, bd_attr_int(call, "sorted", 1) != 0);
  return BD_OK;
}

static bd_status infer_unique(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t dims[BD_DIMS_MAX];
  int axis = 0;
  pieces p;
  if (!bd_known(call, 0)) return BD_OK;
  bool flat = !bd_attr(call, "axis");
  BD_TRY(split_pieces(call, &p));
  if (!flat) BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 0), in->rank, &axis));
  memcpy(dims, in->dims, sizeof dims);
  dims[axis] = p.distinct;
  BD_TRY(bd_out(call, 0, in->type, flat ? 1 : in->rank, dims));
  const int64_t lengths[] = {p.distinct, p.count, p.distinct};
  for (int i = 0; i < 3; i++)
    BD_TRY(bd_out(call, i + 1, BD_TYPE_INT64, 1, &lengths[i]));
  return BD_OK;
}

static bd_status run_unique(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  size_t size = bd_type_size(in->type);
  pieces p;
  BD_TRY(split_pieces(call, &p));
  pieces out = p;
  out.length = p.distinct;
  for (int64_t d = 0; call->out[0] && d < p.distinct; d++)
    for (int64_t i = 0; i < p.size; i++)
      memcpy((char *)call->out[0]->data + (size_t)number_place(&out, d, i) * size,
             (const char *)in->data + (size_t)number_place(&p, p.first[d], i) * size, size);
  const int64_t *const lists[] = {p.first, p.of, p.times};
  for (int i = 0; i < 3; i++)
    if (i + 1 < call->out_count && call->out[i + 1])
      memcpy(call->out[i + 1]->data, lists[i], bd_tensor_bytes(call->out[i + 1]));
  return BD_OK;
}

const bd_op bd_ops_make[] = {
    {"ConstantOfShape", 9, 0, 1, 1, infer_constant, run_constant, BD_LAYOUT_PLAIN, 0, NULL},
    {"Range", 11, 0, 3, 3, infer_range, run_range, BD_LAYOUT_PLAIN, 0, NULL},
    {"EyeLike", 9, 0, 1, 1, infer_eye, run_eye, BD_LAYOUT_PLAIN, 0, NULL},
    {"TopK", 1, 0, 1, 2, infer_topk, run_topk, BD_LAYOUT_PLAIN, 0, NULL},
    {"Unique", 11, 0, 1, 1, infer_unique, run_unique, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
