// Normalizations and softmax.
#include "core/engine/op.h"

#include <math.h>
#include <string.h>

static bd_status check_real(const bd_call *call) {
  bd_type type = bd_in(call, 0)->type;
  return bd_type_is_real(type) ? BD_OK : bd_bad_type(call, type);
}

// --- Softmax and its kin -------------------------------------------------------------------------

// Rows along an axis: outer × length × inner. Before opset 13 everything from the axis on was one.
typedef struct rows {
  int64_t outer, length, inner;
} rows;

static bd_status rows_of(const bd_call *call, rows *r) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  bool old = call->opset < 13;
  if (in->rank == 0) return *r = (rows){1, 1, 1}, BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", old ? 1 : -1), in->rank + (old && in->rank == 1),
                 &axis));
  r->outer = bd_dims_product(in->dims, 0, axis);
  r->length = old ? bd_dims_product(in->dims, axis, in->rank) : in->dims[axis];
  r->inner = old ? 1 : bd_dims_product(in->dims, axis + 1, in->rank);
  return BD_OK;
}

static bd_status infer_softmax(bd_call *call) {
  rows r;
  BD_TRY(check_real(call));
  BD_TRY(rows_of(call, &r));
  return bd_out_like(call, 0, bd_in(call, 0));
}

typedef void (*row_function)(const float *in, float *out, int64_t length, int64_t stride);

static float greatest(const float *in, int64_t length, int64_t stride) {
  float most = -INFINITY;
  for (int64_t i = 0; i < length; i++)
    most = in[i * stride] > most ? in[i * stride] : most;
  return most;
}

static void softmax_row(const float *in, float *out, int64_t length, int64_t stride) {
  float most = greatest(in, length, stride);
  double sum = 0;
  for (int64_t i = 0; i < length; i++) {
    out[i * stride] = expf(in[i * stride] - most);
    sum += (double)out[i * stride];
  }
  for (int64_t i = 0; i < length; i++)
    out[i * stride] = (float)((double)out[i * stride] / sum);
}

static void log_softmax_row(const float *in, float *out, int64_t length, int64_t stride) {
  float most = greatest(in, length, stride);
  double sum = 0;
  for (int64_t i = 0; i < length; i++)
    sum += (double)expf(in[i * stride] - most);
  double lost = (double)most + log(sum);
  for (int64_t i = 0; i < length; i++)
    out[i * stride] = (float)((double)in[i * stride] - lost);
}

static void hardmax_row(const float *in, float *out, int64_t length, int64_t stride) {
  int64_t best = 0;
  for (int64_t i = 1; i < length; i++)
    if (in[i * stride] > in[best * stride]) best = i;
  for (int64_t i = 0; i < length; i++)
    out[i * stride] = i == best;
}

static bd_status run_rows(bd_call *call, row_function function) {
  const bd_tensor *in = bd_in(call, 0);
  rows r;
  if (!call->out[0]) return BD_OK;
  BD_TRY(rows_of(call, &r));
  for (int64_t o = 0; o < r.outer && r.length; o++)
    for (int64_t i = 0; i < r.inner; i++) {
      int64_t at = o * r.length * r.inner + i;
      function((const float *)in->data + at, (float *)call->out[0]->data + at, r.length, r.inner);
    }
  return BD_OK;
}

static bd_status run_softmax(bd_call *call) {
  return run_rows(call, softmax_row);
}

static bd_status run_log_softmax(bd_call *call) {
  return run_rows(call, log_softmax_row);
}

static bd_status run_hardmax(bd_call *call) {
  return run_rows(call, hardmax_row);
}

static void lp_row(const float *in, float *out, int64_t length, int64_t stride, bool squares) {
  double sum = 0;
  for (int64_t i = 0; i < length; i++) {
    double v = (double)in[i * stride];
    sum += squares ? v * v : fabs(v);
  }
  double norm = squares ? sqrt(sum) : sum;
  for (int64_t i = 0; i < length; i++)
    out[i * stride] = norm > 0 ? (float)((double)in[i * stride] / norm) : 0;
}

static bd_status run_lp_norm(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  if (!call->out[0] || in->rank == 0) return BD_OK;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), in->rank, &axis));
  int64_t length = in->dims[axis], inner = bd_dims_product(in->dims, axis + 1, in->rank);
  for (int64_t o = 0; o < bd_dims_product(in->dims, 0, axis); o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t at = o * length * inner + i;
      lp_row((const float *)in->data + at, (float *)call->out[0]->data + at, length, inner,
             bd_attr_int(call, "p", 2) == 2);
    }
  return BD_OK;
}

static bd_status infer_lp_norm(bd_call *call) {
  int axis;
  BD_TRY(check_real(call));
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), bd_in(call, 0)->rank, &axis));
  return bd_out_like(call, 0, bd_in(call, 0));
}

// --- BatchNormalization: as in inference ---------------------------------------------------------

static bd_status infer_batch(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  BD_TRY(check_real(call));
  if (in->rank < 2) return bd_bad(call, "its input has rank %d", in->rank);
  bool trains = bd_attr_int(call, "training_mode", 0) ||
                (call->opset < 7 && bd_attr_int(call, "is_test", 0) == 0 && call->out_count > 1);
  if (trains) return bd_bad(call, "is in training mode, which is not written");
  if (call->opset < 9 && bd_attr_int(call, "spatial", 1) == 0)
    return bd_bad(call, "spatial = 0 is not written");
  for (int i = 1; i < 5; i++)
    if (bd_in(call, i)->count != in->dims[1] || !bd_type_is_real(bd_in(call, i)->type))
      return bd_bad(call, "input %d has %lld values for %lld channels", i,
                    (long long)bd_in(call, i)->count, (long long)in->dims[1]);
  return bd_out_like(call, 0, in);
}

static bd_status run_batch(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  const float *scale = bd_in(call, 1)->data, *shift = bd_in(call, 2)->data;
  const float *mean = bd_in(call, 3)->data, *variance = bd_in(call, 4)->data;
  float epsilon = bd_attr_float(call, "epsilon", 1e-5f);
  int64_t size = bd_dims_product(in->dims, 2, in->rank), channels = in->dims[1];
  for (int64_t i = 0; call->out[0] && i < in->dims[0] * channels; i++) {
    int64_t c = i % channels;
    float a = scale[c] / sqrtf(variance[c] + epsilon), b = shift[c] - mean[c] * a;
    const float *x = (const float *)in->data + i * size;
    float *y = (float *)call->out[0]->data + i * size;
    for (int64_t k = 0; k < size; k++)
      y[k] = x[k] * a + b;
  }
  return BD_OK;
}

// --- over the elements of a group ----------------------------------------------------------------

typedef struct moments {
  double mean, inverse; // 1 / sqrt(variance + epsilon)
} moments;

static moments moments_of(const float *x, int64_t count, float epsilon, bool centred) {
  double sum = 0, square = 0;
  for (int64_t i = 0; centred && i < count; i++)
    sum += (double)x[i];
  double mean = count ? sum / (double)count : 0;
  for (int64_t i = 0; i < count; i++) {
    double d = (double)x[i] - mean;
    square += d * d;
  }
  double variance = count ? square / (double)count : 0;
  return (moments){mean, 1 / sqrt(variance + (double)epsilon)};
}

static bd_status infer_instance(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  BD_TRY(check_real(call));
  if (in->rank < 3) return bd_bad(call, "its input has rank %d", in->rank);
  int64_t groups = bd_attr_int(call, "num_groups", in->dims[1]);
  bool by_group = call->opset < 21 && groups != in->dims[1];
  if (groups < 1 || in->dims[1] % groups)
    return bd_bad(call, "%lld channels do not make %lld groups", (long long)in->dims[1],
                  (long long)groups);
  for (int i = 1; i < 3; i++)
    if (bd_in(call, i)->count != (by_group ? groups : in->dims[1]))
      return bd_bad(call, "input %d has %lld values", i, (long long)bd_in(call, i)->count);
  return bd_out_like(call, 0, in);
}

// InstanceNormalization: every channel is a group.
static bd_status run_instance(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *scale = bd_in(call, 1);
  int64_t size = bd_dims_product(in->dims, 2, in->rank), channels = in->dims[1];
  int64_t groups = bd_attr_int(call, "num_groups", channels), each = channels / groups;
  float epsilon = bd_attr_float(call, "epsilon", 1e-5f);
  bool by_group = scale->count != channels;
  for (int64_t g = 0; call->out[0] && g < in->dims[0] * groups; g++) {
    const float *x = (const float *)in->data + g * each * size;
    float *y = (float *)call->out[0]->data + g * each * size;
    moments m = moments_of(x, each * size, epsilon, true);
    for (int64_t k = 0; k < each * size; k++) {
      int64_t c = by_group ? g % groups : g % groups * each + k / size;
      double a = (double)((const float *)scale->data)[c] * m.inverse;
      y[k] =
          (float)(((double)x[k] - m.mean) * a + (double)((const float *)bd_in(call, 2)->data)[c]);
    }
  }
  return BD_OK;
}

static bool repeats_into(const bd_tensor *tensor, const bd_tensor *in, int axis) {
  int64_t count = bd_dims_product(in->dims, axis, in->rank);
  return tensor->count == count || (tensor->count > 0 && count % tensor->count == 0 &&
                                    tensor->dims[tensor->rank - 1] == in->dims[in->rank - 1]);
}

static bd_status infer_layer(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int axis;
  BD_TRY(check_real(call));
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), in->rank, &axis));
  for (int i = 1; i < call->in_count; i++)
    if (bd_in(call, i) && (bd_in(call, i)->rank < 1 || !repeats_into(bd_in(call, i), in, axis)))
      return bd_bad(call, "input %d does not go with its input", i);
  int64_t dims[BD_DIMS_MAX];
  for (int i = 0; i < in->rank; i++)
    dims[i] = i < axis ? in->dims[i] : 1;
  BD_TRY(bd_out(call, 0, in->type, in->rank, in->dims));
  BD_TRY(bd_out(call, 1, BD_TYPE_FLOAT, in->rank, dims));
  return bd_out(call, 2, BD_TYPE_FLOAT, in->rank, dims);
}

static bd_status run_layer_norm(bd_call *call, bool centred) {
  const bd_tensor *in = bd_in(call, 0), *scale = bd_in(call, 1), *shift = bd_in(call, 2);
  float epsilon = bd_attr_float(call, "epsilon", 1e-5f);
  int axis;
  BD_TRY(bd_axis(call, bd_attr_int(call, "axis", -1), in->rank, &axis));
  int64_t size = bd_dims_product(in->dims, axis, in->rank);
  for (int64_t r = 0; size && r < in->count / size; r++) {
    const float *x = (const float *)in->data + r * size;
    moments m = moments_of(x, size, epsilon, centred);
    if (call->out_count > 1 && call->out[1]) ((float *)call->out[1]->data)[r] = (float)m.mean;
    if (call->out_count > 2 && call->out[2]) ((float *)call->out[2]->data)[r] = (float)m.inverse;
    float *y = call->out[0] ? (float *)call->out[0]->data + r * size : NULL;
    for (int64_t k = 0; y && k < size; k++) {
      double v = ((double)x[k] - m.mean) * m.inverse;
      if (scale) v *= (double)((const float *)scale->data)[k % scale->count];
      if (shift) v += (double)((const float *)shift->data)[k % shift->count];
      y[k] = (float)v;
    }
  }
  return BD_OK;
}

static bd_status run_layer(bd_call *call) {
  return run_layer_norm(call, true);
}

static bd_status run_rms(bd_call *call) {
  return run_layer_norm(call, false);
}

// --- LRN -----------------------------------------------------------------------------------------

static bd_status infer_lrn(bd_call *call) {
  BD_TRY(check_real(call));
  if (bd_in(call, 0)->rank < 2 || bd_attr_int(call, "size", 0) < 1)
    return bd_bad(call, "needs channels and a size");
  return bd_out_like(call, 0, bd_in(call, 0));
}

static bd_status run_lrn(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t n = bd_attr_int(call, "size", 1), channels = in->dims[1];
  int64_t size = bd_dims_product(in->dims, 2, in->rank);
  double alpha = (double)bd_attr_float(call, "alpha", 1e-4f) / (double)n;
  double beta = (double)bd_attr_float(call, "beta", 0.75f);
  double bias = (double)bd_attr_float(call, "bias", 1);
  for (int64_t i = 0; call->out[0] && i < in->count; i++) {
    int64_t c = i / size % channels, from = c - (n - 1) / 2, to = c + n / 2;
    const float *first = (const float *)in->data + i - c * size;
    double sum = 0;
    for (int64_t k = from < 0 ? 0 : from; k <= to && k < channels; k++)
      sum += (double)first[k * size] * (double)first[k * size];
    ((float *)call->out[0]->data)[i] =
        (float)((double)((const float *)in->data)[i] / pow(bias + alpha * sum, beta));
  }
  return BD_OK;
}

// --- MeanVarianceNormalization -------------------------------------------------------------------

static bd_status mvn_axes(bd_call *call, bool *chosen) {
  const bd_tensor *in = bd_in(call, 0);
  bool given;
  BD_TRY(bd_axes(call, -1, "axes", in->rank, chosen, &given));
  for (int i = 0; !given && i < in->rank; i++)
    chosen[i] = i != 1;
  return BD_OK;
}

static bd_status infer_mvn(bd_call *call) {
  bool chosen[BD_DIMS_MAX];
  BD_TRY(check_real(call));
  BD_TRY(mvn_axes(call, chosen));
  return bd_out_like(call, 0, bd_in(call, 0));
}

// Which group an element belongs to: its index without the chosen axes.
static int64_t group_of(const bd_tensor *in, const bool *chosen, int64_t at) {
  int64_t group = 0, step = 1;
  for (int axis = in->rank - 1; axis >= 0; axis--) {
    int64_t index = at % in->dims[axis];
    at /= in->dims[axis];
    if (chosen[axis]) continue;
    group += index * step;
    step *= in->dims[axis];
  }
  return group;
}

static bd_status run_mvn(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool chosen[BD_DIMS_MAX];
  int64_t groups = 1;
  if (!call->out[0] || !in->count) return BD_OK;
  BD_TRY(mvn_axes(call, chosen));
  for (int i = 0; i < in->rank; i++)
    groups *= chosen[i] ? 1 : in->dims[i];
  double *mean = bd_take(call, groups, sizeof *mean), *square = bd_take(call, groups, sizeof *mean);
  if (!mean || !square) return bd_no_memory(call);
  memset(mean, 0, (size_t)groups * sizeof *mean);
  memset(square, 0, (size_t)groups * sizeof *mean);
  double each = (double)(in->count / groups);
  const float *x = in->data;
  for (int64_t i = 0; i < in->count; i++)
    mean[group_of(in, chosen, i)] += (double)x[i] / each;
  for (int64_t i = 0; i < in->count; i++) {
    int64_t g = group_of(in, chosen, i);
    square[g] += ((double)x[i] - mean[g]) * ((double)x[i] - mean[g]) / each;
  }
  for (int64_t i = 0; i < in->count; i++) {
    int64_t g = group_of(in, chosen, i);
    ((float *)call->out[0]->data)[i] = (float)(((double)x[i] - mean[g]) / (sqrt(square[g]) + 1e-9));
  }
  return BD_OK;
}

#define ROW(NAME, SINCE, UNTIL, LEAST, MOST, INFER, RUN)                                           \
  { NAME, SINCE, UNTIL, LEAST, MOST, INFER, RUN, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL }

const bd_op bd_ops_norm[] = {
    ROW("Softmax", 1, 0, 1, 1, infer_softmax, run_softmax),
    ROW("LogSoftmax", 1, 0, 1, 1, infer_softmax, run_log_softmax),
    ROW("Hardmax", 1, 0, 1, 1, infer_softmax, run_hardmax),
    ROW("LpNormalization", 1, 0, 1, 1, infer_lp_norm, run_lp_norm),
    ROW("BatchNormalization", 1, 0, 5, 5, infer_batch, run_batch),
    ROW("InstanceNormalization", 1, 0, 3, 3, infer_instance, run_instance),
    ROW("GroupNormalization", 18, 0, 3, 3, infer_instance, run_instance),
    ROW("LayerNormalization", 17, 0, 2, 3, infer_layer, run_layer),
    ROW("RMSNormalization", 23, 0, 2, 2, infer_layer, run_rms),
    ROW("LRN", 1, 0, 1, 1, infer_lrn, run_lrn),
    ROW("MeanVarianceNormalization", 9, 0, 1, 1, infer_mvn, run_mvn),
    {0},
};
