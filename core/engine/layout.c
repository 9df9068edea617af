// Which activations have their channels last, as oneDNN's convolutions like them, and where they
// are put in order again. Primitives are made here, because they decide.
#include "core/engine/plan.h"

#include "core/model/decode.h"

#include <stdlib.h>
#include <string.h>

typedef struct layouter {
  bd_engine *engine;
  int *twins; // slot → the same tensor in the other layout, made earlier in this block; or -1
  int twin_count;
  bd_error *err;
} layouter;

// --- a tensor in another layout ------------------------------------------------------------------

static int64_t spatial_size(const bd_tensor *tensor) {
  return bd_dims_product(tensor->dims, 2, tensor->rank);
}

enum { TILE = 16 }; // rows and columns that are exchanged while they are near

static void transpose(const float *in, int64_t rows, int64_t columns, float *out) {
  for (int64_t top = 0; top < rows; top += TILE)
    for (int64_t left = 0; left < columns; left += TILE)
      for (int64_t c = left; c < columns && c < left + TILE; c++)
        for (int64_t r = top; r < rows && r < top + TILE; r++)
          out[c * rows + r] = in[r * columns + c];
}

// Into the layout that `to` has.
static void put_in_order(const bd_tensor *from, bd_tensor *to) {
  const float *in = from->data;
  float *out = to->data;
  int64_t channels = from->dims[1], size = spatial_size(from);
  for (int64_t n = 0; n < from->dims[0]; n++) {
    int64_t at = n * channels * size;
    if (to->last)
      transpose(in + at, channels, size, out + at);
    else
      transpose(in + at, size, channels, out + at);
  }
}

static bd_status run_reorder(bd_call *call) {
  put_in_order(call->in[0], call->out[0]);
  return BD_OK;
}

static const bd_op reorder = {.name = "(layout)", .run = run_reorder, .least = 1, .most = 1};

void bd_tensor_plain(const bd_tensor *from, bd_tensor *to) {
  put_in_order(from, to);
}

// The slot's tensor in a layout: itself, a twin that is there, or a new one, put in order by a step
// before `at` (which then moves on).
static bd_status in_layout(layouter *l, bd_block *block, int slot, bool wanted, int *at, int *out) {
  bd_engine *engine = l->engine;
  *out = slot;
  if (engine->tensors[slot].last == wanted) return BD_OK;
  int twin = slot < l->twin_count ? l->twins[slot] : -1;
  if (twin >= 0 && engine->tensors[twin].last == wanted) {
    *out = twin;
    return BD_OK;
  }
  twin = bd_plan_slot(engine, engine->slots[slot].name);
  bd_step *step = bd_plan_step(engine, &reorder, NULL, 1, 1);
  if (twin < 0 || !step || !bd_block_add(block, step, *at))
    return bd_fail_memory(l->err, "the plan of the network");
  (*at)++;
  engine->tensors[twin] = engine->tensors[slot];
  engine->tensors[twin].data = NULL;
  engine->tensors[twin].last = wanted;
  engine->slots[twin].shaped = true;
  step->in[0] = slot;
  step->out[0] = twin;
  if (slot < l->twin_count) l->twins[slot] = twin;
  *out = twin;
  return BD_OK;
}

static bd_status all_in_layout(layouter *l, bd_block *block, bd_step *step, bool wanted, int *at) {
  for (int i = 0; i < step->in_count; i++) {
    if (step->in[i] < 0 || !l->engine->slots[step->in[i]].shaped) continue;
    if (wanted && l->engine->slots[step->in[i]].constant) continue;
    BD_TRY(in_layout(l, block, step->in[i], wanted, at, &step->in[i]));
  }
  return BD_OK;
}

// --- convolutions --------------------------------------------------------------------------------

// A primitive for the step: channels last where it pays.
static bd_conv *choose(const layouter *l, const bd_step *step, bd_conv_shape *shape) {
  const bd_fusion *fusion = step->fusion;
  shape->bias |= l->engine->slots[step->in[1]].soft; // a shift may be added to a layer's output
  if (fusion) {
    shape->bias |= fusion->affine_count > 0;
    shape->sum = fusion->sum != 0;
    shape->eltwise = fusion->eltwise;
    shape->alpha = fusion->alpha;
    shape->beta = fusion->beta;
  }
  bool fast = false;
  if (!shape->transposed) {
    shape->in_last = shape->out_last = true;
    bd_conv *conv = bd_conv_make(shape, &fast);
    if (conv && fast) return conv;
    bd_conv_free(conv);
    shape->in_last = shape->out_last = false;
  }
  return bd_conv_make(shape, NULL);
}

static bd_status lay_conv(layouter *l, bd_block *block, bd_step *step, int *at) {
  bd_engine *engine = l->engine;
  bd_call call = {.op = step->op, .node = step->node, .err = l->err};
  bd_tensor tensors[3], *in[3] = {NULL, NULL, NULL};
  for (int i = 0; i < 3 && i < step->in_count; i++) {
    if (step->in[i] < 0) continue;
    tensors[i] = engine->tensors[step->in[i]];
    in[i] = &tensors[i];
  }
  call.in = in;
  call.in_count = step->in_count < 3 ? step->in_count : 3;
  bd_conv_shape shape;
  BD_TRY(bd_conv_shape_of(&call, &shape));
  bool float_in = tensors[0].type == BD_TYPE_FLOAT, empty = tensors[0].count == 0;
  bd_conv *conv =
      float_in && !empty && engine->tensors[step->out[0]].count ? choose(l, step, &shape) : NULL;
  step->state = conv;
  if (!conv && step->fusion && (step->fusion->affine_count || step->fusion->sum))
    return bd_bad(&call, "oneDNN has no such convolution");
  BD_TRY(in_layout(l, block, step->in[0], conv && shape.in_last, at, &step->in[0]));
  if (step->fusion && step->fusion->sum) {
    int *sum = &step->in[step->fusion->sum];
    BD_TRY(in_layout(l, block, *sum, shape.out_last, at, sum));
  }
  engine->tensors[step->out[0]].last = conv && shape.out_last;
  return BD_OK;
}

// --- the others ----------------------------------------------------------------------------------

// Do an elementwise step's inputs, if they are of one shape, have their channels last?
static bool common_last(const layouter *l, const bd_step *step) {
  const bd_engine *engine = l->engine;
  const bd_tensor *out = &engine->tensors[step->out[0]];
  bool last = false;
  for (int i = 0; i < step->in_count; i++) {
    if (step->in[i] < 0) continue;
    const bd_tensor *in = &engine->tensors[step->in[i]];
    if (engine->slots[step->in[i]].constant && in->count == 1 && i > 0) continue; // a number
    if (engine->slots[step->in[i]].constant || !bd_tensor_same_shape(in, out)) return false;
    last |= in->last;
  }
  return out->type == BD_TYPE_FLOAT && last;
}

static bool concat_last(const layouter *l, const bd_step *step) {
  const bd_engine *engine = l->engine;
  bd_call call = {.node = step->node};
  int64_t axis = bd_attr_int(&call, "axis", 1);
  int rank = engine->tensors[step->out[0]].rank, last = 0;
  if (axis != 1 && axis != 1 - rank) return false;
  for (int i = 0; i < step->in_count; i++) {
    if (engine->slots[step->in[i]].constant) return false;
    last += engine->tensors[step->in[i]].last;
  }
  return last > 0 && 2 * last >= step->in_count;
}

static bool wants_last(const layouter *l, const bd_step *step) {
  if (step->dynamic || step->in_count < 1 || step->in[0] < 0 || step->out[0] < 0) return false;
  switch (step->op->layout) {
  case BD_LAYOUT_FOLLOW:
    return common_last(l, step);
  case BD_LAYOUT_CONCAT:
    return concat_last(l, step);
  case BD_LAYOUT_POOL:
    if (step->out_count > 1 && step->out[1] >= 0) return false; // positions count row-major
    return l->engine->tensors[step->in[0]].last;
  case BD_LAYOUT_ENTRY:
    return l->engine->tensors[step->in[0]].last;
  default:
    return false;
  }
}

static bd_status lay_block(layouter *l, bd_block *block);

static bd_status lay_inner(layouter *l, bd_block *block) {
  int *twins = l->twins, count = l->twin_count; // what is put in order inside stays inside
  l->twin_count = l->engine->slot_count;
  l->twins = malloc(((size_t)l->twin_count + 1) * sizeof *l->twins);
  bd_status status = BD_OK;
  if (!l->twins) status = bd_fail_memory(l->err, "the plan of the network");
  for (int i = 0; l->twins && i < l->twin_count; i++)
    l->twins[i] = -1;
  if (l->twins) status = lay_block(l, block);
  free(l->twins);
  l->twins = twins;
  l->twin_count = count;
  return status;
}

static bd_status lay_step(layouter *l, bd_block *block, bd_step *step, int *at) {
  if (step->blocks[0]) {
    BD_TRY(all_in_layout(l, block, step, false, at));
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      BD_TRY(lay_inner(l, step->blocks[k]));
    return BD_OK;
  }
  if (step->op->layout == BD_LAYOUT_CONV && !step->dynamic && step->out[0] >= 0)
    return lay_conv(l, block, step, at);
  bool wanted = wants_last(l, step);
  BD_TRY(all_in_layout(l, block, step, wanted, at));
  if (wanted && step->op->layout != BD_LAYOUT_ENTRY) l->engine->tensors[step->out[0]].last = true;
  return BD_OK;
}

static bd_status lay_block(layouter *l, bd_block *block) {
  for (int i = 0; i < block->count; i++)
    BD_TRY(lay_step(l, block, block->steps[i], &i));
  for (int i = 0; i < block->output_count; i++) {
    int end = block->count;
    BD_TRY(in_layout(l, block, block->outputs[i], false, &end, &block->outputs[i]));
  }
  return BD_OK;
}

bd_status bd_plan_layout(bd_engine *engine, bd_error *err) {
  layouter l = {.engine = engine, .err = err};
  return lay_inner(&l, &engine->main);
}
