#include "core/engine/conv.h"

#include <string.h>

enum { FAR = 1 << 24 }; // strides, dilations, kernels and padding beyond are no honest model's

static bd_status list(const bd_call *call, const char *name, int count, int64_t least,
                      int64_t fallback, int64_t *out) {
  const int64_t *said;
  int given = bd_attr_ints(call, name, &said);
  if (given >= 0 && given != count)
    return bd_bad(call, "%s lists %d numbers, not %d", name, given, count);
  for (int i = 0; i < count; i++) {
    out[i] = given < 0 ? fallback : said[i];
    if (out[i] < least || out[i] > FAR)
      return bd_bad(call, "%s holds %lld", name, (long long)out[i]);
  }
  return BD_OK;
}

// Padding so that the output has as many positions as the strides leave.
static void pad_same(bd_window *w, int i, bool upper) {
  int64_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
  int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
  int64_t pad = (out - 1) * w->stride[i] + span - w->in[i];
  if (pad < 0) pad = 0;
  w->low[i] = upper ? pad / 2 : pad - pad / 2;
  w->high[i] = pad - w->low[i];
}

static int64_t positions(const bd_window *w, int i, bool ceil_mode) {
  int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1;
  int64_t room = w->in[i] + w->low[i] + w->high[i] - span;
  if (room < 0) return 0;
  int64_t count = (room + (ceil_mode ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
  // A window that would start in the padding behind the input is left out.
  if (ceil_mode && (count - 1) * w->stride[i] >= w->in[i] + w->low[i]) count--;
  return count;
}

static bd_status pads(const bd_call *call, bd_window *w) {
  int64_t both[2 * BD_DIMS_MAX];
  BD_TRY(list(call, "pads", 2 * w->spatial, 0, 0, both));
  bool upper = bd_attr_is(call, "auto_pad", "SAME_UPPER", false);
  bool lower = bd_attr_is(call, "auto_pad", "SAME_LOWER", false);
  bool valid = bd_attr_is(call, "auto_pad", "VALID", false);
  for (int i = 0; i < w->spatial; i++) {
    w->low[i] = valid ? 0 : both[i];
    w->high[i] = valid ? 0 : both[i + w->spatial];
    if (upper || lower) pad_same(w, i, upper);
  }
  return BD_OK;
}

bd_status bd_window_of(const bd_call *call, const int64_t *kernel, bd_window *w) {
  const bd_tensor *in = bd_in(call, 0);
  memset(w, 0, sizeof *w);
  w->spatial = in->rank - 2;
  if (w->spatial < 1 || w->spatial > 3)
    return bd_bad(call, "its input has rank %d; 3, 4 and 5 are written", in->rank);
  for (int i = 0; i < w->spatial; i++)
    w->in[i] = in->dims[i + 2];
  BD_TRY(list(call, "kernel_shape", w->spatial, 1, 1, w->kernel));
  if (!kernel && !bd_attr(call, "kernel_shape")) return bd_bad(call, "has no kernel_shape");
  for (int i = 0; kernel && i < w->spatial; i++) {
    if (bd_attr(call, "kernel_shape") && w->kernel[i] != kernel[i])
      return bd_bad(call, "kernel_shape says %lld where the weights have %lld",
                    (long long)w->kernel[i], (long long)kernel[i]);
    w->kernel[i] = kernel[i];
    if (kernel[i] < 1 || kernel[i] > FAR) return bd_bad(call, "its weights are empty");
  }
  BD_TRY(list(call, "strides", w->spatial, 1, 1, w->stride));
  BD_TRY(list(call, "dilations", w->spatial, 1, 1, w->dilation));
  BD_TRY(pads(call, w));
  bool ceil_mode = bd_attr_int(call, "ceil_mode", 0) != 0;
  for (int i = 0; i < w->spatial; i++)
    w->out[i] = positions(w, i, ceil_mode);
  return BD_OK;
}
