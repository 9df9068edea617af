// Pooling.
#include "core/base/widest.h"
#include "core/engine/conv.h"
#include "core/engine/op.h"

#include <math.h>
#include <string.h>

// A pooling over three spatial axes (leading ones of size 1), for one image of `lanes` channels
// that lie side by side.
typedef struct pool {
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], low[3], high[3];
  bool with_padding; // average: padding counts as zeros
  float power;       // LpPool
} pool;

typedef struct range {
  int64_t from, to; // kernel positions that lie inside of the input
  int64_t start;    // input position of kernel position 0
  int64_t padded;   // kernel positions that lie inside of the padded input
} range;

static range range_at(const pool *p, int axis, int64_t out) {
  range r = {.start = out * p->stride[axis] - p->low[axis]};
  int64_t d = p->dilation[axis];
  r.from = r.start < 0 ? (-r.start + d - 1) / d : 0;
  r.to = p->kernel[axis];
  while (r.to > r.from && r.start + (r.to - 1) * d >= p->in[axis])
    r.to--;
  r.padded = p->kernel[axis];
  while (r.padded > 0 && r.start + (r.padded - 1) * d >= p->in[axis] + p->high[axis])
    r.padded--;
  return r;
}

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_LP } pool_kind;

// Does it take the place of the greatest so far? NaN does, and keeps it, as in Max and ReduceMax.
__attribute__((always_inline)) static inline bool tops(float value, float most) {
  return value > most || value != value;
}

// One output position of `lanes` channels that lie side by side.
__attribute__((always_inline)) static inline void pool_one(const pool *p, const float *in,
                                                           const range *r, pool_kind kind,
                                                           int64_t lanes, float *restrict out) {
  for (int64_t k = 0; k < lanes; k++)
    out[k] = kind == POOL_MAX ? -INFINITY : 0;
  for (int64_t z = r[0].from; z < r[0].to; z++)
    for (int64_t y = r[1].from; y < r[1].to; y++)
      for (int64_t x = r[2].from; x < r[2].to; x++) {
        int64_t at =
            ((r[0].start + z * p->dilation[0]) * p->in[1] + r[1].start + y * p->dilation[1]) *
                p->in[2] +
            r[2].start + x * p->dilation[2];
        const float *restrict v = in + at * lanes;
        for (int64_t k = 0; k < lanes; k++) {
          if (kind == POOL_MAX)
            out[k] = tops(v[k], out[k]) ? v[k] : out[k];
          else
            out[k] += kind == POOL_AVERAGE ? v[k] : powf(fabsf(v[k]), p->power);
        }
      }
  int64_t count = p->with_padding
                      ? r[0].padded * r[1].padded * r[2].padded
                      : (r[0].to - r[0].from) * (r[1].to - r[1].from) * (r[2].to - r[2].from);
  float divisor = (float)(count > 0 ? count : 1);
  for (int64_t k = 0; k < lanes && kind != POOL_MAX; k++)
    out[k] = kind == POOL_AVERAGE ? out[k] / divisor : powf(out[k], 1 / p->power);
}

__attribute__((always_inline)) static inline void
pool_image(const pool *p, const float *in, pool_kind kind, int64_t lanes, float *out) {
  range r[3];
  for (int64_t z = 0; z < p->out[0]; z++) {
    r[0] = range_at(p, 0, z);
    for (int64_t y = 0; y < p->out[1]; y++) {
      r[1] = range_at(p, 1, y);
      for (int64_t x = 0; x < p->out[2]; x++, out += lanes) {
        r[2] = range_at(p, 2, x);
        pool_one(p, in, r, kind, lanes, out);
      }
    }
  }
}

// The compiler makes one copy for each kind: channels side by side, and one alone.
#define IMAGE(NAME, KIND)                                                                          \
  BD_WIDEST static void NAME(const pool *p, const float *in, int64_t lanes, float *out) {          \
    if (lanes == 1)                                                                                \
      pool_image(p, in, KIND, 1, out);                                                             \
    else                                                                                           \
      pool_image(p, in, KIND, lanes, out);                                                         \
  }
IMAGE(pool_max, POOL_MAX)
IMAGE(pool_average, POOL_AVERAGE)
IMAGE(pool_lp, POOL_LP)

static int64_t lanes_of(const bd_tensor *tensor) {
  return tensor->last ? tensor->dims[1] : 1;
}

static int64_t images(const bd_tensor *tensor) {
  return tensor->last ? tensor->dims[0] : tensor->dims[0] * tensor->dims[1];
}

static void take_window(pool *p, const bd_window *w) {
  int skip = 3 - w->spatial;
  for (int i = 0; i < skip; i++)
    p->in[i] = p->out[i] = p->kernel[i] = p->stride[i] = p->dilation[i] = 1;
  for (int i = 0; i < w->spatial; i++) {
    p->in[i + skip] = w->in[i];
    p->out[i + skip] = w->out[i];
    p->kernel[i + skip] = w->kernel[i];
    p->stride[i + skip] = w->stride[i];
    p->dilation[i + skip] = w->dilation[i];
    p->low[i + skip] = w->low[i];
    p->high[i + skip] = w->high[i];
  }
}

// --- with a window -------------------------------------------------------------------------------

static bd_status check_type(const bd_call *call, bool small_integers) {
  bd_type type = bd_in(call, 0)->type;
  bool small = type == BD_TYPE_UINT8 || type == BD_TYPE_INT8;
  return bd_type_is_real(type) || (small && small_integers) ? BD_OK : bd_bad_type(call, type);
}

static bd_status infer_pool(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_window w;
  BD_TRY(check_type(call, strcmp(call->op->name, "MaxPool") == 0));
  BD_TRY(bd_window_of(call, NULL, &w));
  int64_t dims[BD_DIMS_MAX] = {in->dims[0], in->dims[1]};
  for (int i = 0; i < w.spatial; i++) {
    dims[i + 2] = w.out[i];
    if (w.out[i] < 1 || w.in[i] < 1)
      return bd_bad(call, "its window of %lld does not fit into %lld", (long long)w.kernel[i],
                    (long long)(w.in[i] + w.low[i] + w.high[i]));
  }
  BD_TRY(bd_out(call, 0, in->type, in->rank, dims));
  return bd_out(call, 1, BD_TYPE_INT64, in->rank, dims);
}

static bd_status run_kind(bd_call *call, pool_kind kind) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  bd_window w;
  BD_TRY(bd_window_of(call, NULL, &w));
  pool p = {.with_padding = bd_attr_int(call, "count_include_pad", 0) != 0,
            .power = (float)bd_attr_int(call, "p", 2)};
  take_window(&p, &w);
  int64_t lanes = lanes_of(in);
  int64_t size = p.in[0] * p.in[1] * p.in[2] * lanes, made = p.out[0] * p.out[1] * p.out[2] * lanes;
  for (int64_t i = 0; out && i < images(in); i++) {
    const float *from = (const float *)in->data + i * size;
    float *to = (float *)out->data + i * made;
    if (kind == POOL_MAX) pool_max(&p, from, lanes, to);
    if (kind == POOL_AVERAGE) pool_average(&p, from, lanes, to);
    if (kind == POOL_LP) pool_lp(&p, from, lanes, to);
  }
  return BD_OK;
}

// Where the greatest of a window stands in the whole tensor.
static int64_t place_of_max(const pool *p, const float *in, const range *r, bool columns) {
  int64_t best = -1, said = 0;
  for (int64_t z = r[0].from; z < r[0].to; z++)
    for (int64_t y = r[1].from; y < r[1].to; y++)
      for (int64_t x = r[2].from; x < r[2].to; x++) {
        int64_t a = r[0].start + z * p->dilation[0], b = r[1].start + y * p->dilation[1];
        int64_t c = r[2].start + x * p->dilation[2], at = (a * p->in[1] + b) * p->in[2] + c;
        if (best >= 0 && !tops(in[at], in[best])) continue;
        best = at;
        said = columns ? (c * p->in[1] + b) * p->in[0] + a : at;
      }
  return said;
}

static bd_status fill_places(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t *places = call->out[1]->data;
  bool columns = bd_attr_int(call, "storage_order", 0) != 0;
  bd_window w;
  BD_TRY(bd_window_of(call, NULL, &w));
  pool p = {0};
  take_window(&p, &w);
  int64_t size = p.in[0] * p.in[1] * p.in[2];
  range r[3];
  for (int64_t i = 0; i < images(in); i++)
    for (int64_t z = 0; z < p.out[0]; z++)
      for (int64_t y = 0; y < p.out[1]; y++)
        for (int64_t x = 0; x < p.out[2]; x++) {
          const int64_t at[] = {z, y, x};
          for (int axis = 0; axis < 3; axis++)
            r[axis] = range_at(&p, axis, at[axis]);
          *places++ = i * size + place_of_max(&p, (const float *)in->data + i * size, r, columns);
        }
  return BD_OK;
}

static bd_status run_max(bd_call *call) {
  if (call->out_count > 1 && call->out[1]) BD_TRY(fill_places(call));
  return run_kind(call, POOL_MAX);
}

static bd_status run_average(bd_call *call) {
  return run_kind(call, POOL_AVERAGE);
}

static bd_status run_lp(bd_call *call) {
  return run_kind(call, POOL_LP);
}

// --- over the whole image ------------------------------------------------------------------------

static bd_status infer_global(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  BD_TRY(check_type(call, false));
  if (in->rank < 2) return bd_bad(call, "its input has rank %d", in->rank);
  int64_t dims[BD_DIMS_MAX] = {in->dims[0], in->dims[1], 1, 1, 1, 1, 1, 1};
  if (bd_dims_product(in->dims, 2, in->rank) < 1) return bd_bad(call, "its input is empty");
  return bd_out(call, 0, in->type, in->rank, dims);
}

// What one more position adds to each channel's figure.
BD_WIDEST static void add_position(const float *restrict in, pool_kind kind, int64_t lanes,
                                   double power, double *restrict figures) {
  if (kind == POOL_AVERAGE)
    for (int64_t k = 0; k < lanes; k++)
      figures[k] += (double)in[k];
  if (kind == POOL_MAX)
    for (int64_t k = 0; k < lanes; k++)
      figures[k] = tops(in[k], (float)figures[k]) ? (double)in[k] : figures[k];
  if (kind == POOL_LP)
    for (int64_t k = 0; k < lanes; k++)
      figures[k] += pow(fabs((double)in[k]), power);
}

static bd_status run_global(bd_call *call, pool_kind kind) {
  const bd_tensor *in = bd_in(call, 0);
  int64_t lanes = lanes_of(in), size = bd_dims_product(in->dims, 2, in->rank);
  double *figures = bd_take(call, lanes, sizeof *figures);
  double power = (double)bd_attr_int(call, "p", 2);
  if (!figures) return bd_no_memory(call);
  for (int64_t i = 0; call->out[0] && i < images(in); i++) {
    const float *image = (const float *)in->data + i * size * lanes;
    float *to = (float *)call->out[0]->data + i * lanes;
    for (int64_t k = 0; k < lanes; k++)
      figures[k] = kind == POOL_MAX ? -INFINITY : 0;
    for (int64_t at = 0; at < size; at++)
      add_position(image + at * lanes, kind, lanes, power, figures);
    for (int64_t k = 0; k < lanes; k++)
      to[k] = (float)(kind == POOL_AVERAGE ? figures[k] / (double)size
                      : kind == POOL_LP    ? pow(figures[k], 1 / power)
                                           : figures[k]);
  }
  return BD_OK;
}

static bd_status run_global_average(bd_call *call) {
  return run_global(call, POOL_AVERAGE);
}

static bd_status run_global_max(bd_call *call) {
  return run_global(call, POOL_MAX);
}

static bd_status run_global_lp(bd_call *call) {
  return run_global(call, POOL_LP);
}

// --- MaxUnpool -----------------------------------------------------------------------------------

static bd_status infer_unpool(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *places = bd_in(call, 1);
  int64_t dims[BD_DIMS_MAX];
  int count;
  if (!bd_known(call, 2)) return BD_OK;
  if (places->type != BD_TYPE_INT64 || !bd_tensor_same_shape(in, places))
    return bd_bad(call, "needs an int64 place for each element");
  BD_TRY(check_type(call, false));
  bd_window w;
  BD_TRY(bd_window_of(call, NULL, &w));
  memcpy(dims, in->dims, sizeof dims);
  for (int i = 0; i < w.spatial; i++)
    dims[i + 2] = (w.in[i] - 1) * w.stride[i] + w.kernel[i] - w.low[i] - w.high[i];
  if (bd_in(call, 2)) {
    BD_TRY(bd_in_ints(call, 2, dims, BD_DIMS_MAX, &count));
    if (count != in->rank) return bd_bad(call, "output_shape lists %d of %d", count, in->rank);
  }
  return bd_out(call, 0, in->type, in->rank, dims);
}

// Places count within the tensor that was pooled; in a larger output each keeps its coordinates.
static int64_t unpooled(const bd_tensor *out, const bd_window *w, const int64_t *pooled,
                        int64_t place) {
  int64_t at = 0, stride = 1;
  for (int i = w->spatial - 1; i >= 0; i--) {
    at += place % pooled[i] * stride;
    stride *= out->dims[i + 2];
    place /= pooled[i];
  }
  return at + place * stride; // image and channel
}

static bd_status run_unpool(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *places = bd_in(call, 1);
  bd_tensor *out = call->out[0];
  int64_t pooled[BD_DIMS_MAX];
  bd_window w;
  if (!out) return BD_OK;
  memset(out->data, 0, bd_tensor_bytes(out));
  BD_TRY(bd_window_of(call, NULL, &w));
  for (int i = 0; i < w.spatial; i++) {
    pooled[i] = (w.in[i] - 1) * w.stride[i] + w.kernel[i] - w.low[i] - w.high[i];
    if (pooled[i] < 1 && in->count) return bd_bad(call, "its windows do not fit");
  }
  for (int64_t i = 0; i < in->count; i++) {
    int64_t place = ((const int64_t *)places->data)[i];
    int64_t at = place < 0 ? -1 : unpooled(out, &w, pooled, place);
    if (at < 0 || at >= out->count) return bd_bad(call, "place %lld is outside", (long long)place);
    ((float *)out->data)[at] = ((const float *)in->data)[i];
  }
  return BD_OK;
}

#define ROW(NAME, SINCE, INFER, RUN, LAYOUT)                                                       \
  { NAME, SINCE, 0, 1, 1, INFER, RUN, LAYOUT, BD_OP_AS_FLOAT, NULL }

const bd_op bd_ops_pool[] = {
    ROW("MaxPool", 1, infer_pool, run_max, BD_LAYOUT_POOL),
    ROW("AveragePool", 1, infer_pool, run_average, BD_LAYOUT_POOL),
    ROW("LpPool", 2, infer_pool, run_lp, BD_LAYOUT_PLAIN),
    ROW("GlobalAveragePool", 1, infer_global, run_global_average, BD_LAYOUT_ENTRY),
    ROW("GlobalMaxPool", 1, infer_global, run_global_max, BD_LAYOUT_ENTRY),
    ROW("GlobalLpPool", 2, infer_global, run_global_lp, BD_LAYOUT_ENTRY),
    {"MaxUnpool", 9, 0, 2, 3, infer_unpool, run_unpool, BD_LAYOUT_PLAIN, BD_OP_AS_FLOAT, NULL},
    {0},
};
