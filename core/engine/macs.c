// Multiply–accumulates of each layer, from the shapes of the steps that use its weights.
#include "core/engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A step, the shapes around it, and which of its inputs holds the weights.
typedef struct use {
  const bd_tensor *tensors; // of the plan, by slot
  const bd_step *step;
  int place;
} use;

static const bd_tensor *input(const use *u, int index) {
  bool given = index < u->step->in_count && u->step->in[index] >= 0;
  return given ? &u->tensors[u->step->in[index]] : NULL;
}

// NULL where nobody wants it.
static const bd_tensor *output(const use *u) {
  return u->step->out[0] >= 0 ? &u->tensors[u->step->out[0]] : NULL;
}

static double weights(const use *u) {
  return (double)input(u, u->place)->count;
}

// Every weight meets every position of the result once, in each sample.
static double of_conv(const use *u) {
  const bd_tensor *out = output(u);
  if (!out) return 0;
  return weights(u) * (double)out->dims[0] * (double)bd_dims_product(out->dims, 2, out->rank);
}

// The same with the positions that go in.
static double of_transposed(const use *u) {
  const bd_tensor *in = input(u, 0);
  return weights(u) * (double)in->dims[0] * (double)bd_dims_product(in->dims, 2, in->rank);
}

static bool says_transposed(const Onnx__NodeProto *node, const char *name) {
  bd_call call = {.node = node};
  return bd_attr_int(&call, name, 0) != 0;
}

static double of_gemm(const use *u) {
  const bd_tensor *a = input(u, 0), *out = output(u);
  int summed = says_transposed(u->step->node, "transA") ? 0 : 1;
  return out ? (double)out->count * (double)a->dims[summed] : 0;
}

// The last axis of the first factor is summed over.
static double of_product(const use *u) {
  const bd_tensor *a = input(u, 0), *out = output(u);
  return out ? (double)out->count * (double)a->dims[a->rank - 1] : 0;
}

// In each step of each sequence every weight once (both directions have their own).
static double of_recurrent(const use *u) {
  const bd_tensor *x = input(u, 0);
  return weights(u) * (double)x->dims[0] * (double)x->dims[1];
}

static const struct {
  const char *op;
  int first, last; // inputs that are multiplied
  double (*count)(const use *u);
} rules[] = {
    {"Conv", 1, 1, of_conv},      {"ConvTranspose", 1, 1, of_transposed},
    {"Gemm", 0, 1, of_gemm},      {"MatMul", 0, 1, of_product},
    {"LSTM", 1, 2, of_recurrent}, {"GRU", 1, 2, of_recurrent},
    {"RNN", 1, 2, of_recurrent},
};

static bool shapes_known(const use *u, const bd_engine *engine) {
  const bd_step *step = u->step;
  for (int i = 0; i < 2 && i < step->in_count; i++)
    if (step->in[i] >= 0 && !engine->slots[step->in[i]].shaped) return false;
  return !step->dynamic && (step->out[0] < 0 || engine->slots[step->out[0]].shaped);
}

static double spent(const bd_engine *engine, const bd_step *step, int place, bool repeated) {
  use u = {engine->tensors, step, place};
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (strcmp(step->op->name, rules[i].op) != 0) continue;
    if (place < rules[i].first || place > rules[i].last) return 0;
    return shapes_known(&u, engine) && !repeated ? rules[i].count(&u) : NAN;
  }
  return 0;
}

// A sum over the steps of a graph and of those inside of it.
typedef struct survey {
  const bd_engine *engine;
  const int *owners; // slot → the layer whose weights it holds, or -1
  double *macs;
} survey;

static void add_block(survey *all, const bd_block *block, bool repeated) {
  for (int i = 0; i < block->count; i++) {
    const bd_step *step = block->steps[i];
    for (int k = 0; k < step->in_count && !step->blocks[0]; k++) {
      int layer = step->in[k] < 0 ? -1 : all->owners[step->in[k]];
      if (layer >= 0) all->macs[layer] += spent(all->engine, step, k, repeated);
    }
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      add_block(all, step->blocks[k], repeated || strcmp(step->op->name, "If") != 0);
  }
}

static int *find_owners(const bd_engine *engine) {
  int *owners = malloc(((size_t)engine->slot_count + 1) * sizeof *owners);
  for (int i = 0; owners && i < engine->slot_count; i++)
    owners[i] = engine->slots[i].layer;
  for (int i = 0; owners && i < engine->folded.count; i++) {
    const bd_step *step = engine->folded.steps[i];
    for (int k = 0; k < step->in_count; k++)
      for (int o = 0; o < step->out_count; o++)
        if (step->in[k] >= 0 && owners[step->in[k]] >= 0 && step->out[o] >= 0)
          owners[step->out[o]] = owners[step->in[k]];
  }
  return owners;
}

bool bd_engine_macs(const bd_engine *engine, double *macs) {
  int *owners = find_owners(engine);
  survey all = {engine, owners, macs};
  if (!owners) return false;
  for (int i = 0; i < bd_model_layer_count(engine->model); i++)
    macs[i] = bd_engine_uses(engine, i) ? 0 : NAN;
  add_block(&all, &engine->main, false);
  free(owners);
  return true;
}
