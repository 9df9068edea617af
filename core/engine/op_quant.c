// Integer arithmetic: QuantizeLinear, DequantizeLinear and products of 8-bit integers.
#include "core/engine/conv.h"
#include "core/engine/op.h"

#include <math.h>
#include <string.h>

// --- QuantizeLinear, DequantizeLinear ------------------------------------------------------------

// The axis along which scales change; -1: one scale for all.
static bd_status scale_axis(const bd_call *call, int *axis) {
  const bd_tensor *in = bd_in(call, 0), *scale = bd_in(call, 1), *zero = bd_in(call, 2);
  *axis = -1;
  if (bd_attr_int(call, "block_size", 0)) return bd_bad(call, "block_size is not written");
  if (!bd_type_is_real(scale->type)) return bd_bad(call, "its scale is no real number");
  if (zero && zero->count != scale->count) return bd_bad(call, "needs a zero point for each scale");
  if (scale->count == 1) return BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", 1), in->rank, axis));
  if (scale->rank == 1 && scale->count == in->dims[*axis]) return BD_OK;
  return bd_bad(call, "has %lld scales for %lld along axis %d", (long long)scale->count,
                (long long)in->dims[*axis], *axis);
}

static bool small_integer(bd_type type) {
  return type == BD_TYPE_INT8 || type == BD_TYPE_UINT8 || type == BD_TYPE_INT16 ||
         type == BD_TYPE_UINT16;
}

static bd_status infer_quantize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *zero = bd_in(call, 2);
  bd_type type = zero ? zero->type : BD_TYPE_UINT8;
  int64_t said = bd_attr_int(call, "output_dtype", 0);
  int axis;
  if (!zero && said) BD_TRY(bd_type_of(call, said, &type));
  if (!small_integer(type)) return bd_bad_type(call, type);
  BD_TRY(scale_axis(call, &axis));
  return bd_out(call, 0, type, in->rank, in->dims);
}

static bd_status infer_dequantize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  if (!small_integer(in->type) && in->type != BD_TYPE_INT32) return bd_bad_type(call, in->type);
  BD_TRY(scale_axis(call, &axis));
  return bd_out(call, 0, bd_in(call, 1)->type, in->rank, in->dims);
}

// The number of the scale that an element has.
static int64_t scale_of(const bd_tensor *in, int axis, int64_t at) {
  if (axis < 0) return 0;
  return at / bd_dims_product(in->dims, axis + 1, in->rank) % in->dims[axis];
}

// Rounds half to even and keeps to the type's range.
static void put_rounded(bd_tensor *out, int64_t at, double value, double zero) {
  bool is_signed = bd_type_wide(out->type) == BD_WIDE_INT;
  int bits = (int)bd_type_size(out->type) * 8;
  double low = is_signed ? -ldexp(1, bits - 1) : 0,
         high = ldexp(1, is_signed ? bits - 1 : bits) - 1;
  double said = rint(value) + zero;
  if (isnan(said)) said = 0;
  said = said < low ? low : said > high ? high : said;
  bd_convert(BD_TYPE_DOUBLE, &said, out->type,
             (char *)out->data + (size_t)at * bd_type_size(out->type), 1);
}

static bd_status run_quantize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *scale = bd_in(call, 1), *zero = bd_in(call, 2);
  int axis;
  BD_TRY(scale_axis(call, &axis));
  for (int64_t i = 0; call->out[0] && i < in->count; i++) {
    int64_t k = scale_of(in, axis, i);
    float x = (float)bd_tensor_real(in, i) / (float)bd_tensor_real(scale, k);
    put_rounded(call->out[0], i, (double)x, zero ? bd_tensor_real(zero, k) : 0);
  }
  return BD_OK;
}

static bd_status run_dequantize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *scale = bd_in(call, 1), *zero = bd_in(call, 2);
  bd_tensor *out = call->out[0];
  int axis;
  BD_TRY(scale_axis(call, &axis));
  for (int64_t i = 0; out && i < in->count; i++) {
    int64_t k = scale_of(in, axis, i);
    double value =
        (bd_tensor_real(in, i) - (zero ? bd_tensor_real(zero, k) : 0)) * bd_tensor_real(scale, k);
    bd_convert(BD_TYPE_DOUBLE, &value, out->type,
               (char *)out->data + (size_t)i * bd_type_size(out->type), 1);
  }
  return BD_OK;
}

static bd_status infer_dynamic(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  if (in->type != BD_TYPE_FLOAT) return bd_bad_type(call, in->type);
  BD_TRY(bd_out(call, 0, BD_TYPE_UINT8, in->rank, in->dims));
  BD_TRY(bd_out(call, 1, BD_TYPE_FLOAT, 0, NULL));
  return bd_out(call, 2, BD_TYPE_UINT8, 0, NULL);
}

static bd_status run_dynamic(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  const float *x = in->data;
  float low = 0, high = 0;
  for (int64_t i = 0; i < in->count; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  float scale = high > low ? (high - low) / 255 : 1;
  double zero = rint((double)(-low / scale));
  for (int64_t i = 0; call->out[0] && i < in->count; i++)
    put_rounded(call->out[0], i, (double)(x[i] / scale), zero);
  if (call->out_count > 1 && call->out[1]) *(float *)call->out[1]->data = scale;
  if (call->out_count > 2 && call->out[2]) put_rounded(call->out[2], 0, zero, 0);
  return BD_OK;
}

// --- products ------------------------------------------------------------------------------------

// What the inputs of an integer product are: their places, and those of scales and zero points.
typedef struct places {
  int a, b, a_zero, b_zero, a_scale, b_scale, y_scale, y_zero; // -1: there is none
} places;

static const places plain_places = {0, 1, 2, 3, -1, -1, -1, -1};
static const places scaled_places = {0, 3, 2, 5, 1, 4, 6, 7};

static const places *places_of(const bd_call *call) {
  return call->op->kernel;
}

static bd_status check_integers(const bd_call *call) {
  const places *p = places_of(call);
  const bd_tensor *a = bd_in(call, p->a), *b = bd_in(call, p->b);
  bool fits = bd_type_size(a->type) == 1 && bd_type_size(b->type) == 1 && a->type != BD_TYPE_BOOL &&
              b->type != BD_TYPE_BOOL;
  if (!fits) return bd_bad(call, "needs 8-bit integers");
  const int scalars[] = {p->a_zero, p->a_scale, p->y_scale, p->y_zero};
  for (int i = 0; i < 4; i++)
    if (scalars[i] >= 0 && bd_in(call, scalars[i]) && bd_in(call, scalars[i])->count != 1)
      return bd_bad(call, "input %d must be one number", scalars[i]);
  return BD_OK;
}

static bd_type product_type(const bd_call *call) {
  const places *p = places_of(call);
  return p->y_zero < 0 ? BD_TYPE_INT32 : bd_in(call, p->y_zero)->type;
}

// values − zero point; zero points along `axis` where there is more than one.
static int32_t *centred(const bd_call *call, int index, int zero_index, int axis) {
  const bd_tensor *in = bd_in(call, index), *zero = bd_in(call, zero_index);
  int32_t *out = bd_take(call, in->count + 1, sizeof *out);
  for (int64_t i = 0; out && i < in->count; i++) {
    int64_t k = zero && zero->count > 1 ? scale_of(in, axis, i) : 0;
    out[i] = (int32_t)(bd_tensor_integer(in, i) - (zero ? bd_tensor_integer(zero, k) : 0));
  }
  return out;
}

// The sum as it is, or scaled to the output's type.
static void put_sum(const bd_call *call, int64_t at, int64_t sum, int64_t channel) {
  const places *p = places_of(call);
  bd_tensor *out = call->out[0];
  if (p->y_scale < 0) {
    ((int32_t *)out->data)[at] = (int32_t)sum;
    return;
  }
  const bd_tensor *b_scale = bd_in(call, p->b_scale);
  float a = (float)bd_tensor_real(bd_in(call, p->a_scale), 0);
  float b = (float)bd_tensor_real(b_scale, b_scale->count > 1 ? channel : 0);
  float y = (float)bd_tensor_real(bd_in(call, p->y_scale), 0);
  put_rounded(out, at, (double)((float)sum * (a * b / y)),
              bd_tensor_real(bd_in(call, p->y_zero), 0));
}

static bd_status infer_matmul(bd_call *call) {
  const places *p = places_of(call);
  const bd_tensor *a = bd_in(call, p->a), *b = bd_in(call, p->b);
  int64_t dims[BD_DIMS_MAX];
  BD_TRY(check_integers(call));
  bool fits = a->rank >= 2 && (b->rank == 2 || b->rank == a->rank) &&
              a->dims[a->rank - 1] == b->dims[b->rank - 2];
  for (int i = 0; fits && b->rank > 2 && i < a->rank - 2; i++)
    fits = a->dims[i] == b->dims[i];
  if (!fits) return bd_bad(call, "its inputs cannot be multiplied");
  const int others[] = {p->b_zero, p->b_scale};
  for (int i = 0; i < 2; i++)
    if (others[i] >= 0 && bd_in(call, others[i]) && bd_in(call, others[i])->count != 1 &&
        bd_in(call, others[i])->count != b->dims[b->rank - 1])
      return bd_bad(call, "input %d does not fit the columns", others[i]);
  memcpy(dims, a->dims, sizeof dims);
  dims[a->rank - 1] = b->dims[b->rank - 1];
  return bd_out(call, 0, product_type(call), a->rank, dims);
}

static bd_status run_matmul(bd_call *call) {
  const places *p = places_of(call);
  const bd_tensor *a = bd_in(call, p->a), *b = bd_in(call, p->b);
  if (!call->out[0] || !call->out[0]->count) return BD_OK;
  const int32_t *x = centred(call, p->a, p->a_zero, 0);
  const int32_t *y = centred(call, p->b, p->b_zero, b->rank - 1);
  if (!x || !y) return bd_no_memory(call);
  int64_t m = a->dims[a->rank - 2], k = a->dims[a->rank - 1], n = b->dims[b->rank - 1];
  for (int64_t row = 0; row < call->out[0]->count / n; row++)
    for (int64_t column = 0; column < n; column++) {
      const int32_t *from = y + (b->rank > 2 ? row / m * k * n : 0) + column;
      int64_t sum = 0;
      for (int64_t i = 0; i < k; i++)
        sum += (int64_t)x[row * k + i] * from[i * n];
      put_sum(call, row * n + column, sum, column);
    }
  return BD_OK;
}

// The geometry, as of a Conv with these two inputs.
static bd_status conv_window(const bd_call *call, bd_window *window) {
  const places *p = places_of(call);
  const bd_tensor *x = bd_in(call, p->a), *w = bd_in(call, p->b);
  int64_t groups = bd_attr_int(call, "group", 1);
  if (x->rank != w->rank || x->rank < 3 || groups < 1 || x->dims[1] != w->dims[1] * groups ||
      w->dims[0] % groups)
    return bd_bad(call, "its weights do not fit its input");
  return bd_window_of(call, w->dims + 2, window);
}

static bd_status infer_conv(bd_call *call) {
  const places *p = places_of(call);
  const bd_tensor *x = bd_in(call, p->a), *w = bd_in(call, p->b);
  bd_window window;
  BD_TRY(check_integers(call));
  BD_TRY(conv_window(call, &window));
  const int others[] = {p->b_zero, p->b_scale, p->y_zero < 0 ? -1 : 8};
  for (int i = 0; i < 3; i++)
    if (others[i] >= 0 && bd_in(call, others[i]) && bd_in(call, others[i])->count != 1 &&
        bd_in(call, others[i])->count != w->dims[0])
      return bd_bad(call, "input %d does not fit the channels", others[i]);
  if (p->y_zero >= 0 && bd_in(call, 8) && bd_in(call, 8)->count != w->dims[0])
    return bd_bad(call, "its bias does not fit the channels");
  int64_t dims[BD_DIMS_MAX] = {x->dims[0], w->dims[0]};
  for (int i = 0; i < window.spatial; i++)
    dims[i + 2] = window.out[i];
  return bd_out(call, 0, product_type(call), x->rank, dims);
}

// Σ over the window and the group's channels, for the output position `at`.
static int64_t conv_sum(const bd_window *w, const int32_t *x, const int32_t *weights,
                        int64_t channels, const int64_t *at) {
  int64_t taps = bd_dims_product(w->kernel, 0, w->spatial);
  int64_t size = bd_dims_product(w->in, 0, w->spatial), sum = 0;
  for (int64_t tap = 0; tap < taps; tap++) {
    int64_t rest = tap, place = 0, stride = 1;
    bool inside = true;
    for (int i = w->spatial - 1; i >= 0; i--) {
      int64_t k = rest % w->kernel[i];
      int64_t position = at[i] * w->stride[i] - w->low[i] + k * w->dilation[i];
      inside &= position >= 0 && position < w->in[i];
      place += position * stride;
      stride *= w->in[i];
      rest /= w->kernel[i];
    }
    for (int64_t c = 0; inside && c < channels; c++)
      sum += (int64_t)x[c * size + place] * weights[c * taps + tap];
  }
  return sum;
}

static bd_status run_conv(bd_call *call) {
  const places *p = places_of(call);
  const bd_tensor *x = bd_in(call, p->a), *w = bd_in(call, p->b);
  const bd_tensor *bias = p->y_zero < 0 ? NULL : bd_in(call, 8);
  bd_tensor *out = call->out[0];
  bd_window window;
  if (!out || !out->count) return BD_OK;
  BD_TRY(conv_window(call, &window));
  const int32_t *values = centred(call, p->a, p->a_zero, 0);
  const int32_t *weights = centred(call, p->b, p->b_zero, 0);
  if (!values || !weights) return bd_no_memory(call);
  int64_t groups = bd_attr_int(call, "group", 1), each = w->dims[1], made = w->dims[0] / groups;
  int64_t in_size = bd_dims_product(window.in, 0, window.spatial);
  int64_t out_size = bd_dims_product(window.out, 0, window.spatial), taps = w->count / w->dims[0];
  for (int64_t i = 0; i < out->count; i++) {
    int64_t position = i % out_size, o = i / out_size % w->dims[0], n = i / out_size / w->dims[0];
    int64_t at[BD_DIMS_MAX];
    for (int axis = window.spatial - 1; axis >= 0; axis--) {
      at[axis] = position % window.out[axis];
      position /= window.out[axis];
    }
    const int32_t *from = values + (n * x->dims[1] + o / made * each) * in_size;
    int64_t sum = conv_sum(&window, from, weights + o * taps, each, at);
    put_sum(call, i, sum + (bias ? bd_tensor_integer(bias, o) : 0), o);
  }
  return BD_OK;
}

#define ROW(NAME, SINCE, LEAST, MOST, WHAT, PLACES)                                                \
  { NAME, SINCE, 0, LEAST, MOST, infer_##WHAT, run_##WHAT, BD_LAYOUT_PLAIN, 0, PLACES }

const bd_op bd_ops_quant[] = {
    ROW("QuantizeLinear", 10, 2, 3, quantize, NULL),
    ROW("DequantizeLinear", 10, 2, 3, dequantize, NULL),
    ROW("DynamicQuantizeLinear", 11, 1, 1, dynamic, NULL),
    ROW("MatMulInteger", 10, 2, 4, matmul, &plain_places),
    ROW("QLinearMatMul", 10, 8, 8, matmul, &scaled_places),
    ROW("ConvInteger", 10, 2, 4, conv, &plain_places),
    ROW("QLinearConv", 10, 8, 9, conv, &scaled_places),
    {0},
};
