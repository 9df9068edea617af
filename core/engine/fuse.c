// What follows a convolution joins its step: normalization, scale and shift of channels, a sum, an
// activation.
#include "core/engine/plan.h"

#include "core/model/decode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Who reads a slot, over all graphs.
typedef struct usage {
  int count;
  bd_step *last;   // one of the readers
  bd_block *block; // where it stands
} usage;

typedef struct fuser {
  bd_engine *engine;
  usage *uses; // by slot
  bd_error *err;
} fuser;

static void count_uses(fuser *f, bd_block *block) {
  for (int i = 0; i < block->count; i++) {
    bd_step *step = block->steps[i];
    for (int k = 0; k < step->in_count; k++) {
      if (step->in[k] < 0) continue;
      usage *use = &f->uses[step->in[k]];
      *use = (usage){use->count + 1, step, block};
    }
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      count_uses(f, step->blocks[k]);
  }
  for (int i = 0; i < block->output_count; i++)
    f->uses[block->outputs[i]].count += 2; // never to be fused away
}

static const float *constant_floats(const fuser *f, int slot) {
  if (slot < 0 || !f->engine->slots[slot].constant) return NULL;
  const bd_tensor *tensor = &f->engine->tensors[slot];
  return tensor->type == BD_TYPE_FLOAT && tensor->count ? tensor->data : NULL;
}

// Is the constant one number for each channel of y (or one for all)?
static bool per_channel(const fuser *f, int slot, const bd_tensor *y) {
  const bd_tensor *tensor = &f->engine->tensors[slot];
  if (!constant_floats(f, slot)) return false;
  if (tensor->count == 1) return tensor->rank <= y->rank;
  int axis = tensor->rank - y->rank + 1; // where channels stand in it
  return axis >= 0 && tensor->rank <= y->rank && tensor->dims[axis] == y->dims[1] &&
         tensor->count == y->dims[1];
}

// Adds slots to the step's inputs; returns the first one's place, or 0 without memory.
static int add_inputs(fuser *f, bd_step *step, const int *slots, int count) {
  int have = step->in_count < 3 ? 3 : step->in_count;
  int *grown = bd_arena_take(f->engine->arena, (size_t)(have + count), sizeof *grown);
  if (!grown) return 0;
  for (int i = 0; i < have; i++)
    grown[i] = i < step->in_count ? step->in[i] : -1;
  memcpy(grown + have, slots, (size_t)count * sizeof *slots);
  step->in = grown;
  step->in_count = have + count;
  return have;
}

static bool add_affine(fuser *f, bd_step *conv, bd_affine affine, const int *slots, int count) {
  bd_fusion *fusion = conv->fusion;
  if (fusion->affine_count == BD_AFFINE_MAX) return false;
  affine.first = add_inputs(f, conv, slots, count);
  if (!affine.first) return false;
  fusion->affine[fusion->affine_count++] = affine;
  return true;
}

static bool join_norm(fuser *f, bd_step *conv, const bd_step *next) {
  bd_call call = {.node = next->node};
  int64_t channels = f->engine->tensors[conv->out[0]].dims[1];
  if (next->in_count != 5 || next->in[0] != conv->out[0]) return false;
  for (int i = 1; i < 5; i++)
    if (!constant_floats(f, next->in[i]) || f->engine->tensors[next->in[i]].count != channels)
      return false;
  if (bd_attr_int(&call, "training_mode", 0) || bd_attr_int(&call, "is_test", 1) != 1) return false;
  bd_affine affine = {.kind = BD_AFFINE_NORM, .epsilon = bd_attr_float(&call, "epsilon", 1e-5f)};
  return add_affine(f, conv, affine, next->in + 1, 4);
}

static bool join_affine(fuser *f, bd_step *conv, const bd_step *next, int other, bool scale) {
  if (!per_channel(f, other, &f->engine->tensors[conv->out[0]])) return false;
  bd_affine affine = {.kind = scale ? BD_AFFINE_SCALE : BD_AFFINE_SHIFT};
  return bd_tensor_same_shape(&f->engine->tensors[conv->out[0]],
                              &f->engine->tensors[next->out[0]]) &&
         add_affine(f, conv, affine, &other, 1);
}

static bool join_sum(fuser *f, bd_step *conv, const bd_step *next, int other) {
  const bd_engine *engine = f->engine;
  if (conv->fusion->sum || engine->slots[other].constant || !engine->slots[other].shaped)
    return false;
  const bd_tensor *mine = &engine->tensors[conv->out[0]], *theirs = &engine->tensors[other];
  if (theirs->type != BD_TYPE_FLOAT || !bd_tensor_same_shape(mine, theirs) || other == conv->out[0])
    return false;
  int place = add_inputs(f, conv, &other, 1);
  conv->fusion->sum = place;
  (void)next;
  return place != 0;
}

static bool activate(bd_step *conv, bd_eltwise function, float alpha, float beta) {
  conv->fusion->eltwise = function;
  conv->fusion->alpha = alpha;
  conv->fusion->beta = beta;
  return true;
}

static bool join_clip(fuser *f, bd_step *conv, const bd_step *next) {
  bd_call call = {.node = next->node};
  float low = bd_attr_float(&call, "min", -3.4028235e38f);
  float high = bd_attr_float(&call, "max", 3.4028235e38f);
  for (int i = 1; i < next->in_count; i++) {
    if (next->in[i] < 0) continue;
    const float *bound = constant_floats(f, next->in[i]);
    if (!bound) return false;
    *(i == 1 ? &low : &high) = *bound;
  }
  if (conv->fusion->eltwise == BD_ELTWISE_RELU && low < 0) low = 0; // it was below 0 no more
  return low <= high && activate(conv, BD_ELTWISE_CLIP, low, high);
}

static int other_input(const bd_step *step, int slot) {
  if (step->in_count != 2 || step->in[0] == step->in[1]) return -1;
  return step->in[0] == slot ? step->in[1] : step->in[0];
}

// Can the step that reads the convolution's output join it? An activation ends it, but for a clip
// after a plain Relu.
static bool join_next(fuser *f, bd_step *conv, const bd_step *next) {
  const char *name = next->op->name;
  bool clips = strcmp(name, "Clip") == 0 && next->in[0] == conv->out[0];
  if (conv->fusion->eltwise == BD_ELTWISE_RELU && conv->fusion->alpha <= 0)
    return clips && join_clip(f, conv, next);
  if (conv->fusion->eltwise != BD_ELTWISE_NONE) return false;
  bd_call call = {.node = next->node};
  int other = other_input(next, conv->out[0]);
  bool plain_conv = strcmp(conv->op->name, "Conv") == 0;
  bool open = plain_conv && !conv->fusion->sum; // channels can still be scaled
  if (strcmp(name, "Relu") == 0) return activate(conv, BD_ELTWISE_RELU, 0, 0);
  if (strcmp(name, "LeakyRelu") == 0)
    return activate(conv, BD_ELTWISE_RELU, bd_attr_float(&call, "alpha", 0.01f), 0);
  if (clips) return join_clip(f, conv, next);
  if (strcmp(name, "Sigmoid") == 0) return activate(conv, BD_ELTWISE_SIGMOID, 0, 0);
  if (strcmp(name, "BatchNormalization") == 0) return open && join_norm(f, conv, next);
  if (strcmp(name, "Mul") == 0)
    return open && other >= 0 && join_affine(f, conv, next, other, true);
  if (strcmp(name, "Add") != 0 && strcmp(name, "Sum") != 0) return false;
  if (other < 0) return false;
  return (open && join_affine(f, conv, next, other, false)) || join_sum(f, conv, next, other);
}

static int place_of(const bd_block *block, const bd_step *step) {
  int at = 0;
  while (at < block->count && block->steps[at] != step)
    at++;
  return at;
}

static void drop_at(bd_block *block, int at) {
  block->count--;
  memmove(block->steps + at, block->steps + at + 1,
          (size_t)(block->count - at) * sizeof *block->steps);
}

// The convolution takes the place of the step that joined it, where all its inputs are there.
static void take_place(fuser *f, bd_block *block, bd_step *conv, const bd_step *next) {
  for (int i = 0; i < next->in_count; i++)
    if (next->in[i] >= 0 && f->uses[next->in[i]].last == next) f->uses[next->in[i]].last = conv;
  drop_at(block, place_of(block, conv));
  block->steps[place_of(block, next)] = conv;
  conv->out[0] = next->out[0];
}

// y·sigmoid(y), where nothing else reads y and the sigmoid.
static bool join_swish(fuser *f, bd_block *block, bd_step *conv) {
  int y = conv->out[0];
  if (f->uses[y].count != 2) return false;
  for (int i = place_of(block, conv) + 1; i < block->count; i++) {
    bd_step *sigmoid = block->steps[i];
    if (strcmp(sigmoid->op->name, "Sigmoid") != 0 || sigmoid->in[0] != y) continue;
    const usage *use = &f->uses[sigmoid->out[0]];
    if (use->count != 1 || use->block != block || strcmp(use->last->op->name, "Mul") != 0)
      return false;
    bd_step *product = use->last;
    if (other_input(product, y) != sigmoid->out[0] || product->dynamic) return false;
    if (product->in[0] != y && product->in[1] != y) return false;
    activate(conv, BD_ELTWISE_SWISH, 1, 0);
    drop_at(block, i);
    take_place(f, block, conv, product);
    return true;
  }
  return false;
}

static bool alike(const bd_engine *engine, int a, int b) {
  return engine->slots[a].shaped && engine->slots[b].shaped &&
         engine->tensors[b].type == BD_TYPE_FLOAT &&
         bd_tensor_same_shape(&engine->tensors[a], &engine->tensors[b]);
}

static bool fuse_once(fuser *f, bd_block *block, bd_step *conv) {
  const usage *use = &f->uses[conv->out[0]];
  bool open = conv->fusion->eltwise == BD_ELTWISE_NONE;
  if (open && use->count == 2 && join_swish(f, block, conv)) return true;
  if (use->count != 1 || use->block != block || use->last->dynamic) return false;
  bd_step *next = use->last;
  if (next->op->flags & BD_OP_CONTROL || next->out_count < 1 || next->out[0] < 0 ||
      !alike(f->engine, conv->out[0], next->out[0]))
    return false;
  for (int i = 1; i < next->out_count; i++)
    if (next->out[i] >= 0) return false;
  if (!join_next(f, conv, next)) return false;
  take_place(f, block, conv, next);
  return true;
}

static bool fusible(const bd_engine *engine, const bd_step *step) {
  return step->op->layout == BD_LAYOUT_CONV && !step->dynamic && step->out[0] >= 0 &&
         engine->tensors[step->in[0]].type == BD_TYPE_FLOAT &&
         engine->slots[step->in[1]].constant &&
         (step->in_count < 3 || step->in[2] < 0 || engine->slots[step->in[2]].constant);
}

static bd_status fuse_block(fuser *f, bd_block *block) {
  for (int i = 0; i < block->count; i++) {
    bd_step *step = block->steps[i];
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      BD_TRY(fuse_block(f, step->blocks[k]));
    if (!fusible(f->engine, step) || step->fusion) continue;
    step->fusion = bd_arena_take(f->engine->arena, 1, sizeof *step->fusion);
    if (!step->fusion) return bd_fail_memory(f->err, "the plan of the network");
    bool moved = false;
    while (fuse_once(f, block, step))
      moved = true;
    if (moved) i--; // what moved down left its place to another
  }
  return BD_OK;
}

bd_status bd_plan_fuse(bd_engine *engine, bd_error *err) {
  if (engine->apart) return BD_OK;
  fuser f = {.engine = engine, .err = err};
  f.uses = calloc((size_t)engine->slot_count + 1, sizeof *f.uses);
  if (!f.uses) return bd_fail_memory(err, "the plan of the network");
  count_uses(&f, &engine->main);
  bd_status status = fuse_block(&f, &engine->main);
  free(f.uses);
  return status;
}
