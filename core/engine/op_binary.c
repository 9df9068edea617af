// Element by element over several tensors, with broadcasting.
#include "core/engine/broadcast.h"
#include "core/engine/op.h"

#include <math.h>
#include <string.h>
#include <tgmath.h>

// z[i] = f(x[i·sx], y[i·sy]) for a row.
typedef void (*binary_kernel)(const void *x, int64_t sx, const void *y, int64_t sy, void *z,
                              int64_t count);

typedef struct binary {
  binary_kernel kernels[4]; // by bd_wide; NULL: not for that type
  bool test;                // the result is bool
} binary;

// A row's strides are mostly 0 or 1; those cases are what the compiler vectorizes.
#define KERNEL(NAME, T, R, EXPRESSION)                                                             \
  static inline R NAME##_##T##_one(T a, T b) {                                                     \
    return (R)(EXPRESSION);                                                                        \
  }                                                                                                \
  static void NAME##_##T(const void *x, int64_t sx, const void *y, int64_t sy, void *z,            \
                         int64_t count) {                                                          \
    const T *p = x, *q = y;                                                                        \
    R *r = z;                                                                                      \
    if (sx == 1 && sy == 1) {                                                                      \
      for (int64_t i = 0; i < count; i++)                                                          \
        r[i] = NAME##_##T##_one(p[i], q[i]);                                                       \
    } else if (sx == 1 && sy == 0) {                                                               \
      T b = *q;                                                                                    \
      for (int64_t i = 0; i < count; i++)                                                          \
        r[i] = NAME##_##T##_one(p[i], b);                                                          \
    } else if (sx == 0 && sy == 1) {                                                               \
      T a = *p;                                                                                    \
      for (int64_t i = 0; i < count; i++)                                                          \
        r[i] = NAME##_##T##_one(a, q[i]);                                                          \
    } else {                                                                                       \
      for (int64_t i = 0; i < count; i++)                                                          \
        r[i] = NAME##_##T##_one(p[i * sx], q[i * sy]);                                             \
    }                                                                                              \
  }
#define NUMBERS(NAME, EXPRESSION)                                                                  \
  KERNEL(NAME, float, float, EXPRESSION)                                                           \
  KERNEL(NAME, double, double, EXPRESSION)                                                         \
  KERNEL(NAME, uint64_t, uint64_t, EXPRESSION)
#define TESTS(NAME, EXPRESSION)                                                                    \
  KERNEL(NAME, float, uint8_t, EXPRESSION)                                                         \
  KERNEL(NAME, double, uint8_t, EXPRESSION)                                                        \
  KERNEL(NAME, int64_t, uint8_t, EXPRESSION)                                                       \
  KERNEL(NAME, uint64_t, uint8_t, EXPRESSION)
#define ALL(NAME) NAME##_float, NAME##_double, NAME##_int64_t, NAME##_uint64_t
// Sums and products of integers wrap: unsigned arithmetic gives the bits for both.
#define WRAPPING(NAME) NAME##_float, NAME##_double, NAME##_uint64_t, NAME##_uint64_t

NUMBERS(add, a + b)
NUMBERS(subtract, a - b)
NUMBERS(multiply, a *b)
KERNEL(divide, float, float, a / b)
KERNEL(divide, double, double, a / b)
KERNEL(divide, int64_t, int64_t, b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
KERNEL(divide, uint64_t, uint64_t, b == 0 ? 0 : a / b)
// NaN where either is.
KERNEL(maximum, float, float, a > b || a != a ? a : b)
KERNEL(maximum, double, double, a > b || a != a ? a : b)
KERNEL(maximum, int64_t, int64_t, a > b ? a : b)
KERNEL(maximum, uint64_t, uint64_t, a > b ? a : b)
KERNEL(minimum, float, float, a < b || a != a ? a : b)
KERNEL(minimum, double, double, a < b || a != a ? a : b)
KERNEL(minimum, int64_t, int64_t, a < b ? a : b)
KERNEL(minimum, uint64_t, uint64_t, a < b ? a : b)
KERNEL(power, float, float, b == 2 ? a * a : b == (float)0.5 ? sqrt(a) : pow(a, b))
KERNEL(power, double, double, pow(a, b))
KERNEL(prelu, float, float, a < 0 ? a * b : a)
KERNEL(prelu, double, double, a < 0 ? a * b : a)
KERNEL(prelu, int64_t, int64_t, a < 0 ? (int64_t)((uint64_t)a * (uint64_t)b) : a)
KERNEL(prelu, uint64_t, uint64_t, ((void)b, a))
TESTS(equal, a == b)
TESTS(greater, a > b)
TESTS(less, a < b)
TESTS(at_least, a >= b)
TESTS(at_most, a <= b)
KERNEL(both, uint64_t, uint8_t, a &&b)
KERNEL(either, uint64_t, uint8_t, a || b)
KERNEL(one_of, uint64_t, uint8_t, !a != !b)
KERNEL(bits_and, uint64_t, uint64_t, a &b)
KERNEL(bits_or, uint64_t, uint64_t, a | b)
KERNEL(bits_xor, uint64_t, uint64_t, a ^ b)
KERNEL(shift_left, uint64_t, uint64_t, b < 64 ? a << b : 0)
KERNEL(shift_right, uint64_t, uint64_t, b < 64 ? a >> b : 0)
// The sign of the divisor, as in Python; fmod has the dividend's, as in C.
KERNEL(modulo, float, float, b == 0 ? NAN : a - floor(a / b) * b)
KERNEL(modulo, double, double, b == 0 ? NAN : a - floor(a / b) * b)
KERNEL(modulo, int64_t, int64_t, b == 0 || b == -1 ? 0 : (a % b + b) % b)
KERNEL(modulo, uint64_t, uint64_t, b == 0 ? 0 : a % b)
KERNEL(c_modulo, float, float, fmod(a, b))
KERNEL(c_modulo, double, double, fmod(a, b))
KERNEL(c_modulo, int64_t, int64_t, b == 0 || b == -1 ? 0 : a % b)
KERNEL(c_modulo, uint64_t, uint64_t, b == 0 ? 0 : a % b)

// --- shapes --------------------------------------------------------------------------------------

// Before opset 7 the second tensor's axes stood at `axis` of the first one's, or at its end.
static bd_tensor old_second(const bd_call *call) {
  bd_tensor second = *bd_in(call, 1);
  int rank = bd_in(call, 0)->rank, axis = (int)bd_attr_int(call, "axis", rank - second.rank);
  if (axis < 0) axis += rank;
  if (strcmp(call->op->name, "PRelu") == 0 && second.rank == 1) axis = 1;
  for (int i = second.rank; call->opset < 7 && i < rank - axis && i < BD_DIMS_MAX; i++) {
    second.dims[i] = 1;
    second.rank++;
  }
  return second;
}

static bd_status infer(bd_call *call) {
  const bd_tensor *x = bd_in(call, 0), *y = bd_in(call, 1);
  const binary *self = call->op->kernel;
  int64_t dims[BD_DIMS_MAX];
  int rank;
  if (x->type != y->type)
    return bd_bad(call, "its inputs are %s and %s: they must agree", bd_type_name(x->type),
                  bd_type_name(y->type));
  if (!self->kernels[bd_type_wide(x->type)]) return bd_bad_type(call, x->type);
  bd_tensor second = old_second(call), *in[] = {call->in[0], &second};
  bd_call seen = *call;
  seen.in = in;
  seen.in_count = 2;
  BD_TRY(bd_broadcast_shape(&seen, 0, 2, dims, &rank));
  return bd_out(call, 0, self->test ? BD_TYPE_BOOL : x->type, rank, dims);
}

typedef struct row_work {
  binary_kernel kernel;
  const char *x, *y;
  char *z;
  size_t in_size, out_size;
} row_work;

static void visit(void *arg, const bd_walk *walk, const int64_t *at, int64_t done) {
  const row_work *w = arg;
  int last = walk->rank - 1;
  w->kernel(w->x + (size_t)at[0] * w->in_size, walk->strides[0][last],
            w->y + (size_t)at[1] * w->in_size, walk->strides[1][last],
            w->z + (size_t)done * w->out_size, walk->dims[last]);
}

static const void *widened(const bd_call *call, const bd_tensor *tensor) {
  if (bd_type_is_wide(tensor->type)) return tensor->data;
  void *wide = bd_take(call, tensor->count + 1, 8);
  if (wide) bd_widen(tensor->type, tensor->data, tensor->count, wide);
  return wide;
}

// out = f(x, y); x may be out.
static bd_status combine(const bd_call *call, const binary *self, const bd_tensor *x,
                         const bd_tensor *y, bd_tensor *out) {
  bool direct = self->test || bd_type_is_wide(out->type);
  bd_wide wide = bd_type_wide(x->type);
  row_work work = {.kernel = self->kernels[wide], .x = widened(call, x), .y = widened(call, y)};
  work.in_size = wide == BD_WIDE_FLOAT ? 4 : 8;
  work.out_size = self->test ? 1 : work.in_size;
  work.z = direct ? out->data : bd_take(call, out->count + 1, 8);
  if (!work.x || !work.y || !work.z) return bd_no_memory(call);
  bd_walk walk;
  if (out->last) {
    walk = (bd_walk){.rank = 1, .tensors = 2, .dims = {out->count}};
    walk.strides[0][0] = x->count == 1 ? 0 : 1;
    walk.strides[1][0] = y->count == 1 ? 0 : 1;
  } else {
    bd_walk_start(&walk, (const bd_tensor *[]){x, y}, 2, out->dims, out->rank);
  }
  bd_walk_rows(&walk, visit, &work);
  if (!direct) bd_narrow(out->type, work.z, out->count, out->data);
  return BD_OK;
}

static bd_status run_with(bd_call *call, const binary *self) {
  bd_tensor second = old_second(call);
  if (!call->out[0]) return BD_OK;
  return combine(call, self, bd_in(call, 0), &second, call->out[0]);
}

static bd_status run(bd_call *call) {
  return run_with(call, call->op->kernel);
}

// --- those with an attribute ---------------------------------------------------------------------

static bd_status run_shift(bd_call *call) {
  static const binary left = {.kernels = {NULL, NULL, NULL, shift_left_uint64_t}};
  static const binary right = {.kernels = {NULL, NULL, NULL, shift_right_uint64_t}};
  return run_with(call, bd_attr_is(call, "direction", "LEFT", false) ? &left : &right);
}

static bd_status run_modulo(bd_call *call) {
  static const binary as_c = {.kernels = {ALL(c_modulo)}};
  return run_with(call, bd_attr_int(call, "fmod", 0) ? &as_c : call->op->kernel);
}

// --- Pow: the exponent may be of another type ----------------------------------------------------

static bd_status infer_power(bd_call *call) {
  int64_t dims[BD_DIMS_MAX];
  int rank;
  BD_TRY(bd_broadcast_shape(call, 0, 2, dims, &rank));
  if (bd_in(call, 0)->type == BD_TYPE_BOOL) return bd_bad_type(call, BD_TYPE_BOOL);
  return bd_out(call, 0, bd_in(call, 0)->type, rank, dims);
}

static bd_status run_power(bd_call *call) {
  static const binary self = {.kernels = {power_float, power_double}};
  const bd_tensor *x = bd_in(call, 0), *y = bd_in(call, 1);
  bd_tensor *out = call->out[0];
  if (!out) return BD_OK;
  if (x->type == y->type && x->type == BD_TYPE_FLOAT) return run_with(call, &self);
  bd_tensor a = *x, b = *y, c = *out;
  a.type = b.type = c.type = BD_TYPE_DOUBLE;
  a.data = bd_take(call, a.count + 1, 8);
  b.data = bd_take(call, b.count + 1, 8);
  c.data = bd_take(call, c.count + 1, 8);
  if (!a.data || !b.data || !c.data) return bd_no_memory(call);
  bd_convert(x->type, x->data, BD_TYPE_DOUBLE, a.data, a.count);
  bd_convert(y->type, y->data, BD_TYPE_DOUBLE, b.data, b.count);
  BD_TRY(combine(call, &self, &a, &b, &c));
  bd_convert(BD_TYPE_DOUBLE, c.data, out->type, out->data, out->count);
  return BD_OK;
}

// --- any number of tensors -----------------------------------------------------------------------

static bd_status infer_many(bd_call *call) {
  const binary *self = call->op->kernel;
  int64_t dims[BD_DIMS_MAX];
  int rank;
  bd_type type = bd_in(call, 0)->type;
  for (int i = 0; i < call->in_count; i++)
    if (!bd_in(call, i) || bd_in(call, i)->type != type)
      return bd_bad(call, "its inputs are of different types");
  if (!self->kernels[bd_type_wide(type)]) return bd_bad_type(call, type);
  BD_TRY(bd_broadcast_shape(call, 0, call->in_count, dims, &rank));
  return bd_out(call, 0, type, rank, dims);
}

static bd_status run_many(bd_call *call) {
  bd_tensor *out = call->out[0];
  const bd_tensor *so_far = bd_in(call, 0);
  if (!out) return BD_OK;
  if (call->in_count == 1) {
    if (out->data != so_far->data) memcpy(out->data, so_far->data, bd_tensor_bytes(out));
    return BD_OK;
  }
  for (int i = 1; i < call->in_count; i++) {
    BD_TRY(combine(call, call->op->kernel, so_far, bd_in(call, i), out));
    so_far = out;
  }
  return BD_OK;
}

static bd_status run_mean(bd_call *call) {
  bd_tensor *out = call->out[0];
  BD_TRY(run_many(call));
  double count = call->in_count;
  for (int64_t i = 0; out && out->type == BD_TYPE_FLOAT && i < out->count; i++)
    ((float *)out->data)[i] = (float)((double)((float *)out->data)[i] / count);
  for (int64_t i = 0; out && out->type == BD_TYPE_DOUBLE && i < out->count; i++)
    ((double *)out->data)[i] /= count;
  return BD_OK;
}

// --- Where ---------------------------------------------------------------------------------------

static bd_status infer_where(bd_call *call) {
  int64_t dims[BD_DIMS_MAX];
  int rank;
  if (bd_in(call, 0)->type != BD_TYPE_BOOL || bd_in(call, 1)->type != bd_in(call, 2)->type)
    return bd_bad(call, "needs a bool and two tensors of one type");
  BD_TRY(bd_broadcast_shape(call, 0, 3, dims, &rank));
  return bd_out(call, 0, bd_in(call, 1)->type, rank, dims);
}

typedef struct where_work {
  const uint8_t *condition;
  const char *x, *y;
  char *z;
  size_t size;
} where_work;

static void visit_where(void *arg, const bd_walk *walk, const int64_t *at, int64_t done) {
  const where_work *w = arg;
  int last = walk->rank - 1;
  for (int64_t i = 0; i < walk->dims[last]; i++) {
    bool chosen = w->condition[at[0] + i * walk->strides[0][last]];
    int64_t from = chosen ? at[1] + i * walk->strides[1][last] : at[2] + i * walk->strides[2][last];
    memcpy(w->z + (size_t)(done + i) * w->size, (chosen ? w->x : w->y) + (size_t)from * w->size,
           w->size);
  }
}

static bd_status run_where(bd_call *call) {
  bd_tensor *out = call->out[0];
  bd_walk walk;
  if (!out) return BD_OK;
  where_work work = {bd_in(call, 0)->data, bd_in(call, 1)->data, bd_in(call, 2)->data, out->data,
                     bd_type_size(out->type)};
  bd_walk_start(&walk, (const bd_tensor *[]){bd_in(call, 0), bd_in(call, 1), bd_in(call, 2)}, 3,
                out->dims, out->rank);
  bd_walk_rows(&walk, visit_where, &work);
  return BD_OK;
}

#define ROW(NAME, SINCE, RUN, ...)                                                                 \
  {                                                                                                \
    NAME, SINCE, 0, 2, 2, infer, RUN, BD_LAYOUT_FOLLOW, BD_OP_INPLACE, &(const binary) {           \
      __VA_ARGS__                                                                                  \
    }                                                                                              \
  }
#define TEST(NAME, SINCE, ...)                                                                     \
  {                                                                                                \
    NAME, SINCE, 0, 2, 2, infer, run, BD_LAYOUT_PLAIN, 0, &(const binary) {                        \
      .kernels = {__VA_ARGS__}, .test = true                                                       \
    }                                                                                              \
  }
#define MANY(NAME, RUN, ...)                                                                       \
  {                                                                                                \
    NAME, 1, 0, 1, -1, infer_many, RUN, BD_LAYOUT_FOLLOW, 0, &(const binary) {                     \
      .kernels = { __VA_ARGS__ }                                                                   \
    }                                                                                              \
  }

const bd_op bd_ops_binary[] = {
    ROW("Add", 1, run, .kernels = {WRAPPING(add)}),
    ROW("Sub", 1, run, .kernels = {WRAPPING(subtract)}),
    ROW("Mul", 1, run, .kernels = {WRAPPING(multiply)}),
    ROW("Div", 1, run, .kernels = {ALL(divide)}),
    ROW("PRelu", 1, run, .kernels = {ALL(prelu)}),
    ROW("Mod", 10, run_modulo, .kernels = {ALL(modulo)}),
    ROW("BitShift", 11, run_shift, .kernels = {NULL, NULL, NULL, shift_left_uint64_t}),
    ROW("BitwiseAnd", 18, run, .kernels = {NULL, NULL, bits_and_uint64_t, bits_and_uint64_t}),
    ROW("BitwiseOr", 18, run, .kernels = {NULL, NULL, bits_or_uint64_t, bits_or_uint64_t}),
    ROW("BitwiseXor", 18, run, .kernels = {NULL, NULL, bits_xor_uint64_t, bits_xor_uint64_t}),
    TEST("Equal", 1, ALL(equal)),
    TEST("Greater", 1, ALL(greater)),
    TEST("Less", 1, ALL(less)),
    TEST("GreaterOrEqual", 12, ALL(at_least)),
    TEST("LessOrEqual", 12, ALL(at_most)),
    TEST("And", 1, NULL, NULL, NULL, both_uint64_t),
    TEST("Or", 1, NULL, NULL, NULL, either_uint64_t),
    TEST("Xor", 1, NULL, NULL, NULL, one_of_uint64_t),
    MANY("Sum", run_many, WRAPPING(add)),
    MANY("Max", run_many, ALL(maximum)),
    MANY("Min", run_many, ALL(minimum)),
    MANY("Mean", run_mean, add_float, add_double),
    {"Pow", 1, 0, 2, 2, infer_power, run_power, BD_LAYOUT_FOLLOW, 0, NULL},
    {"Where", 9, 0, 3, 3, infer_where, run_where, BD_LAYOUT_PLAIN, 0, NULL},
    {0},
};
