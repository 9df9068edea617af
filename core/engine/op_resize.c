// Resize, Upsample, GridSample.
#include "core/engine/op.h"

#include <math.h>
#include <string.h>

typedef enum interpolation { NEAREST, LINEAR, CUBIC } interpolation;
typedef enum mapping {
  HALF_PIXEL,
  PYTORCH_HALF_PIXEL,
  ALIGN_CORNERS,
  ASYMMETRIC,
  CROP,
  HALF_SYMMETRIC,
  HALF_FOR_NEAREST
} mapping;
typedef enum rounding { FLOOR, CEIL, PREFER_FLOOR, PREFER_CEIL } rounding;

typedef struct resize {
  interpolation how;
  mapping map;
  rounding round;
  double cubic, outside; // coefficient a; value beyond the crop
  bool exclude, antialias;
  double scale[BD_DIMS_MAX], from[BD_DIMS_MAX], to[BD_DIMS_MAX]; // from, to: the crop
  int64_t dims[BD_DIMS_MAX];
  bool active[BD_DIMS_MAX];
} resize;

static bd_status choice(const bd_call *call, const char *name, const char *const *values, int count,
                        int fallback, int *out) {
  *out = fallback;
  if (!bd_attr(call, name)) return BD_OK;
  for (*out = 0; *out < count; ++*out)
    if (bd_attr_is(call, name, values[*out], false)) return BD_OK;
  return bd_bad(call, "its %s is not written", name);
}

static bd_status read_modes(const bd_call *call, resize *r) {
  static const char *const hows[] = {"nearest", "linear", "cubic"};
  static const char *const maps[] = {
      "half_pixel",         "pytorch_half_pixel",   "align_corners",       "asymmetric",
      "tf_crop_and_resize", "half_pixel_symmetric", "tf_half_pixel_for_nn"};
  static const char *const rounds[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
  bool old = call->opset < 11; // Upsample, and Resize 10: as asymmetric and floor
  int how, map, round;
  if (bd_attr_is(call, "mode", "bilinear", false))
    how = LINEAR;
  else
    BD_TRY(choice(call, "mode", hows, 3, NEAREST, &how));
  BD_TRY(
      choice(call, "coordinate_transformation_mode", maps, 7, old ? ASYMMETRIC : HALF_PIXEL, &map));
  BD_TRY(choice(call, "nearest_mode", rounds, 4, old ? FLOOR : PREFER_FLOOR, &round));
  if (bd_attr(call, "keep_aspect_ratio_policy") &&
      !bd_attr_is(call, "keep_aspect_ratio_policy", "stretch", true))
    return bd_bad(call, "its keep_aspect_ratio_policy is not written");
  if (bd_attr_int(call, "antialias", 0)) return bd_bad(call, "antialias is not written");
  r->how = (interpolation)how;
  r->map = (mapping)map;
  r->round = (rounding)round;
  r->cubic = (double)bd_attr_float(call, "cubic_coeff_a", -0.75f);
  r->outside = (double)bd_attr_float(call, "extrapolation_value", 0);
  r->exclude = bd_attr_int(call, "exclude_outside", 0) != 0;
  return BD_OK;
}

// Which axes the lists speak of, in their order.
static bd_status listed_axes(const bd_call *call, int rank, int *axes, int *count) {
  const int64_t *said;
  int named = bd_attr_ints(call, "axes", &said);
  *count = named < 0 ? rank : named;
  if (*count > rank) return bd_bad(call, "names %d axes of %d", named, rank);
  for (int i = 0; i < *count; i++)
    BD_TRY(bd_axis(call, named < 0 ? i : said[i], rank, &axes[i]));
  return BD_OK;
}

static bd_status take_crop(const bd_call *call, resize *r, const int *axes, int count) {
  const bd_tensor *roi = call->opset >= 11 ? bd_in(call, 1) : NULL;
  for (int i = 0; i < BD_DIMS_MAX; i++)
    r->to[i] = 1;
  if (r->map != CROP) return BD_OK;
  if (!roi || roi->count != 2 * count) return bd_bad(call, "has no region to crop");
  for (int i = 0; i < count; i++) {
    r->from[axes[i]] = bd_tensor_real(roi, i);
    r->to[axes[i]] = bd_tensor_real(roi, i + count);
  }
  return BD_OK;
}

static bd_status take_scales(const bd_call *call, const float *values, int listed, resize *r,
                             const int *axes, int count) {
  const bd_tensor *in = bd_in(call, 0);
  if (listed != count) return bd_bad(call, "lists %d scales for %d axes", listed, count);
  for (int i = 0; i < count; i++) {
    double scale = (double)values[i], length = (double)in->dims[axes[i]];
    if (r->map == CROP) length *= r->to[axes[i]] - r->from[axes[i]];
    if (!(scale > 0) || !(scale * length < 1e12)) return bd_bad(call, "scales by %g", scale);
    r->scale[axes[i]] = scale;
    r->dims[axes[i]] = (int64_t)floor(length * scale);
    r->active[axes[i]] = true;
  }
  return BD_OK;
}

static bd_status take_sizes(const bd_call *call, int index, resize *r, const int *axes, int count) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t sizes[BD_DIMS_MAX];
  int listed;
  BD_TRY(bd_in_ints(call, index, sizes, BD_DIMS_MAX, &listed));
  if (listed != count) return bd_bad(call, "lists %d sizes for %d axes", listed, count);
  for (int i = 0; i < count; i++) {
    if (sizes[i] < 0 || (in->dims[axes[i]] == 0 && sizes[i]))
      return bd_bad(call, "resizes to %lld", (long long)sizes[i]);
    r->dims[axes[i]] = sizes[i];
    r->scale[axes[i]] = in->dims[axes[i]] ? (double)sizes[i] / (double)in->dims[axes[i]] : 1;
    r->active[axes[i]] = true;
  }
  return BD_OK;
}

static bd_status plan(bd_call *call, resize *r) {
  const bd_tensor *in = bd_in(call, 0);
  int axes[BD_DIMS_MAX], count;
  memset(r, 0, sizeof *r);
  BD_TRY(read_modes(call, r));
  BD_TRY(listed_axes(call, in->rank, axes, &count));
  for (int i = 0; i < in->rank; i++) {
    r->dims[i] = in->dims[i];
    r->scale[i] = 1;
  }
  BD_TRY(take_crop(call, r, axes, count));
  const float *said;
  int attribute = bd_attr_floats(call, "scales", &said), place = call->opset >= 11 ? 2 : 1;
  if (attribute >= 0) return take_scales(call, said, attribute, r, axes, count);
  const bd_tensor *sizes = bd_in(call, 3), *scales = bd_in(call, place);
  if (sizes && sizes->count) return take_sizes(call, 3, r, axes, count);
  if (!scales || !scales->count) return bd_bad(call, "has neither scales nor sizes");
  if (scales->type != BD_TYPE_FLOAT) return bd_bad(call, "its scales must be float32");
  return take_scales(call, scales->data, (int)scales->count, r, axes, count);
}

static bd_status infer_resize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  resize r;
  for (int i = 1; i < 4; i++)
    if (!bd_known(call, i)) return BD_OK;
  BD_TRY(plan(call, &r));
  bool small = in->type == BD_TYPE_UINT8 || in->type == BD_TYPE_INT8;
  if (!bd_type_is_real(in->type) && !small) return bd_bad_type(call, in->type);
  return bd_out(call, 0, in->type, in->rank, r.dims);
}

// Where an output position lies in the input.
static double source(const resize *r, int axis, int64_t at, int64_t in) {
  double x = (double)at, scale = r->scale[axis], out = (double)r->dims[axis], length = (double)in;
  switch (r->map) {
  case ALIGN_CORNERS: // with the output's length as the scale says it, as in ONNX's reference
    return out <= 1 ? 0 : x * (length - 1) / (length * scale - 1);
  case HALF_FOR_NEAREST:
    return (x + 0.5) / scale;
  case ASYMMETRIC:
    return x / scale;
  case PYTORCH_HALF_PIXEL:
    return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
  case CROP:
    return out > 1 ? r->from[axis] * (length - 1) +
                         x * (r->to[axis] - r->from[axis]) * (length - 1) / (out - 1)
                   : 0.5 * (r->from[axis] + r->to[axis]) * (length - 1);
  case HALF_SYMMETRIC: {
    double adjusted = length * scale, centre = length / 2;
    double offset = centre * (1 - out / adjusted);
    return offset + (x + 0.5) / scale - 0.5;
  }
  default:
    return (x + 0.5) / scale - 0.5;
  }
}

enum { TAPS = 4 };
// Along one axis: which input positions an output position is made of.
typedef struct tap {
  int64_t at[TAPS];
  float weight[TAPS];
  int count;
  bool outside;
} tap;

static double nearest(const resize *r, double x) {
  switch (r->round) {
  case FLOOR:
    return floor(x);
  case CEIL:
    return ceil(x);
  case PREFER_CEIL:
    return floor(x + 0.5);
  default:
    return ceil(x - 0.5);
  }
}

static double cubic(double a, double distance) {
  double d = fabs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static int64_t inside(double x, int64_t length) {
  return x < 0 ? 0 : x > (double)(length - 1) ? length - 1 : (int64_t)x;
}

static tap tap_at(const resize *r, int axis, int64_t at, int64_t length) {
  tap t = {.count = 1, .weight = {1}};
  if (!r->active[axis] || (length == r->dims[axis] && r->scale[axis] == 1 && r->map != CROP)) {
    t.at[0] = at;
    return t;
  }
  double x = source(r, axis, at, length);
  t.outside = r->map == CROP && (x < 0 || x > (double)(length - 1));
  if (r->how == NEAREST) {
    t.at[0] = inside(nearest(r, x), length);
    return t;
  }
  double low = floor(x), sum = 0, weights[TAPS];
  t.count = r->how == LINEAR ? 2 : 4;
  for (int i = 0; i < t.count; i++) {
    double place = r->how == LINEAR ? low + i : low - 1 + i;
    weights[i] = r->how == LINEAR ? (i ? x - low : 1 - (x - low)) : cubic(r->cubic, x - place);
    if (r->exclude && (place < 0 || place > (double)(length - 1))) weights[i] = 0;
    t.at[i] = inside(place, length);
    sum += weights[i];
  }
  for (int i = 0; i < t.count; i++)
    t.weight[i] = (float)(r->exclude && sum != 0 ? weights[i] / sum : weights[i]);
  return t;
}

// One axis after the other: each pass resizes it alone.
static void resize_axis(const float *in, float *out, int64_t outer, int64_t length, int64_t made,
                        int64_t inner, const tap *taps, float beyond) {
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < made; i++) {
      const tap *t = &taps[i];
      float *to = out + (o * made + i) * inner;
      for (int64_t k = 0; k < inner; k++) {
        float sum = 0;
        for (int j = 0; j < t->count; j++)
          sum += t->weight[j] * in[(o * length + t->at[j]) * inner + k];
        to[k] = t->outside ? beyond : sum;
      }
    }
}

static bd_status run_resize(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  resize r;
  if (!out || !out->count) return BD_OK;
  BD_TRY(plan(call, &r));
  int64_t dims[BD_DIMS_MAX];
  memcpy(dims, in->dims, sizeof dims);
  const float *from = in->data;
  for (int axis = 0; axis < in->rank; axis++) {
    if (!r.active[axis] || (dims[axis] == r.dims[axis] && r.scale[axis] == 1 && r.map != CROP))
      continue;
    int64_t outer = bd_dims_product(dims, 0, axis), length = dims[axis];
    int64_t inner = bd_dims_product(dims, axis + 1, in->rank), made = r.dims[axis];
    tap *taps = bd_take(call, made, sizeof *taps);
    float *to = bd_take(call, outer * made * inner, sizeof *to);
    if (!taps || !to) return bd_no_memory(call);
    for (int64_t i = 0; i < made; i++)
      taps[i] = tap_at(&r, axis, i, length);
    resize_axis(from, to, outer, length, made, inner, taps, (float)r.outside);
    dims[axis] = made;
    from = to;
  }
  if (from != out->data) memcpy(out->data, from, bd_tensor_bytes(out));
  return BD_OK;
}

// --- GridSample ----------------------------------------------------------------------------------

typedef struct grid {
  bool align;
  interpolation how;
  enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION } pad;
} grid;

static bd_status infer_grid(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *at = bd_in(call, 1);
  if (in->rank != 4 || at->rank != 4 || at->dims[3] != 2 || at->dims[0] != in->dims[0])
    return bd_bad(call, "needs N×C×H×W and N×H'×W'×2");
  if (!bd_type_is_real(in->type) || !bd_type_is_real(at->type)) return bd_bad_type(call, in->type);
  if (in->dims[2] < 1 || in->dims[3] < 1) return bd_bad(call, "its input is empty");
  const int64_t dims[] = {in->dims[0], in->dims[1], at->dims[1], at->dims[2]};
  return bd_out(call, 0, in->type, 4, dims);
}

static double reflected(double x, double low, double high) {
  double range = high - low;
  if (range <= 0) return low;
  double d = fmod(fabs(x - low), 2 * range);
  return low + (d > range ? 2 * range - d : d);
}

static double pixel(const grid *g, double x, int64_t length) {
  double n = (double)length;
  return g->align ? (x + 1) / 2 * (n - 1) : ((x + 1) * n - 1) / 2;
}

static double value_at(const grid *g, const float *image, int64_t h, int64_t w, double y,
                       double x) {
  if (g->pad == PAD_REFLECTION) {
    double edge = g->align ? 0 : 0.5;
    y = reflected(y, -edge, (double)h - 1 + edge);
    x = reflected(x, -edge, (double)w - 1 + edge);
  }
  if (g->pad != PAD_ZEROS) return (double)image[inside(y, h) * w + inside(x, w)];
  if (!(y >= 0 && y <= (double)(h - 1) && x >= 0 && x <= (double)(w - 1))) return 0;
  return (double)image[(int64_t)y * w + (int64_t)x];
}

static float sample(const grid *g, const float *image, int64_t h, int64_t w, double y, double x) {
  double low_y = floor(y), low_x = floor(x), sum = 0;
  if (!isfinite(y) || !isfinite(x)) return 0;
  if (g->how == NEAREST) return (float)value_at(g, image, h, w, rint(y), rint(x));
  int first = g->how == LINEAR ? 0 : -1, last = g->how == LINEAR ? 1 : 2;
  for (int i = first; i <= last; i++)
    for (int j = first; j <= last; j++) {
      double dy = y - low_y - i, dx = x - low_x - j;
      double weight =
          g->how == LINEAR ? (1 - fabs(dy)) * (1 - fabs(dx)) : cubic(-0.75, dy) * cubic(-0.75, dx);
      sum += weight * value_at(g, image, h, w, low_y + i, low_x + j);
    }
  return (float)sum;
}

static bd_status run_grid(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *at = bd_in(call, 1);
  bd_tensor *out = call->out[0];
  grid g = {.align = bd_attr_int(call, "align_corners", 0) != 0};
  g.how = bd_attr_is(call, "mode", "nearest", false) ? NEAREST
          : bd_attr_is(call, "mode", "bicubic", false) || bd_attr_is(call, "mode", "cubic", false)
              ? CUBIC
              : LINEAR;
  g.pad = bd_attr_is(call, "padding_mode", "border", false)       ? PAD_BORDER
          : bd_attr_is(call, "padding_mode", "reflection", false) ? PAD_REFLECTION
                                                                  : PAD_ZEROS;
  int64_t h = in->dims[2], w = in->dims[3];
  for (int64_t i = 0; out && i < out->count; i++) {
    int64_t size = out->dims[2] * out->dims[3], n = i / (size * out->dims[1]);
    const float *place = (const float *)at->data + (n * size + i % size) * 2;
    double x = pixel(&g, (double)place[0], w), y = pixel(&g, (double)place[1], h);
    ((float *)out->data)[i] = sample(&g, (const float *)in->data + i / size * h * w, h, w, y, x);
  }
  return BD_OK;
}

const bd_op bd_ops_resize[] = {
    {"Resize", 10, 0, 1, 4, infer_resize, run_resize, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {"Upsample", 7, 9, 1, 2, infer_resize, run_resize, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {"GridSample", 16, 0, 2, 2, infer_grid, run_grid, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {0},
};
