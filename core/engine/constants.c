// What a plan computes ahead.
#include "core/engine/plan.h"

#include <string.h>

bool bd_plan_reads_soft(const bd_engine *engine, const bd_step *step) {
  bool soft = false;
  for (int i = 0; i < step->in_count; i++)
    soft |= step->in[i] >= 0 && engine->slots[step->in[i]].soft;
  return soft;
}

// Little to compute, and nothing for oneDNN to do.
static bool is_light(const bd_engine *engine, const bd_step *step) {
  if (step->op->flags & BD_OP_AS_FLOAT || strcmp(step->op->name, "MatMul") == 0) return false;
  for (int i = 0; i < step->out_count; i++)
    if (step->out[i] >= 0 && engine->tensors[step->out[i]].count >= BD_PLAN_FEW) return false;
  return true;
}

bool bd_plan_foldable(const bd_engine *engine, const bd_step *step) {
  if (step->dynamic || step->op->flags & (BD_OP_RANDOM | BD_OP_CONTROL)) return false;
  if (step->op->flags & BD_OP_SHAPE) return true;
  for (int i = 0; i < step->in_count; i++) {
    const bd_slot *slot = step->in[i] < 0 ? NULL : &engine->slots[step->in[i]];
    if (slot && !slot->constant && !(engine->shapes && slot->soft)) return false;
  }
  return !engine->shapes || bd_plan_reads_soft(engine, step) || is_light(engine, step);
}
