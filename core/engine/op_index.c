// Gathering and scattering by index.
#include "core/engine/broadcast.h"
#include "core/engine/op.h"

#include <string.h>

static bd_status check_indices(const bd_call *call, const bd_tensor *indices) {
  if (indices->type == BD_TYPE_INT64 || indices->type == BD_TYPE_INT32) return BD_OK;
  return bd_bad(call, "its indices are %s: int32 or int64 is needed", bd_type_name(indices->type));
}

// The index at a place, counted from the start; BD_INVALID outside of [-dim, dim).
static bd_status index_at(const bd_call *call, const bd_tensor *indices, int64_t at, int64_t dim,
                          int64_t *out) {
  int64_t index = indices->type == BD_TYPE_INT64 ? ((const int64_t *)indices->data)[at]
                                                 : ((const int32_t *)indices->data)[at];
  *out = 0;
  if (index < -dim || index >= dim)
    return bd_bad(call, "index %lld is outside of %lld", (long long)index, (long long)dim);
  *out = index < 0 ? index + dim : index;
  return BD_OK;
}

static bd_status axis_of(const bd_call *call, int64_t fallback, int rank, int *axis) {
  return bd_axis(call, bd_attr_int(call, "axis", fallback), rank, axis);
}

// --- Gather --------------------------------------------------------------------------------------

static bd_status infer_gather(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  int64_t dims[2 * BD_DIMS_MAX];
  int axis, rank = 0;
  BD_TRY(check_indices(call, indices));
  BD_TRY(axis_of(call, 0, in->rank, &axis));
  if (in->rank + indices->rank - 1 > BD_DIMS_MAX)
    return bd_bad(call, "its output would have too many dimensions");
  for (int i = 0; i < axis; i++)
    dims[rank++] = in->dims[i];
  for (int i = 0; i < indices->rank; i++)
    dims[rank++] = indices->dims[i];
  for (int i = axis + 1; i < in->rank; i++)
    dims[rank++] = in->dims[i];
  return bd_out(call, 0, in->type, rank, dims);
}

static bd_status run_gather(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  int axis;
  if (!call->out[0]) return BD_OK;
  BD_TRY(axis_of(call, 0, in->rank, &axis));
  int64_t outer = bd_dims_product(in->dims, 0, axis), dim = in->dims[axis];
  size_t inner = (size_t)bd_dims_product(in->dims, axis + 1, in->rank) * bd_type_size(in->type);
  char *to = call->out[0]->data;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < indices->count; i++, to += inner) {
      int64_t index;
      BD_TRY(index_at(call, indices, i, dim, &index));
      if (inner) memcpy(to, (const char *)in->data + (size_t)(o * dim + index) * inner, inner);
    }
  return BD_OK;
}

// --- GatherElements, ScatterElements -------------------------------------------------------------

static bd_status check_elements(const bd_call *call, const bd_tensor *data,
                                const bd_tensor *indices, int *axis) {
  BD_TRY(check_indices(call, indices));
  BD_TRY(axis_of(call, 0, data->rank, axis));
  if (indices->rank != data->rank)
    return bd_bad(call, "its indices have rank %d, its data %d", indices->rank, data->rank);
  for (int i = 0; i < data->rank; i++)
    if (i != *axis && indices->dims[i] > data->dims[i])
      return bd_bad(call, "its indices are longer than its data along axis %d", i);
  return BD_OK;
}

// Where element `at` of the indices points to in the data.
static bd_status element_place(const bd_call *call, const bd_tensor *data, const bd_tensor *indices,
                               int axis, int64_t at, int64_t *place) {
  int64_t rest = at, stride = 1, out = 0;
  for (int i = data->rank - 1; i >= 0; i--) {
    int64_t position = rest % indices->dims[i];
    rest /= indices->dims[i];
    if (i == axis) BD_TRY(index_at(call, indices, at, data->dims[i], &position));
    out += position * stride;
    stride *= data->dims[i];
  }
  *place = out;
  return BD_OK;
}

static bd_status infer_gather_elements(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  int axis;
  BD_TRY(check_elements(call, in, indices, &axis));
  return bd_out(call, 0, in->type, indices->rank, indices->dims);
}

static bd_status run_gather_elements(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  int axis;
  if (!call->out[0]) return BD_OK;
  BD_TRY(check_elements(call, in, indices, &axis));
  size_t size = bd_type_size(in->type);
  for (int64_t i = 0; i < indices->count; i++) {
    int64_t place;
    BD_TRY(element_place(call, in, indices, axis, i, &place));
    memcpy((char *)call->out[0]->data + (size_t)i * size,
           (const char *)in->data + (size_t)place * size, size);
  }
  return BD_OK;
}

// How a scattered value meets the one that is there.
typedef enum meeting { MEET_SET, MEET_ADD, MEET_MULTIPLY, MEET_MAX, MEET_MIN } meeting;

static bd_status meeting_of(const bd_call *call, meeting *out) {
  static const char *const names[] = {"none", "add", "mul", "max", "min"};
  for (int i = 0; i < 5; i++)
    if (bd_attr_is(call, "reduction", names[i], i == 0)) return *out = (meeting)i, BD_OK;
  return bd_bad(call, "its reduction is unknown");
}

static void meet(bd_type type, char *there, const char *value, meeting how) {
  size_t size = bd_type_size(type);
  if (how == MEET_SET) {
    memcpy(there, value, size);
    return;
  }
  double a = 0, b = 0;
  bd_convert(type, there, BD_TYPE_DOUBLE, &a, 1);
  bd_convert(type, value, BD_TYPE_DOUBLE, &b, 1);
  double c = how == MEET_ADD        ? a + b
             : how == MEET_MULTIPLY ? a * b
             : how == MEET_MAX      ? (a > b ? a : b)
                                    : (a < b ? a : b);
  bd_convert(BD_TYPE_DOUBLE, &c, type, there, 1);
}

static bd_status infer_scatter_elements(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1), *updates = bd_in(call, 2);
  int axis;
  meeting how = MEET_SET;
  BD_TRY(check_elements(call, in, indices, &axis));
  BD_TRY(meeting_of(call, &how));
  if (updates->type != in->type || !bd_tensor_same_shape(updates, indices))
    return bd_bad(call, "its updates do not fit its indices and data");
  return bd_out_like(call, 0, in);
}

static bd_status run_scatter_elements(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1), *updates = bd_in(call, 2);
  bd_tensor *out = call->out[0];
  int axis;
  meeting how = MEET_SET;
  if (!out) return BD_OK;
  BD_TRY(check_elements(call, in, indices, &axis));
  BD_TRY(meeting_of(call, &how));
  if (in->count) memcpy(out->data, in->data, bd_tensor_bytes(in));
  size_t size = bd_type_size(in->type);
  for (int64_t i = 0; i < indices->count; i++) {
    int64_t place;
    BD_TRY(element_place(call, in, indices, axis, i, &place));
    meet(in->type, (char *)out->data + (size_t)place * size,
         (const char *)updates->data + (size_t)i * size, how);
  }
  return BD_OK;
}

// --- GatherND, ScatterND -------------------------------------------------------------------------

// indices: outer × depth; each row names a slice of the data behind the batch axes.
typedef struct slices {
  int batch, depth;
  int64_t rows, per_batch, data_per_batch, size; // size: elements of a slice
} slices;

static bd_status slices_of(const bd_call *call, const bd_tensor *data, const bd_tensor *indices,
                           slices *s) {
  BD_TRY(check_indices(call, indices));
  int64_t batch = bd_attr_int(call, "batch_dims", 0);
  if (indices->rank < 1 || batch < 0 || batch >= indices->rank || batch >= data->rank)
    return bd_bad(call, "its indices have rank %d with %lld batch axes", indices->rank,
                  (long long)batch);
  int64_t depth = indices->dims[indices->rank - 1];
  if (depth < 1 || depth > data->rank - batch)
    return bd_bad(call, "its indices have %lld places for rank %d", (long long)depth, data->rank);
  for (int i = 0; i < batch; i++)
    if (data->dims[i] != indices->dims[i]) return bd_bad(call, "its batch axes differ");
  s->batch = (int)batch;
  s->depth = (int)depth;
  s->rows = bd_dims_product(indices->dims, 0, indices->rank - 1);
  s->per_batch = bd_dims_product(indices->dims, (int)batch, indices->rank - 1);
  s->data_per_batch = bd_dims_product(data->dims, (int)batch, data->rank);
  s->size = bd_dims_product(data->dims, (int)(batch + depth), data->rank);
  return BD_OK;
}

static bd_status slice_place(const bd_call *call, const slices *s, const bd_tensor *data,
                             const bd_tensor *indices, int64_t row, int64_t *place) {
  int64_t at = 0;
  for (int i = 0; i < s->depth; i++) {
    int64_t index;
    BD_TRY(index_at(call, indices, row * s->depth + i, data->dims[s->batch + i], &index));
    at = at * data->dims[s->batch + i] + index;
  }
  *place = (s->per_batch ? row / s->per_batch : 0) * s->data_per_batch + at * s->size;
  return BD_OK;
}

static bd_status infer_gather_nd(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  int64_t dims[2 * BD_DIMS_MAX];
  int rank = 0;
  slices s = {0};
  BD_TRY(slices_of(call, in, indices, &s));
  for (int i = 0; i < indices->rank - 1; i++)
    dims[rank++] = indices->dims[i];
  for (int i = s.batch + s.depth; i < in->rank; i++)
    dims[rank++] = in->dims[i];
  if (rank > BD_DIMS_MAX) return bd_bad(call, "its output would have too many dimensions");
  return bd_out(call, 0, in->type, rank, dims);
}

static bd_status run_gather_nd(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1);
  slices s = {0};
  if (!call->out[0]) return BD_OK;
  BD_TRY(slices_of(call, in, indices, &s));
  size_t size = bd_type_size(in->type), bytes = (size_t)s.size * size;
  for (int64_t row = 0; row < s.rows && bytes; row++) {
    int64_t place;
    BD_TRY(slice_place(call, &s, in, indices, row, &place));
    memcpy((char *)call->out[0]->data + (size_t)row * bytes,
           (const char *)in->data + (size_t)place * size, bytes);
  }
  return BD_OK;
}

static bd_status infer_scatter_nd(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1), *updates = bd_in(call, 2);
  slices s = {0};
  meeting how = MEET_SET;
  BD_TRY(slices_of(call, in, indices, &s));
  BD_TRY(meeting_of(call, &how));
  if (updates->type != in->type || updates->count != s.rows * s.size)
    return bd_bad(call, "its updates do not fit its indices and data");
  return bd_out_like(call, 0, in);
}

static bd_status run_scatter_nd(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *indices = bd_in(call, 1), *updates = bd_in(call, 2);
  bd_tensor *out = call->out[0];
  slices s = {0};
  meeting how = MEET_SET;
  if (!out) return BD_OK;
  BD_TRY(slices_of(call, in, indices, &s));
  BD_TRY(meeting_of(call, &how));
  if (in->count) memcpy(out->data, in->data, bd_tensor_bytes(in));
  size_t size = bd_type_size(in->type);
  for (int64_t row = 0; row < s.rows && s.size; row++) {
    int64_t place;
    BD_TRY(slice_place(call, &s, in, indices, row, &place));
    for (int64_t i = 0; i < s.size; i++)
      meet(in->type, (char *)out->data + (size_t)(place + i) * size,
           (const char *)updates->data + (size_t)(row * s.size + i) * size, how);
  }
  return BD_OK;
}

// --- OneHot --------------------------------------------------------------------------------------

static bd_status infer_one_hot(bd_call *call) {
  const bd_tensor *indices = bd_in(call, 0), *depth = bd_in(call, 1), *values = bd_in(call, 2);
  int64_t dims[BD_DIMS_MAX + 1];
  int axis;
  if (!bd_known(call, 1)) return BD_OK;
  if (depth->count != 1 || values->count != 2)
    return bd_bad(call, "needs one depth and two values");
  int64_t many = bd_tensor_integer(depth, 0);
  if (many < 0 || indices->rank == BD_DIMS_MAX)
    return bd_bad(call, "its depth is %lld", (long long)many);
  BD_TRY(axis_of(call, -1, indices->rank + 1, &axis));
  for (int i = 0; i <= indices->rank; i++)
    dims[i] = i < axis ? indices->dims[i] : i == axis ? many : indices->dims[i - 1];
  return bd_out(call, 0, values->type, indices->rank + 1, dims);
}

static bd_status run_one_hot(bd_call *call) {
  const bd_tensor *indices = bd_in(call, 0), *values = bd_in(call, 2);
  bd_tensor *out = call->out[0];
  int axis;
  if (!out || !out->count) return BD_OK;
  BD_TRY(axis_of(call, -1, out->rank, &axis));
  size_t size = bd_type_size(out->type);
  int64_t many = out->dims[axis], inner = bd_dims_product(out->dims, axis + 1, out->rank);
  for (int64_t i = 0; i < out->count; i++) {
    int64_t place = i / inner % many, at = i / (inner * many) * inner + i % inner;
    int64_t hot = bd_tensor_integer(indices, at);
    if (hot < 0) hot += many;
    memcpy((char *)out->data + (size_t)i * size,
           (const char *)values->data + (hot == place ? size : 0), size);
  }
  return BD_OK;
}

// --- NonZero, Compress ---------------------------------------------------------------------------

static bool is_zero(const bd_tensor *tensor, int64_t at) {
  return bd_tensor_real(tensor, at) == 0;
}

static int64_t count_nonzero(const bd_tensor *tensor) {
  int64_t count = 0;
  for (int64_t i = 0; i < tensor->count; i++)
    count += !is_zero(tensor, i);
  return count;
}

static bd_status infer_nonzero(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  if (!bd_known(call, 0)) return BD_OK;
  int64_t dims[] = {in->rank, count_nonzero(in)};
  return bd_out(call, 0, BD_TYPE_INT64, 2, dims);
}

static bd_status run_nonzero(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bd_tensor *out = call->out[0];
  int64_t found = 0;
  for (int64_t i = 0; out && i < in->count; i++) {
    if (is_zero(in, i)) continue;
    int64_t rest = i;
    for (int axis = in->rank - 1; axis >= 0; axis--) {
      ((int64_t *)out->data)[axis * out->dims[1] + found] = rest % in->dims[axis];
      rest /= in->dims[axis];
    }
    found++;
  }
  return BD_OK;
}

static bd_status infer_compress(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *chosen = bd_in(call, 1);
  int64_t dims[BD_DIMS_MAX];
  int axis = 0;
  bool flat = !bd_attr(call, "axis");
  if (!bd_known(call, 1)) return BD_OK;
  if (!flat) BD_TRY(axis_of(call, 0, in->rank, &axis));
  int64_t length = flat ? in->count : in->dims[axis];
  if (chosen->rank != 1 || chosen->type != BD_TYPE_BOOL || chosen->count > length)
    return bd_bad(call, "its condition does not fit its input");
  memcpy(dims, in->dims, sizeof dims);
  dims[axis] = count_nonzero(chosen);
  return bd_out(call, 0, in->type, flat ? 1 : in->rank, dims);
}

static bd_status run_compress(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *chosen = bd_in(call, 1);
  bool flat = !bd_attr(call, "axis");
  int axis = 0;
  if (!call->out[0]) return BD_OK;
  if (!flat) BD_TRY(axis_of(call, 0, in->rank, &axis));
  int64_t outer = flat ? 1 : bd_dims_product(in->dims, 0, axis);
  int64_t length = flat ? in->count : in->dims[axis];
  size_t inner = bd_type_size(in->type);
  if (!flat) inner *= (size_t)bd_dims_product(in->dims, axis + 1, in->rank);
  char *to = call->out[0]->data;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < chosen->count && inner; i++) {
      if (!((const uint8_t *)chosen->data)[i]) continue;
      memcpy(to, (const char *)in->data + (size_t)(o * length + i) * inner, inner);
      to += inner;
    }
  return BD_OK;
}

// --- ReverseSequence -----------------------------------------------------------------------------

static bd_status reverse_axes(const bd_call *call, int *batch, int *time) {
  const bd_tensor *in = bd_in(call, 0);
  if (in->rank < 2) return bd_bad(call, "its input has rank %d", in->rank);
  *batch = (int)bd_attr_int(call, "batch_axis", 1);
  *time = (int)bd_attr_int(call, "time_axis", 0);
  return (*batch == 0 && *time == 1) || (*batch == 1 && *time == 0)
             ? BD_OK
             : bd_bad(call, "its axes must be 0 and 1");
}

static bd_status infer_reverse(bd_call *call) {
  int batch = 0, time = 1;
  BD_TRY(reverse_axes(call, &batch, &time));
  if (bd_in(call, 1)->count != bd_in(call, 0)->dims[batch])
    return bd_bad(call, "needs one length for each of the batch");
  return bd_out_like(call, 0, bd_in(call, 0));
}

static bd_status run_reverse(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  int batch = 0, time = 1;
  if (!call->out[0]) return BD_OK;
  BD_TRY(reverse_axes(call, &batch, &time));
  size_t inner = (size_t)bd_dims_product(in->dims, 2, in->rank) * bd_type_size(in->type);
  for (int64_t b = 0; b < in->dims[batch]; b++) {
    int64_t length = bd_tensor_integer(bd_in(call, 1), b);
    if (length < 0 || length > in->dims[time])
      return bd_bad(call, "length %lld is outside", (long long)length);
    for (int64_t t = 0; t < in->dims[time] && inner; t++) {
      int64_t from = t < length ? length - 1 - t : t;
      int64_t to_at = batch ? t * in->dims[1] + b : b * in->dims[1] + t;
      int64_t from_at = batch ? from * in->dims[1] + b : b * in->dims[1] + from;
      memcpy((char *)call->out[0]->data + (size_t)to_at * inner,
             (const char *)in->data + (size_t)from_at * inner, inner);
    }
  }
  return BD_OK;
}

// --- Trilu ---------------------------------------------------------------------------------------

static bd_status infer_trilu(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0), *k = bd_in(call, 1);
  if (in->rank < 2) return bd_bad(call, "its input has rank %d", in->rank);
  if (k && k->count != 1) return bd_bad(call, "needs one diagonal");
  return bd_out_like(call, 0, in);
}

static bd_status run_trilu(bd_call *call) {
  const bd_tensor *in = bd_in(call, 0);
  bool upper = bd_attr_int(call, "upper", 1) != 0;
  int64_t k = bd_in(call, 1) ? bd_tensor_integer(bd_in(call, 1), 0) : 0;
  int64_t columns = in->dims[in->rank - 1], rows = in->dims[in->rank - 2];
  size_t size = bd_type_size(in->type);
  if (k > columns) k = columns;
  if (k < -rows) k = -rows;
  for (int64_t i = 0; call->out[0] && i < in->count; i++) {
    int64_t column = i % columns, row = i / columns % rows;
    char *to = (char *)call->out[0]->data + (size_t)i * size;
    bool keep = upper ? column - row >= k : column - row <= k;
    if (keep)
      memcpy(to, (const char *)in->data + (size_t)i * size, size);
    else
      memset(to, 0, size);
  }
  return BD_OK;
}

#define ROW(NAME, SINCE, UNTIL, LEAST, MOST, WHAT)                                                 \
  { NAME, SINCE, UNTIL, LEAST, MOST, infer_##WHAT, run_##WHAT, BD_LAYOUT_PLAIN, 0, NULL }

const bd_op bd_ops_index[] = {
    ROW("Gather", 1, 0, 2, 2, gather),
    ROW("GatherElements", 11, 0, 2, 2, gather_elements),
    ROW("GatherND", 11, 0, 2, 2, gather_nd),
    ROW("Scatter", 9, 10, 3, 3, scatter_elements),
    ROW("ScatterElements", 11, 0, 3, 3, scatter_elements),
    ROW("ScatterND", 11, 0, 3, 3, scatter_nd),
    ROW("OneHot", 9, 0, 3, 3, one_hot),
    ROW("NonZero", 9, 0, 1, 1, nonzero),
    ROW("Compress", 9, 0, 2, 2, compress),
    ROW("ReverseSequence", 10, 0, 2, 2, reverse),
    ROW("Trilu", 14, 0, 1, 2, trilu),
    {0},
};
