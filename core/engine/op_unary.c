// One tensor in, one of the same shape out, element by element.
#include "core/engine/dnnl.h"
#include "core/engine/op.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

typedef void (*unary_kernel)(const void *in, void *out, int64_t count, float a, float b);

typedef struct unary {
  unary_kernel kernels[4]; // by bd_wide; NULL: not for that type
  const char *names[2];    // attributes
  float fallbacks[2];
  bd_eltwise fast; // what oneDNN has for it
} unary;

#define KERNEL(NAME, T, EXPRESSION)                                                                \
  static void NAME##_##T(const void *in, void *out, int64_t count, float a, float b) {             \
    const T *x = in;                                                                               \
    T *y = out;                                                                                    \
    (void)a, (void)b;                                                                              \
    for (int64_t i = 0; i < count; i++) {                                                          \
      T v = x[i];                                                                                  \
      y[i] = (T)(EXPRESSION);                                                                      \
    }                                                                                              \
  }
#define REAL(NAME, EXPRESSION)                                                                     \
  KERNEL(NAME, float, EXPRESSION)                                                                  \
  KERNEL(NAME, double, EXPRESSION)
#define SIGNED(NAME, EXPRESSION)                                                                   \
  REAL(NAME, EXPRESSION)                                                                           \
  KERNEL(NAME, int64_t, EXPRESSION)
#define REALS(NAME)   NAME##_float, NAME##_double
#define SIGNEDS(NAME) NAME##_float, NAME##_double, NAME##_int64_t

SIGNED(negative, 0 - v)
SIGNED(absolute, v < 0 ? 0 - v : v)
SIGNED(sign, v > 0 ? 1 : v < 0 ? -1 : v)
SIGNED(relu, v > 0 ? v : v != v ? v : 0)
KERNEL(same, uint64_t, v)
KERNEL(sign, uint64_t, v > 0)
KERNEL(logical_not, uint64_t, !v)
KERNEL(flip, int64_t, ~v)
KERNEL(flip, uint64_t, ~v)
REAL(exponential, exp(v))
REAL(logarithm, log(v))
REAL(root, sqrt(v))
REAL(reciprocal, 1 / v)
REAL(round_down, floor(v))
REAL(round_up, ceil(v))
REAL(round_even, rint(v))
REAL(sine, sin(v))
REAL(cosine, cos(v))
REAL(tangent, tan(v))
REAL(arc_sine, asin(v))
REAL(arc_cosine, acos(v))
REAL(arc_tangent, atan(v))
REAL(sine_h, sinh(v))
REAL(cosine_h, cosh(v))
REAL(tangent_h, tanh(v))
REAL(area_sine, asinh(v))
REAL(area_cosine, acosh(v))
REAL(area_tangent, atanh(v))
REAL(error_function, erf(v))
REAL(sigmoid, 1 / (1 + exp(-v)))
REAL(softplus, v > 0 ? v + log1p(exp(-v)) : log1p(exp(v)))
REAL(softsign, v / (1 + fabs(v)))
REAL(leaky, v < 0 ? v * a : v)
REAL(elu, v < 0 ? a * expm1(v) : v)
REAL(selu, v > 0 ? b * v : b * a * expm1(v))
REAL(celu, v > 0 ? v : a * expm1(v / a))
REAL(thresholded, v > a ? v : 0)
REAL(hard_sigmoid, v != v ? v : fmax(0, fmin(1, a *v + b)))
REAL(hard_swish, v *fmax(0, fmin(1, v / 6 + (float)0.5)))
REAL(mish, v *tanh(v > 0 ? v + log1p(exp(-v)) : log1p(exp(v))))
REAL(gelu, v *(1 + erf(v * (float)0.70710678118654752)) / 2)
REAL(gelu_tanh, v *(1 + tanh((float)0.7978845608028654 * (v + (float)0.044715 * v * v * v))) / 2)
REAL(shrink, v<0 - b ? v + a : v> b ? v - a : 0)

// --- running -------------------------------------------------------------------------------------

static bd_status infer(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  const unary *self = call->op->kernel;
  if (!self->kernels[bd_type_wide(in->type)]) return bd_bad_type(call, in->type);
  return bd_out_like(call, 0, in);
}

enum { WORTH_IT = 256 }; // values from which oneDNN's start pays

static bd_status run_with(bd_call *call, const unary *self) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  float parameters[2];
  for (int i = 0; i < 2; i++)
    parameters[i] = self->names[i] ? bd_attr_float(call, self->names[i], self->fallbacks[i])
                                   : self->fallbacks[i];
  unary_kernel kernel = self->kernels[bd_type_wide(in->type)];
  int64_t count = (int64_t)(bd_tensor_bytes(in) / bd_type_size(in->type));
  if (bd_type_is_wide(in->type)) {
    bool fast = self->fast != BD_ELTWISE_NONE && in->type == BD_TYPE_FLOAT && count >= WORTH_IT;
    if (!fast || !bd_dnnl_eltwise(self->fast, in->data, out->data, count))
      kernel(in->data, out->data, count, parameters[0], parameters[1]);
    return BD_OK;
  }
  void *wide = bd_take(call, count + 1, 8);
  if (!wide) return bd_no_memory(call);
  bd_widen(in->type, in->data, count, wide);
  kernel(wide, wide, count, parameters[0], parameters[1]);
  bd_narrow(out->type, wide, count, out->data);
  return BD_OK;
}

static bd_status run(bd_call *call) {
  return call->out[0] ? run_with(call, call->op->kernel) : BD_OK;
}

static bd_status run_gelu(bd_call *call) {
  static const unary by_tanh = {.kernels = {REALS(gelu_tanh)}};
  bool approximate = bd_attr_is(call, "approximate", "tanh", false);
  return run_with(call, approximate ? &by_tanh : call->op->kernel);
}

// --- Clip ----------------------------------------------------------------------------------------

static bd_status infer_clip(bd_call *call) {
  for (int i = 1; i < 3; i++) {
    const bd_tensor *bound = bd_in(call, i);
    if (bound && (bound->count != 1 || bound->type != bd_in(call, 0)->type))
      return bd_bad(call, "input %d must be one number of its input's type", i);
  }
  return bd_out_like(call, 0, bd_in(call, 0));
}

// From opset 11 on bounds are inputs, before they are attributes.
static bool bound_of(const bd_call *call, int index, const char *name, bd_tensor *bound,
                     float *value) {
  const Onnx__AttributeProto *said = bd_attr(call, name);
  if (bd_in(call, index)) {
    *bound = *bd_in(call, index);
    return true;
  }
  if (!said) return false;
  *value = said->f;
  bd_tensor_shape(bound, BD_TYPE_FLOAT, 0, NULL);
  bound->data = value;
  return true;
}

#define CLIP(T)                                                                                    \
  static void clip_##T(const T *x, T *y, int64_t count, const T *low, const T *high) {             \
    for (int64_t i = 0; i < count; i++) {                                                          \
      T v = x[i];                                                                                  \
      if (low) v = v < *low ? *low : v;                                                            \
      if (high) v = v > *high ? *high : v;                                                         \
      y[i] = v;                                                                                    \
    }                                                                                              \
  }
CLIP(float)
CLIP(double)
CLIP(int64_t)
CLIP(uint64_t)

static bd_status run_clip(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0], bounds[2];
  float values[2];
  uint64_t low, high;
  bool has_low = bound_of(call, 1, "min", &bounds[0], &values[0]);
  bool has_high = bound_of(call, 2, "max", &bounds[1], &values[1]);
  if (!out) return BD_OK;
  if (has_low) bd_widen(bounds[0].type, bounds[0].data, 1, &low);
  if (has_high) bd_widen(bounds[1].type, bounds[1].data, 1, &high);
  const void *from = in->data, *l = has_low ? &low : NULL, *h = has_high ? &high : NULL;
  void *to = out->data;
  int64_t count = (int64_t)(bd_tensor_bytes(in) / bd_type_size(in->type));
  if (!bd_type_is_wide(in->type)) {
    from = to = bd_take(call, count + 1, 8);
    if (!to) return bd_no_memory(call);
    bd_widen(in->type, in->data, count, to);
  }
  switch (bd_type_wide(in->type)) {
  case BD_WIDE_FLOAT:
    clip_float(from, to, count, l, h);
    break;
  case BD_WIDE_DOUBLE:
    clip_double(from, to, count, l, h);
    break;
  case BD_WIDE_INT:
    clip_int64_t(from, to, count, l, h);
    break;
  case BD_WIDE_UINT:
    clip_uint64_t(from, to, count, l, h);
    break;
  }
  if (!bd_type_is_wide(in->type)) bd_narrow(out->type, to, count, out->data);
  return BD_OK;
}

// --- tests for special values --------------------------------------------------------------------

static bd_status infer_test(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  if (!bd_type_is_real(in->type)) return bd_bad_type(call, in->type);
  return bd_out(call, 0, BD_TYPE_BOOL, in->rank, in->dims);
}

static bd_status run_is_nan(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  for (int64_t i = 0; call->out[0] && i < in->count; i++)
    ((uint8_t *)call->out[0]->data)[i] = (uint8_t)(isnan(bd_tensor_real(in, i)) != 0);
  return BD_OK;
}

static bd_status run_is_inf(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool negative = bd_attr_int(call, "detect_negative", 1) != 0;
  bool positive = bd_attr_int(call, "detect_positive", 1) != 0;
  for (int64_t i = 0; call->out[0] && i < in->count; i++) {
    double value = bd_tensor_real(in, i);
    ((uint8_t *)call->out[0]->data)[i] = isinf(value) && (value > 0 ? positive : negative);
  }
  return BD_OK;
}

#define ROW(NAME, SINCE, ...)                                                                      \
  {                                                                                                \
    NAME, SINCE, 0, 1, 1, infer, run, BD_LAYOUT_FOLLOW, BD_OP_INPLACE, &(const unary) {            \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }

const bd_op bd_ops_unary[] = {
    ROW("Abs", 1, .kernels = {SIGNEDS(absolute), same_uint64_t}),
    ROW("Neg", 1, .kernels = {SIGNEDS(negative)}),
    ROW("Sign", 9, .kernels = {SIGNEDS(sign), sign_uint64_t}),
    ROW("Relu", 1, .kernels = {SIGNEDS(relu)}),
    ROW("Exp", 1, .kernels = {REALS(exponential)}, .fast = BD_ELTWISE_EXP),
    ROW("Log", 1, .kernels = {REALS(logarithm)}),
    ROW("Sqrt", 1, .kernels = {REALS(root)}),
    ROW("Reciprocal", 1, .kernels = {REALS(reciprocal)}),
    ROW("Floor", 1, .kernels = {REALS(round_down)}),
    ROW("Ceil", 1, .kernels = {REALS(round_up)}),
    ROW("Round", 11, .kernels = {REALS(round_even)}),
    ROW("Sin", 7, .kernels = {REALS(sine)}),
    ROW("Cos", 7, .kernels = {REALS(cosine)}),
    ROW("Tan", 7, .kernels = {REALS(tangent)}),
    ROW("Asin", 7, .kernels = {REALS(arc_sine)}),
    ROW("Acos", 7, .kernels = {REALS(arc_cosine)}),
    ROW("Atan", 7, .kernels = {REALS(arc_tangent)}),
    ROW("Sinh", 9, .kernels = {REALS(sine_h)}),
    ROW("Cosh", 9, .kernels = {REALS(cosine_h)}),
    ROW("Asinh", 9, .kernels = {REALS(area_sine)}),
    ROW("Acosh", 9, .kernels = {REALS(area_cosine)}),
    ROW("Atanh", 9, .kernels = {REALS(area_tangent)}),
    ROW("Tanh", 1, .kernels = {REALS(tangent_h)}, .fast = BD_ELTWISE_TANH),
    ROW("Erf", 9, .kernels = {REALS(error_function)}),
    ROW("Sigmoid", 1, .kernels = {REALS(sigmoid)}, .fast = BD_ELTWISE_SIGMOID),
    ROW("Softplus", 1, .kernels = {REALS(softplus)}),
    ROW("Softsign", 1, .kernels = {REALS(softsign)}),
    ROW("LeakyRelu", 1, .kernels = {REALS(leaky)}, .names = {"alpha"}, .fallbacks = {0.01f}),
    ROW("Elu", 1, .kernels = {REALS(elu)}, .names = {"alpha"}, .fallbacks = {1}),
    ROW("Selu", 1, .kernels = {REALS(selu)}, .names = {"alpha", "gamma"},
        .fallbacks = {1.67326319217681884765625f, 1.05070102214813232421875f}),
    ROW("Celu", 12, .kernels = {REALS(celu)}, .names = {"alpha"}, .fallbacks = {1}),
    ROW("ThresholdedRelu", 10, .kernels = {REALS(thresholded)}, .names = {"alpha"},
        .fallbacks = {1}),
    ROW("HardSigmoid", 1, .kernels = {REALS(hard_sigmoid)}, .names = {"alpha", "beta"},
        .fallbacks = {0.2f, 0.5f}),
    ROW("HardSwish", 14, .kernels = {REALS(hard_swish)}),
    ROW("Mish", 18, .kernels = {REALS(mish)}),
    ROW("Shrink", 9, .kernels = {REALS(shrink)}, .names = {"bias", "lambd"},
        .fallbacks = {0, 0.5f}),
    ROW("Not", 1, .kernels = {NULL, NULL, NULL, logical_not_uint64_t}),
    ROW("BitwiseNot", 18, .kernels = {NULL, NULL, flip_int64_t, flip_uint64_t}),
    {"Gelu", 20, 0, 1, 1, infer, run_gelu, BD_LAYOUT_FOLLOW, BD_OP_INPLACE,
     &(const unary){.kernels = {REALS(gelu)}, .fast = BD_ELTWISE_ERF_GELU}},
    {"Clip", 1, 0, 1, 3, infer_clip, run_clip, BD_LAYOUT_FOLLOW, BD_OP_INPLACE, NULL},
    {"IsNaN", 9, 0, 1, 1, infer_test, run_is_nan, BD_LAYOUT_PLAIN, 0, NULL},
    {"IsInf", 10, 0, 1, 1, infer_test, run_is_inf, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
