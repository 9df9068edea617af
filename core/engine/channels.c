// A layer's users and their output channels.
#include "core/engine/plan.h"

#include <stdlib.h>
#include <string.h>

bool bd_step_reads(const bd_step *step, const bool *slots) {
  for (int i = 0; i < step->in_count; i++)
    if (step->in[i] >= 0 && slots[step->in[i]]) return true;
  return false;
}

bool *bd_plan_touched(const bd_engine *engine, int layer) {
  bool *touched = calloc((size_t)engine->slot_count + 1, sizeof *touched);
  if (!touched || engine->layer_slots[layer] < 0) return touched;
  touched[engine->layer_slots[layer]] = true;
  for (int i = 0; i < engine->folded.count; i++) {
    const bd_step *step = engine->folded.steps[i];
    if (!bd_step_reads(step, touched)) continue;
    for (int k = 0; k < step->out_count; k++)
      if (step->out[k] >= 0) touched[step->out[k]] = true;
  }
  return touched;
}

// Output channels that weights of this shape make as the given input; 0: none.
static int64_t channels_of(const bd_step *step, int input, const bd_tensor *weights) {
  const char *name = step->op->name;
  const int64_t *dims = weights->dims;
  bd_call call = {.node = step->node};
  if (strcmp(name, "MatMul") == 0 && weights->rank >= 2)
    return dims[weights->rank - (input ? 1 : 2)];
  if (input != 1 || weights->rank < 2) return 0;
  if (strcmp(name, "Conv") == 0) return dims[0];
  if (strcmp(name, "ConvTranspose") == 0) return dims[1] * bd_attr_int(&call, "group", 1);
  if (strcmp(name, "Gemm") == 0) return dims[bd_attr_int(&call, "transB", 0) ? 0 : 1];
  return 0;
}

bool bd_step_channels(const bd_engine *engine, const bd_step *step, const bool *slots, int *weight,
                      int64_t *count) {
  for (int i = 0; i < 2 && i < step->in_count; i++) {
    if (step->in[i] < 0 || !slots[step->in[i]]) continue;
    *weight = i;
    *count = channels_of(step, i, &engine->tensors[step->in[i]]);
    return *count > 0;
  }
  return false;
}

int64_t bd_engine_channels(const bd_engine *engine, int layer) {
  bool *touched = bd_plan_touched(engine, layer);
  int64_t channels = 0;
  for (int i = 0; touched && i < engine->step_count; i++) {
    const bd_step *step = engine->steps[i];
    if (!step || !bd_step_reads(step, touched)) continue;
    int weight;
    int64_t count;
    bool fits = bd_step_channels(engine, step, touched, &weight, &count);
    if (!fits || (channels && channels != count)) {
      channels = 0;
      break;
    }
    channels = count;
  }
  free(touched);
  return channels;
}
