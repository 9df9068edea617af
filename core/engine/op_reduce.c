// Reductions along axes.
#include "core/engine/op.h"

#include <math.h>
#include <string.h>

// How a reduction takes in values: begin with `start`, add each, finish with the count.
typedef struct reduction {
  double start;
  double (*add)(double so_far, double value);
  double (*finish)(double so_far, double count);
  int64_t (*add_integer)(int64_t so_far, int64_t value); // NULL: integers go through double
  int64_t start_integer;
} reduction;

static double add(double a, double b) {
  return a + b;
}
static double add_absolute(double a, double b) {
  return a + fabs(b);
}
static double add_square(double a, double b) {
  return a + b * b;
}
static double multiply(double a, double b) {
  return a * b;
}
static double greater(double a, double b) {
  return isnan(a) || a > b ? a : b;
}
static double lesser(double a, double b) {
  return isnan(a) || a < b ? a : b;
}
// log(eᵃ + eᵇ) without overflow.
static double add_exponential(double a, double b) {
  double high = a > b ? a : b, low = a > b ? b : a;
  return isinf(high) ? high : high + log1p(exp(low - high));
}
static double as_is(double a, double count) {
  (void)count;
  return a;
}
static double mean(double a, double count) {
  return a / count;
}
static double square_root(double a, double count) {
  (void)count;
  return sqrt(a);
}
static double logarithm(double a, double count) {
  (void)count;
  return log(a);
}
static int64_t add_integers(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t add_absolute_integers(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (b < 0 ? 0 - (uint64_t)b : (uint64_t)b));
}
static int64_t add_square_integers(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b * (uint64_t)b);
}
static int64_t multiply_integers(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a * (uint64_t)b);
}
static int64_t greater_integer(int64_t a, int64_t b) {
  return a > b ? a : b;
}
static int64_t lesser_integer(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// --- shapes --------------------------------------------------------------------------------------

static bd_status chosen_axes(bd_call *call, bool *chosen) {
  const bd_tensor *in = bd_in(call, 0);
  bool given;
  BD_TRY(bd_axes(call, 1, "axes", in->rank, chosen, &given));
  bool none = true;
  for (int i = 0; i < in->rank; i++)
    none &= !chosen[i];
  if (none && !bd_attr_int(call, "noop_with_empty_axes", 0))
    for (int i = 0; i < in->rank; i++)
      chosen[i] = true;
  return BD_OK;
}

static int kept_dims(const bd_tensor *in, const bool *chosen, bool keep, int64_t *dims) {
  int rank = 0;
  for (int i = 0; i < in->rank; i++) {
    if (!chosen[i])
      dims[rank++] = in->dims[i];
    else if (keep)
      dims[rank++] = 1;
  }
  return rank;
}

static bd_status infer(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool chosen[BD_DIMS_MAX];
  int64_t dims[BD_DIMS_MAX];
  if (!bd_known(call, 1)) return BD_OK;
  BD_TRY(chosen_axes(call, chosen));
  int rank = kept_dims(in, chosen, bd_attr_int(call, "keepdims", 1) != 0, dims);
  return bd_out(call, 0, in->type, rank, dims);
}

// --- running -------------------------------------------------------------------------------------

// For each output position in turn, all input positions: `outer` axes that stay, `inner` that go.
typedef struct axes {
  int outer, inner;
  int64_t outer_dims[BD_DIMS_MAX], outer_strides[BD_DIMS_MAX];
  int64_t inner_dims[BD_DIMS_MAX], inner_strides[BD_DIMS_MAX];
  int64_t outer_count, inner_count;
} axes;

static void split_axes(const bd_tensor *in, const bool *chosen, axes *a) {
  *a = (axes){.outer_count = 1, .inner_count = 1};
  int64_t stride = 1, strides[BD_DIMS_MAX];
  for (int i = in->rank - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= in->dims[i];
  }
  for (int i = 0; i < in->rank; i++) {
    int *count = chosen[i] ? &a->inner : &a->outer;
    (chosen[i] ? a->inner_dims : a->outer_dims)[*count] = in->dims[i];
    (chosen[i] ? a->inner_strides : a->outer_strides)[*count] = strides[i];
    *(chosen[i] ? &a->inner_count : &a->outer_count) *= in->dims[i];
    ++*count;
  }
}

static int64_t offset_of(int64_t at, int count, const int64_t *dims, const int64_t *strides) {
  int64_t offset = 0;
  for (int i = count - 1; i >= 0; i--) {
    offset += at % dims[i] * strides[i];
    at /= dims[i];
  }
  return offset;
}

static double value_at(bd_wide wide, const void *data, int64_t at) {
  switch (wide) {
  case BD_WIDE_FLOAT:
    return (double)((const float *)data)[at];
  case BD_WIDE_DOUBLE:
    return ((const double *)data)[at];
  case BD_WIDE_INT:
    return (double)((const int64_t *)data)[at];
  default:
    return (double)((const uint64_t *)data)[at];
  }
}

static double reduce_real(const reduction *r, const axes *a, bd_wide wide, const void *data,
                          int64_t start) {
  double so_far = r->start;
  int last = a->inner - 1;
  int64_t row = last < 0 ? 1 : a->inner_dims[last], stride = last < 0 ? 0 : a->inner_strides[last];
  for (int64_t i = 0; row && i < a->inner_count / row; i++) {
    int64_t at = start + offset_of(i, last < 0 ? 0 : last, a->inner_dims, a->inner_strides);
    for (int64_t k = 0; k < row; k++)
      so_far = r->add(so_far, value_at(wide, data, at + k * stride));
  }
  return r->finish(so_far, (double)a->inner_count);
}

static int64_t reduce_integer(const reduction *r, const axes *a, const int64_t *data,
                              int64_t start) {
  int64_t so_far = r->start_integer;
  for (int64_t i = 0; i < a->inner_count; i++)
    so_far = r->add_integer(so_far,
                            data[start + offset_of(i, a->inner, a->inner_dims, a->inner_strides)]);
  return so_far;
}

static const void *widened(const bd_call *call, const bd_tensor *tensor) {
  if (bd_type_is_wide(tensor->type)) return tensor->data;
  void *wide = bd_take(call, tensor->count + 1, 8);
  if (wide) bd_widen(tensor->type, tensor->data, tensor->count, wide);
  return wide;
}

static bd_status run(bd_call *call) {
  const reduction *self = call->op->kernel;
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  bool chosen[BD_DIMS_MAX];
  axes a;
  if (!out) return BD_OK;
  BD_TRY(chosen_axes(call, chosen));
  split_axes(in, chosen, &a);
  const void *data = widened(call, in);
  if (!data) return bd_no_memory(call);
  bd_wide wide = bd_type_wide(in->type);
  bool whole = self->add_integer && !bd_type_is_real(in->type);
  size_t size = bd_type_size(out->type);
  for (int64_t o = 0; o < a.outer_count; o++) {
    int64_t start = offset_of(o, a.outer, a.outer_dims, a.outer_strides);
    char *to = (char *)out->data + (size_t)o * size;
    if (whole) {
      int64_t value = reduce_integer(self, &a, data, start);
      bd_narrow(out->type, &value, 1, to);
    } else {
      double value = reduce_real(self, &a, wide, data, start);
      bd_convert(BD_TYPE_DOUBLE, &value, out->type, to, 1);
    }
  }
  return BD_OK;
}

// --- ArgMax, ArgMin ------------------------------------------------------------------------------

static bd_status arg_axis(const bd_call *call, bool *chosen, int *axis) {
  const bd_tensor *in = bd_in(call, 0);
  memset(chosen, 0, BD_DIMS_MAX * sizeof *chosen);
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 0), in->rank, axis));
  chosen[*axis] = true;
  return BD_OK;
}

static bd_status infer_arg(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool chosen[BD_DIMS_MAX];
  int64_t dims[BD_DIMS_MAX];
  int axis;
  BD_TRY(arg_axis(call, chosen, &axis));
  if (in->dims[axis] == 0) return bd_bad(call, "its input is empty along axis %d", axis);
  int rank = kept_dims(in, chosen, bd_attr_int(call, "keepdims", 1) != 0, dims);
  return bd_out(call, 0, BD_TYPE_INT64, rank, dims);
}

static bd_status run_arg(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool chosen[BD_DIMS_MAX], most = strcmp(call->op->name, "ArgMax") == 0;
  bool last = bd_attr_int(call, "select_last_index", 0) != 0;
  int axis;
  if (!call->out[0]) return BD_OK;
  BD_TRY(arg_axis(call, chosen, &axis));
  const void *data = widened(call, in);
  if (!data) return bd_no_memory(call);
  bd_wide wide = bd_type_wide(in->type);
  int64_t inner = bd_dims_product(in->dims, axis + 1, in->rank), length = in->dims[axis];
  for (int64_t o = 0; o < call->out[0]->count; o++) {
    int64_t start = o / inner * length * inner + o % inner, best = 0;
    for (int64_t i = 1; i < length; i++) {
      double a = value_at(wide, data, start + i * inner);
      double b = value_at(wide, data, start + best * inner);
      if ((most ? a > b : a < b) || (last && a == b)) best = i;
    }
    ((int64_t *)call->out[0]->data)[o] = best;
  }
  return BD_OK;
}

// --- CumSum --------------------------------------------------------------------------------------

static bd_status infer_cumsum(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  if (!bd_known(call, 1)) return BD_OK;
  int64_t said;
  int count, axis;
  BD_TRY(bd_in_ints(call, 1, &said, 1, &count));
  if (count != 1) return bd_bad(call, "needs one axis");
  BD_TRY(bd_axis(call, said, in->rank, &axis));
  return bd_out_like(call, 0, in);
}

static bd_status run_cumsum(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  bool exclusive = bd_attr_int(call, "exclusive", 0), reverse = bd_attr_int(call, "reverse", 0);
  if (!call->out[0]) return BD_OK;
  BD_TRY(bd_axis(call, bd_tensor_integer(bd_in(call, 1), 0), in->rank, &axis));
  const void *data = widened(call, in);
  if (!data) return bd_no_memory(call);
  bd_wide wide = bd_type_wide(in->type);
  int64_t inner = bd_dims_product(in->dims, axis + 1, in->rank), length = in->dims[axis];
  size_t size = bd_type_size(in->type);
  for (int64_t r = 0; length && r < in->count / length; r++) {
    double sum = 0;
    for (int64_t i = 0; i < length; i++) {
      int64_t at = r / inner * length * inner + r % inner + (reverse ? length - 1 - i : i) * inner;
      double value = value_at(wide, data, at), said = exclusive ? sum : sum + value;
      bd_convert(BD_TYPE_DOUBLE, &said, in->type, (char *)call->out[0]->data + (size_t)at * size,
                 1);
      sum += value;
    }
  }
  return BD_OK;
}

#define ROW(NAME, ...)                                                                             \
  {                                                                                                \
    NAME, 1, 0, 1, 2, infer, run, BD_LAYOUT_PLAIN, 0, &(const reduction) {                         \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }

const bd_op bd_ops_reduce[] = {
    ROW("ReduceSum", 0, add, as_is, add_integers, 0),
    ROW("ReduceMean", 0, add, mean, NULL, 0),
    ROW("ReduceProd", 1, multiply, as_is, multiply_integers, 1),
    ROW("ReduceMax", -INFINITY, greater, as_is, greater_integer, INT64_MIN),
    ROW("ReduceMin", INFINITY, lesser, as_is, lesser_integer, INT64_MAX),
    ROW("ReduceL1", 0, add_absolute, as_is, add_absolute_integers, 0),
    ROW("ReduceL2", 0, add_square, square_root, NULL, 0),
    ROW("ReduceSumSquare", 0, add_square, as_is, add_square_integers, 0),
    ROW("ReduceLogSum", 0, add, logarithm, NULL, 0),
    ROW("ReduceLogSumExp", -INFINITY, add_exponential, as_is, NULL, 0),
    {"ArgMax", 1, 0, 1, 1, infer_arg, run_arg, BD_LAYOUT_PLAIN, 0, NULL},
    {"ArgMin", 1, 0, 1, 1, infer_arg, run_arg, BD_LAYOUT_PLAIN, 0, NULL},
    {"CumSum", 11, 0, 2, 2, infer_cumsum, run_cumsum, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
