#include "core/engine/linear.h"

#include "core/engine/run.h"

#include <stdlib.h>
#include <string.h>

// --- which layers are linear ---------------------------------------------------------------------

static bool is_named(const bd_step *step, const char *name) {
  return strcmp(step->op->name, name) == 0;
}

// Does the slot hold the layer's weights in stored order, whatever their shape is now?
static bool in_stored_order(const bd_engine *engine, int layer, int slot) {
  for (int i = engine->folded.count - 1; i >= 0 && slot != engine->layer_slots[layer]; i--) {
    const bd_step *step = engine->folded.steps[i];
    if (step->out_count < 1 || step->out[0] != slot) continue;
    if (!(step->op->flags & BD_OP_VIEW) && !is_named(step, "Cast")) return false;
    slot = step->in[0];
  }
  return slot == engine->layer_slots[layer];
}

static const bd_step *main_user(const bd_engine *engine, const bool *touched, bd_error *err) {
  for (int i = 0; i < engine->step_count; i++) {
    const bd_step *step = engine->steps[i];
    if (!step || !bd_step_reads(step, touched)) continue;
    for (int k = 0; k < engine->main.count; k++)
      if (engine->main.steps[k] == step) return step;
    bd_fail(err, BD_INVALID, "it stands in a subgraph");
    return NULL;
  }
  bd_fail(err, BD_INVALID, "the network does not depend on it");
  return NULL;
}

static int64_t size_of(const bd_conv_shape *s, const int64_t *extent) {
  int64_t size = 1;
  for (int i = 0; i < s->spatial; i++)
    size *= extent[i];
  return size;
}

static bd_status take_conv(const bd_engine *engine, const bd_step *step, bd_linear *out,
                           bd_error *err) {
  bd_tensor tensors[3], *in[3] = {&tensors[0], &tensors[1], NULL};
  for (int i = 0; i < 2; i++) {
    tensors[i] = engine->tensors[step->in[i]];
    tensors[i].last = false;
  }
  bd_call call = {.op = step->op, .node = step->node, .opset = engine->opset, .err = err};
  call.in = in;
  call.in_count = 2;
  BD_TRY(bd_conv_shape_of(&call, &out->conv));
  const bd_conv_shape *s = &out->conv;
  int64_t kernel = size_of(s, s->kernel);
  out->kind = BD_LINEAR_CONV;
  out->groups = s->groups;
  out->in = s->in_channels / s->groups * kernel;
  out->out = s->out_channels / s->groups;
  out->positions = s->batch * size_of(s, s->out);
  out->outer = s->transposed ? s->in_channels : 1;
  out->inner = s->transposed ? kernel : out->in;
  out->channels = s->transposed && s->groups > 1 ? 0 : s->out_channels;
  return BD_OK;
}

// Weights w[column·a + output·b]; a patch starts at position·start and goes on by x_step.
static void take_rows(bd_linear *out, int64_t in, int64_t outputs, bool outputs_first) {
  out->kind = BD_LINEAR_ROWS;
  out->groups = 1;
  out->in = in;
  out->out = outputs;
  out->outer = outputs_first ? 1 : in;
  out->channels = outputs;
  out->inner = outputs_first ? in : 1;
  out->x_step = out->y_step = 1;
  out->stride = in;
}

static bd_status take_gemm(const bd_engine *engine, const bd_step *step, bd_linear *out) {
  const bd_tensor *a = &engine->tensors[step->in[0]], *b = &engine->tensors[step->in[1]];
  bd_call call = {.node = step->node};
  bool ta = bd_attr_int(&call, "transA", 0) != 0, tb = bd_attr_int(&call, "transB", 0) != 0;
  take_rows(out, b->dims[tb ? 1 : 0], b->dims[tb ? 0 : 1], tb);
  out->positions = a->dims[ta ? 1 : 0];
  if (ta) {
    out->stride = 1;
    out->x_step = out->positions;
  }
  out->alpha = (double)bd_attr_float(&call, "alpha", 1);
  out->beta = (double)bd_attr_float(&call, "beta", 1);
  return BD_OK;
}

static bd_status take_matmul(const bd_engine *engine, const bd_step *step, int weight, bool direct,
                             bd_linear *out, bd_error *err) {
  const bd_tensor *w = &engine->tensors[step->in[weight]], *x = &engine->tensors[out->input];
  int64_t rows = w->dims[w->rank - 2], columns = w->dims[w->rank - 1];
  if (rows * columns != w->count) return bd_fail(err, BD_INVALID, "it is a stack of matrices");
  if (weight == 1) {
    take_rows(out, rows, columns, false);
    out->positions = x->count / rows;
    return BD_OK;
  }
  if (!direct) return bd_fail(err, BD_INVALID, "its weights are reshaped and stand first");
  take_rows(out, columns, rows, true);
  out->kind = BD_LINEAR_COLUMNS;
  out->stride = x->rank > 1 ? x->dims[x->rank - 1] : 1;
  out->x_step = out->y_step = out->stride;
  out->positions = x->count / columns;
  return BD_OK;
}

// A bias that is known and the same everywhere, or none.
static bd_status take_bias(const bd_engine *engine, const bd_step *step, bd_linear *out,
                           bd_error *err) {
  out->bias = step->in_count > 2 ? step->in[2] : -1;
  if (out->bias < 0) return BD_OK;
  const bd_tensor *bias = &engine->tensors[out->bias];
  bool last = bias->count == out->groups * out->out &&
              (bias->rank == 1 || bias->dims[bias->rank - 1] == bias->count);
  if (engine->slots[out->bias].constant && bias->data && (bias->count == 1 || last)) return BD_OK;
  return bd_fail(err, BD_INVALID, "its bias depends on the data");
}

static bd_status check_tensors(const bd_engine *engine, const bd_step *step, int layer, int weight,
                               bd_error *err) {
  int input = step->in[weight ? 0 : 1];
  if (step->dynamic || input < 0 || !engine->slots[input].shaped || step->out[0] < 0)
    return bd_fail(err, BD_INVALID, "its shapes are found while the network runs");
  if (!in_stored_order(engine, layer, step->in[weight]))
    return bd_fail(err, BD_INVALID, "its weights are rearranged before they are used");
  if (engine->tensors[input].type != BD_TYPE_FLOAT ||
      engine->tensors[step->out[0]].type != BD_TYPE_FLOAT || engine->tensors[input].count == 0)
    return bd_fail(err, BD_INVALID, "it does not compute in float32");
  return BD_OK;
}

static bd_status look(const bd_engine *engine, int layer, const bool *touched, bd_linear *out,
                      bd_error *err) {
  int weight;
  int64_t channels;
  const bd_step *step = main_user(engine, touched, err);
  if (!step) return BD_INVALID;
  if (!bd_step_channels(engine, step, touched, &weight, &channels))
    return bd_fail(err, BD_INVALID, "%s cannot be repaired", step->op->name);
  BD_TRY(check_tensors(engine, step, layer, weight, err));
  *out = (bd_linear){.step = step->index, .alpha = 1, .beta = 1};
  out->input = step->in[weight ? 0 : 1];
  out->output = step->out[0];
  if (is_named(step, "Gemm"))
    BD_TRY(take_gemm(engine, step, out));
  else if (is_named(step, "MatMul"))
    BD_TRY(take_matmul(engine, step, weight, step->in[weight] == engine->layer_slots[layer], out,
                       err));
  else
    BD_TRY(take_conv(engine, step, out, err));
  return take_bias(engine, step, out, err);
}

bd_status bd_engine_linear(const bd_engine *engine, int layer, bd_linear *out, bd_error *err) {
  bool *touched = bd_plan_touched(engine, layer);
  if (!touched) return bd_fail_memory(err, "the layers");
  bd_status status = look(engine, layer, touched, out, err);
  free(touched);
  return status;
}

int64_t bd_linear_place(const bd_linear *linear, int64_t group, int64_t output, int64_t column) {
  if (linear->kind == BD_LINEAR_CONV && linear->conv.transposed) {
    int64_t first = group * (linear->in / linear->inner); // the group's first input channel
    int64_t channel = column / linear->inner, tap = column % linear->inner;
    return ((first + channel) * linear->out + output) * linear->inner + tap;
  }
  if (linear->kind != BD_LINEAR_CONV && linear->inner == 1) return column * linear->out + output;
  return (group * linear->out + output) * linear->in + column;
}

double bd_linear_bias(const bd_linear *linear, const bd_engine *engine, int64_t channel) {
  if (linear->bias < 0) return 0;
  const bd_tensor *bias = &engine->tensors[linear->bias];
  return linear->beta * bd_tensor_real(bias, bias->count == 1 ? 0 : channel);
}

// --- patches -------------------------------------------------------------------------------------

// Where channel c of sample n begins, and how far apart its places are.
static const float *channel_of(const bd_tensor *tensor, int64_t n, int64_t c, int64_t size,
                               int64_t *apart) {
  int64_t channels = tensor->dims[1];
  const float *data = (const float *)tensor->data + n * channels * size;
  *apart = tensor->last ? channels : 1;
  return data + c * (tensor->last ? 1 : size);
}

// The input's coordinate that tap t meets at output o; -1 where it is padding or between.
static int64_t meets(const bd_conv_shape *s, int axis, int64_t o, int64_t t) {
  int64_t at;
  if (s->transposed) {
    at = o + s->low[axis] - t * s->dilation[axis];
    if (at < 0 || at % s->stride[axis]) return -1;
    at /= s->stride[axis];
  } else {
    at = o * s->stride[axis] - s->low[axis] + t * s->dilation[axis];
  }
  return at >= 0 && at < s->in[axis] ? at : -1;
}

// For each tap, where it reads in a channel; -1: nothing. Returns how many taps.
static int64_t taps_of(const bd_conv_shape *s, int64_t place, int64_t *out) {
  int64_t o[3] = {0}, rest = place, count = 1;
  for (int axis = s->spatial - 1; axis >= 0; axis--) {
    o[axis] = rest % s->out[axis];
    rest /= s->out[axis];
    count *= s->kernel[axis];
  }
  for (int64_t tap = 0; tap < count; tap++) {
    int64_t left = tap, at = 0, size = 1;
    for (int axis = s->spatial - 1; axis >= 0; axis--) {
      int64_t where = meets(s, axis, o[axis], left % s->kernel[axis]);
      at = where < 0 || at < 0 ? -1 : at + where * size;
      left /= s->kernel[axis];
      size *= s->in[axis];
    }
    out[tap] = at;
  }
  return count;
}

enum { TAPS_MAX = 1024 };

static void conv_patch(const bd_linear *linear, const bd_tensor *input, int64_t position,
                       float *out) {
  const bd_conv_shape *s = &linear->conv;
  int64_t places = size_of(s, s->out), size = size_of(s, s->in), some[TAPS_MAX];
  int64_t kernel = size_of(s, s->kernel), apart;
  int64_t *taps = kernel > TAPS_MAX ? malloc((size_t)kernel * sizeof *taps) : some;
  if (!taps) return; // the row stays zero
  taps_of(s, position % places, taps);
  for (int64_t c = 0; c < s->in_channels; c++) {
    const float *from = channel_of(input, position / places, c, size, &apart);
    for (int64_t t = 0; t < kernel; t++)
      *out++ = taps[t] < 0 ? 0 : from[taps[t] * apart];
  }
  if (taps != some) free(taps);
}

// Position p of `in` (or `out`) numbers. ROWS: they lie `step` apart, from p·stride. COLUMNS: a
// matrix has `stride` columns; p = matrix·stride + column.
static const float *line_of(const bd_linear *linear, const bd_tensor *tensor, int64_t position,
                            int64_t length, int64_t stride) {
  const float *data = tensor->data;
  if (linear->kind == BD_LINEAR_ROWS) return data + position * stride;
  int64_t matrix = position / linear->stride;
  return data + matrix * length * linear->stride + position % linear->stride;
}

void bd_linear_patch(const bd_linear *linear, const bd_run *run, int64_t position, float *out) {
  const bd_tensor *input = &run->tensors[linear->input];
  if (linear->kind == BD_LINEAR_CONV) {
    conv_patch(linear, input, position, out);
    return;
  }
  const float *from = line_of(linear, input, position, linear->in, linear->stride);
  for (int64_t j = 0; j < linear->in; j++)
    out[j] = (float)linear->alpha * from[j * linear->x_step];
}

void bd_linear_result(const bd_linear *linear, const bd_run *run, int64_t position, float *out) {
  const bd_tensor *output = &run->tensors[linear->output];
  int64_t channels = linear->groups * linear->out;
  if (linear->kind == BD_LINEAR_CONV) {
    int64_t places = size_of(&linear->conv, linear->conv.out), apart;
    for (int64_t c = 0; c < channels; c++) {
      const float *from = channel_of(output, position / places, c, places, &apart);
      out[c] = from[position % places * apart];
    }
    return;
  }
  const float *from = line_of(linear, output, position, linear->out, linear->out);
  for (int64_t o = 0; o < channels; o++)
    out[o] = from[o * linear->y_step];
}
