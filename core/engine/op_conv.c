// Conv and ConvTranspose.
#include "core/engine/conv.h"
#include "core/engine/op.h"
#include "core/engine/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bd_conv {
  bd_conv_shape shape;
  bd_dnnl_conv *dnnl; // NULL: by winograd.c
};

// --- geometry ------------------------------------------------------------------------------------

// One spatial axis becomes two, of which the first is trivial.
static void take_window(bd_conv_shape *shape, const bd_window *w) {
  shape->spatial = w->spatial == 3 ? 3 : 2;
  int skip = shape->spatial - w->spatial;
  for (int i = 0; i < skip; i++)
    shape->in[i] = shape->out[i] = shape->kernel[i] = shape->stride[i] = shape->dilation[i] = 1;
  for (int i = 0; i < w->spatial; i++) {
    shape->in[i + skip] = w->in[i];
    shape->out[i + skip] = w->out[i];
    shape->kernel[i + skip] = w->kernel[i];
    shape->stride[i + skip] = w->stride[i];
    shape->dilation[i + skip] = w->dilation[i];
    shape->low[i + skip] = w->low[i];
    // what the last window does not reach is no padding: it may even be cut
    shape->high[i + skip] = (w->out[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] +
                            1 - w->in[i] - w->low[i];
  }
}

static bd_status check_weights(const bd_call *call) {
  const bd_tensor *x = bd_in(call, 0), *w = bd_in(call, 1), *b = bd_in(call, 2);
  if (w->rank != x->rank || x->rank < 3)
    return bd_bad(call, "its input has rank %d, its weights %d: both need the same, 3 to 5",
                  x->rank, w->rank);
  if (!bd_type_is_real(x->type)) return bd_bad_type(call, x->type);
  if (w->type != x->type || (b && b->type != x->type))
    return bd_bad(call, "its input is %s, its weights %s: they must agree", bd_type_name(x->type),
                  bd_type_name(b && w->type == x->type ? b->type : w->type));
  return BD_OK;
}

static bd_status check_channels(const bd_call *call, const bd_conv_shape *s) {
  const bd_tensor *w = bd_in(call, 1), *b = bd_in(call, 2);
  int64_t expected = s->transposed ? s->in_channels : s->in_channels / s->groups;
  int64_t found = s->transposed ? w->dims[0] : w->dims[1];
  if (s->in_channels < 1 || s->out_channels < 1 || s->in_channels % s->groups ||
      s->out_channels % s->groups)
    return bd_bad(call, "%lld input and %lld output channels do not make %lld groups",
                  (long long)s->in_channels, (long long)s->out_channels, (long long)s->groups);
  if (found != expected)
    return bd_bad(call, "its weights are for %lld channels of input, not %lld", (long long)found,
                  (long long)expected);
  if (b && (b->rank != 1 || b->count != s->out_channels))
    return bd_bad(call, "its bias has %lld values for %lld channels", (long long)b->count,
                  (long long)s->out_channels);
  return BD_OK;
}

static bd_status transposed_window(const bd_call *call, bd_window *w);

bd_status bd_conv_shape_of(const bd_call *call, bd_conv_shape *shape) {
  const bd_tensor *x = bd_in(call, 0), *w = bd_in(call, 1);
  memset(shape, 0, sizeof *shape);
  BD_TRY(check_weights(call));
  shape->transposed = strcmp(call->op->name, "ConvTranspose") == 0;
  shape->groups = bd_attr_int(call, "group", 1);
  if (shape->groups < 1 || shape->groups > x->dims[1])
    return bd_bad(call, "group says %lld for %lld channels", (long long)shape->groups,
                  (long long)x->dims[1]);
  shape->batch = x->dims[0];
  shape->in_channels = x->dims[1];
  shape->out_channels = shape->transposed ? w->dims[1] * shape->groups : w->dims[0];
  shape->bias = bd_in(call, 2) != NULL;
  BD_TRY(check_channels(call, shape));
  bd_window window;
  BD_TRY(shape->transposed ? transposed_window(call, &window)
                           : bd_window_of(call, w->dims + 2, &window));
  take_window(shape, &window);
  if (shape->transposed) {
    int skip = shape->spatial - window.spatial;
    for (int i = 0; i < window.spatial; i++)
      shape->high[i + skip] = window.high[i];
  }
  return BD_OK;
}

// Output size and padding of a ConvTranspose: padding is taken off the output.
static bd_status transposed_window(const bd_call *call, bd_window *w) {
  const bd_tensor *weights = bd_in(call, 1);
  const int64_t *extra, *wanted;
  BD_TRY(bd_window_of(call, weights->dims + 2, w));
  int extras = bd_attr_ints(call, "output_padding", &extra);
  int wants = bd_attr_ints(call, "output_shape", &wanted);
  if (wants > w->spatial) wanted += wants - w->spatial; // batch and channels in front
  bool upper = bd_attr_is(call, "auto_pad", "SAME_UPPER", false);
  bool same = upper || bd_attr_is(call, "auto_pad", "SAME_LOWER", false);
  for (int i = 0; i < w->spatial; i++) {
    int64_t add = i < extras ? extra[i] : 0;
    int64_t full = (w->in[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 + add;
    if (wants >= w->spatial || same) {
      w->out[i] = wants >= w->spatial ? wanted[i] : w->in[i] * w->stride[i];
      int64_t cut = full - w->out[i];
      w->low[i] = upper ? cut / 2 : cut - cut / 2;
      if (cut < 0) w->low[i] = 0;
    } else {
      w->out[i] = full - w->low[i] - w->high[i];
    }
    // so that in = (out + low + high - span) / stride + 1
    w->high[i] = full - add - w->out[i] - w->low[i];
    if (w->out[i] < 1 || add < 0 || w->in[i] < 1) return bd_bad(call, "its output would be empty");
  }
  return BD_OK;
}

static bd_status infer(bd_call *call) {
  const bd_tensor *x = bd_in(call, 0);
  bd_conv_shape shape;
  BD_TRY(bd_conv_shape_of(call, &shape));
  int64_t dims[BD_DIMS_MAX] = {shape.batch, shape.out_channels};
  for (int i = 2; i < x->rank; i++)
    dims[i] = shape.out[i - 2 + shape.spatial - (x->rank - 2)];
  return bd_out(call, 0, x->type, x->rank, dims);
}

// --- the primitive -------------------------------------------------------------------------------

bd_conv *bd_conv_make(const bd_conv_shape *shape, bool *fast) {
  bool ignored;
  bd_conv *conv = calloc(1, sizeof *conv);
  if (!conv) return NULL;
  conv->shape = *shape;
  if (bd_winograd_pays(shape)) {
    if (fast) *fast = true;
    return conv;
  }
  conv->dnnl = bd_dnnl_conv_new(shape, fast ? fast : &ignored);
  if (conv->dnnl) return conv;
  free(conv);
  return NULL;
}

void bd_conv_free(bd_conv *conv) {
  if (!conv) return;
  bd_dnnl_conv_free(conv->dnnl);
  free(conv);
}

static size_t padded(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

static size_t bias_bytes(const bd_conv *conv) {
  return conv->shape.bias ? padded((size_t)conv->shape.out_channels * sizeof(float)) : 0;
}

// The bias stands in front of the weights.
size_t bd_conv_packed(const bd_conv *conv) {
  return bias_bytes(conv) +
         padded(conv->dnnl ? bd_dnnl_conv_packed(conv->dnnl) : bd_winograd_packed(&conv->shape));
}

static void apply_affine(const bd_call *call, const bd_affine *affine, int64_t channels,
                         float *scale, float *shift) {
  const bd_tensor *const *in = (const bd_tensor *const *)call->in + affine->first;
  for (int64_t c = 0; c < channels; c++) {
    const float *first = in[0]->data;
    int64_t at = in[0]->count == 1 ? 0 : c;
    if (affine->kind == BD_AFFINE_SHIFT) {
      shift[c] += first[at];
    } else if (affine->kind == BD_AFFINE_SCALE) {
      scale[c] *= first[at];
      shift[c] *= first[at];
    } else {
      const float *beta = in[1]->data, *mean = in[2]->data, *variance = in[3]->data;
      float factor = first[c] / sqrtf(variance[c] + affine->epsilon);
      scale[c] *= factor;
      shift[c] = (shift[c] - mean[c]) * factor + beta[c];
    }
  }
}

// weights × each output channel's scale. Only a plain Conv is scaled: channels are axis 0.
static const float *scaled(const bd_call *call, const float *weights, int64_t count,
                           int64_t channels, const float *scale) {
  float *out = bd_take(call, count, sizeof *out);
  int64_t each = count / channels;
  for (int64_t c = 0; out && c < channels; c++)
    for (int64_t i = 0; i < each; i++)
      out[c * each + i] = weights[c * each + i] * scale[c];
  return out;
}

bd_status bd_conv_pack(const bd_call *call, const bd_conv *conv, void *packed) {
  const bd_tensor *w = bd_in(call, 1), *b = bd_in(call, 2);
  const bd_fusion *fusion = call->fusion;
  int64_t channels = conv->shape.out_channels;
  const float *weights = w->data;
  float *bias = packed;
  if (conv->shape.bias) memset(bias, 0, bias_bytes(conv));
  if (b) memcpy(bias, b->data, (size_t)channels * sizeof *bias);
  for (int64_t c = 0; call->shift && c < channels; c++)
    bias[c] = (float)((double)bias[c] + call->shift->values[c]);
  if (fusion && fusion->affine_count) {
    float *scale = bd_take(call, channels, sizeof *scale);
    if (!scale) return bd_no_memory(call);
    for (int64_t c = 0; c < channels; c++)
      scale[c] = 1;
    for (int i = 0; i < fusion->affine_count; i++)
      apply_affine(call, &fusion->affine[i], channels, scale, bias);
    weights = scaled(call, weights, w->count, channels, scale);
  }
  if (!weights) return bd_no_memory(call);
  void *after = (char *)packed + bias_bytes(conv);
  if (!conv->dnnl)
    bd_winograd_pack(&conv->shape, weights, after);
  else if (!bd_dnnl_conv_pack(conv->dnnl, weights, after))
    return bd_no_memory(call);
  return BD_OK;
}

static bd_status compute(const bd_call *call, const bd_conv *conv, const void *packed) {
  const bd_tensor *x = bd_in(call, 0);
  bd_tensor *y = call->out[0];
  if (call->fusion && call->fusion->sum) {
    const bd_tensor *sum = bd_in(call, call->fusion->sum);
    if (sum->data != y->data) memcpy(y->data, sum->data, bd_tensor_bytes(y));
  }
  const void *weights = (const char *)packed + bias_bytes(conv);
  size_t bytes = conv->dnnl ? bd_dnnl_conv_scratch(conv->dnnl)
                            : bd_winograd_scratch(&conv->shape) * sizeof(float);
  void *scratch = bd_take(call, (int64_t)bytes + 1, 1);
  if (!scratch) return bd_no_memory(call);
  if (!conv->dnnl)
    bd_winograd_run(&conv->shape, x->data, weights, packed, y->data, scratch);
  else if (!bd_dnnl_conv_run(conv->dnnl, x->data, weights, packed, y->data, scratch))
    return bd_no_memory(call);
  return BD_OK;
}

static bd_status run_unpacked(const bd_call *call, const bd_conv *conv) {
  void *packed = bd_take(call, (int64_t)bd_conv_packed(conv), 1);
  if (!packed) return bd_no_memory(call);
  BD_TRY(bd_conv_pack(call, conv, packed));
  return compute(call, conv, packed);
}

static bd_status run(bd_call *call) {
  if (!call->out[0] || call->out[0]->count == 0) return BD_OK;
  if (call->packed) return compute(call, call->state, call->packed);
  if (call->state) return run_unpacked(call, call->state);
  bd_conv_shape shape;
  BD_TRY(bd_conv_shape_of(call, &shape));
  shape.bias |= call->shift != NULL;
  if (bd_in(call, 0)->count == 0) return bd_bad(call, "its input is empty");
  bd_conv *conv = bd_conv_make(&shape, NULL);
  if (!conv) return bd_bad(call, "oneDNN has no such convolution");
  bd_status status = run_unpacked(call, conv);
  bd_conv_free(conv);
  return status;
}

const bd_op bd_ops_conv[] = {
    {"Conv", 1, 0, 2, 3, infer, run, BD_LAYOUT_CONV, BD_OP_AS_FLOAT, NULL},
    {"ConvTranspose", 1, 0, 2, 3, infer, run, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {0},
};
