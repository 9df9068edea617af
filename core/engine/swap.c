// Replaced weights: what the plan computed from a layer's weights is computed again beside it.
#include "core/engine/swap.h"

#include <stdlib.h>
#include <string.h>

struct bd_swap {
  const bd_engine *engine;
  bd_tensor *tensors; // as the plan's; the replaced ones have other data
  void **data;        // by slot: owned, or NULL: the plan's own
  void **packed;      // by step: owned, or NULL
  bd_shift *shifts;   // by step: owned values, or NULL
  bool *changed;      // by slot: in the call at hand
  bd_tensor **pointers;
  uint64_t born, time;  // by the plan's clock: made, last changed
  uint64_t *changed_at; // by layer
};

static int widest(const bd_engine *engine) {
  int most = 0;
  for (int i = 0; i < engine->step_count + engine->folded.count; i++) {
    const bd_step *step =
        i < engine->step_count ? engine->steps[i] : engine->folded.steps[i - engine->step_count];
    if (step && step->in_count + step->out_count > most) most = step->in_count + step->out_count;
  }
  return most;
}

bd_status bd_step_pack(const bd_engine *engine, const bd_step *step, const bd_tensor *tensors,
                       const bd_shift *shift, void **out, size_t *bytes, bd_error *err) {
  *out = NULL;
  *bytes = 0;
  if (!step->state || !engine->slots[step->in[1]].constant ||
      (step->in_count > 2 && step->in[2] >= 0 && !engine->slots[step->in[2]].constant))
    return BD_OK;
  bd_scratch scratch = {0};
  bd_tensor **pointers = malloc((size_t)(step->in_count + step->out_count) * sizeof(bd_tensor *));
  *bytes = bd_conv_packed(step->state);
  *out = aligned_alloc(64, (*bytes + 63) / 64 * 64 + 64);
  bd_status status = bd_fail_memory(err, "packed weights");
  if (pointers && *out) {
    bd_frame frame = {(bd_tensor *)(uintptr_t)tensors, pointers, &scratch, engine->limit, err};
    bd_call call = bd_frame_call(engine, &frame, step);
    call.shift = shift;
    status = bd_conv_pack(&call, step->state, *out);
  }
  free(pointers);
  bd_scratch_free(&scratch);
  if (status == BD_OK) return BD_OK;
  free(*out);
  *out = NULL;
  return status;
}

bd_status bd_swap_new(const bd_engine *engine, bd_swap **out, bd_error *err) {
  *out = NULL;
  bd_swap *swap = calloc(1, sizeof *swap);
  if (!swap) return bd_fail_memory(err, "replaced weights");
  size_t slots = (size_t)engine->slot_count;
  swap->engine = engine;
  swap->tensors = malloc((slots + 1) * sizeof *swap->tensors);
  swap->data = calloc(slots + 1, sizeof(void *));
  swap->packed = calloc((size_t)engine->step_count + 1, sizeof(void *));
  swap->shifts = calloc((size_t)engine->step_count + 1, sizeof *swap->shifts);
  swap->changed = calloc(slots + 1, sizeof *swap->changed);
  swap->pointers = calloc((size_t)widest(engine) + 1, sizeof(bd_tensor *));
  swap->changed_at =
      calloc((size_t)bd_model_layer_count(engine->model) + 1, sizeof *swap->changed_at);
  swap->born = swap->time = atomic_fetch_add(engine->clock, 1) + 1;
  if (swap->tensors && swap->data && swap->packed && swap->shifts && swap->changed &&
      swap->pointers && swap->changed_at) {
    memcpy(swap->tensors, engine->tensors, slots * sizeof *swap->tensors);
    *out = swap;
    return BD_OK;
  }
  bd_swap_free(swap);
  return bd_fail_memory(err, "replaced weights");
}

static void drop_shift(bd_shift *shift) {
  free((void *)(uintptr_t)shift->values);
  *shift = (bd_shift){0};
}

void bd_swap_free(bd_swap *swap) {
  if (!swap) return;
  for (int i = 0; swap->data && i < swap->engine->slot_count; i++)
    free(swap->data[i]);
  for (int i = 0; swap->packed && i < swap->engine->step_count; i++)
    free(swap->packed[i]);
  for (int i = 0; swap->shifts && i < swap->engine->step_count; i++)
    drop_shift(&swap->shifts[i]);
  free(swap->tensors);
  free(swap->data);
  free(swap->packed);
  free(swap->shifts);
  free(swap->changed);
  free(swap->pointers);
  free(swap->changed_at);
  free(swap);
}

// Memory of its own for a slot's values.
static bool own(bd_swap *swap, int slot) {
  size_t bytes = bd_tensor_bytes(&swap->tensors[slot]);
  if (!swap->data[slot]) swap->data[slot] = aligned_alloc(64, (bytes + 64) / 64 * 64);
  if (swap->data[slot]) swap->tensors[slot].data = swap->data[slot];
  return swap->data[slot] != NULL;
}

static void disown(bd_swap *swap, int slot) {
  free(swap->data[slot]);
  swap->data[slot] = NULL;
  swap->tensors[slot].data = swap->engine->tensors[slot].data;
}

// Constants that were computed from changed ones.
static bd_status refold(bd_swap *swap, bd_error *err) {
  const bd_engine *engine = swap->engine;
  bd_scratch scratch = {0};
  bd_frame frame = {swap->tensors, swap->pointers, &scratch, engine->limit, err};
  bd_status status = BD_OK;
  for (int i = 0; i < engine->folded.count && status == BD_OK; i++) {
    const bd_step *step = engine->folded.steps[i];
    if (!bd_step_reads(step, swap->changed)) continue;
    for (int k = 0; k < step->out_count; k++) {
      if (step->out[k] < 0) continue;
      if (!own(swap, step->out[k])) status = bd_fail_memory(err, "replaced weights");
      swap->changed[step->out[k]] = true;
    }
    bd_call call = bd_frame_call(engine, &frame, step);
    if (status == BD_OK) status = bd_op_run(&call);
    bd_scratch_reset(&scratch);
  }
  bd_scratch_free(&scratch);
  return status;
}

// Are all constants that a step was packed from the plan's own?
static bool is_original(const bd_swap *swap, const bd_step *step) {
  if (bd_swap_shift_of(swap, step)) return false;
  for (int i = 0; i < step->in_count; i++)
    if (step->in[i] >= 0 && swap->data[step->in[i]]) return false;
  return true;
}

static bd_status repack(bd_swap *swap, bd_error *err) {
  const bd_engine *engine = swap->engine;
  for (int i = 0; i < engine->step_count; i++) {
    const bd_step *step = engine->steps[i];
    if (!step || !step->soft || !step->packed || !bd_step_reads(step, swap->changed)) continue;
    size_t bytes;
    void *fresh = NULL;
    const bd_shift *shift = bd_swap_shift_of(swap, step);
    if (!is_original(swap, step))
      BD_TRY(bd_step_pack(engine, step, swap->tensors, shift, &fresh, &bytes, err));
    free(swap->packed[i]);
    swap->packed[i] = fresh;
  }
  return BD_OK;
}

static void note_change(bd_swap *swap, int layer) {
  swap->changed_at[layer] = swap->time = atomic_fetch_add(swap->engine->clock, 1) + 1;
}

bd_status bd_swap_set(bd_swap *swap, int layer, const float *values, bd_error *err) {
  int slot = swap->engine->layer_slots[layer];
  if (slot < 0) return BD_OK; // nothing that runs depends on it
  note_change(swap, layer);
  memset(swap->changed, 0, (size_t)swap->engine->slot_count * sizeof *swap->changed);
  swap->changed[slot] = true;
  bd_tensor *tensor = &swap->tensors[slot];
  if (!values) {
    disown(swap, slot);
  } else if (own(swap, slot)) {
    bd_convert(BD_TYPE_FLOAT, values, tensor->type, tensor->data, tensor->count);
  } else {
    return bd_fail_memory(err, "replaced weights");
  }
  BD_TRY(refold(swap, err));
  return repack(swap, err);
}

// A step's shift, copied.
static bool take_shift(bd_shift *to, const double *values, int64_t count, int weight) {
  drop_shift(to);
  if (!values) return true;
  double *copy = malloc((size_t)count * sizeof *copy);
  if (!copy) return false;
  memcpy(copy, values, (size_t)count * sizeof *copy);
  *to = (bd_shift){copy, count, weight};
  return true;
}

bd_status bd_swap_shift(bd_swap *swap, int layer, const double *shift, bd_error *err) {
  const bd_engine *engine = swap->engine;
  if (engine->layer_slots[layer] < 0) return BD_OK;
  if (!bd_engine_channels(engine, layer))
    return bd_fail(err, BD_INVALID, "layer %s: its operator has no output channels",
                   bd_model_layer(engine->model, layer)->tensor);
  note_change(swap, layer);
  bool *touched = bd_plan_touched(engine, layer);
  if (!touched) return bd_fail_memory(err, "replaced weights");
  memcpy(swap->changed, touched, (size_t)engine->slot_count * sizeof *touched);
  free(touched);
  for (int i = 0; i < engine->step_count; i++) {
    int weight;
    int64_t count;
    if (engine->steps[i] &&
        bd_step_channels(engine, engine->steps[i], swap->changed, &weight, &count) &&
        !take_shift(&swap->shifts[i], shift, count, weight))
      return bd_fail_memory(err, "replaced weights");
  }
  return repack(swap, err);
}

const bd_tensor *bd_swap_tensor(const bd_swap *swap, int slot) {
  return &swap->tensors[slot];
}

uint64_t bd_swap_time(const bd_swap *swap) {
  return swap->time;
}

bool bd_swap_changed(const bd_swap *swap, int layer, uint64_t since) {
  return swap->born > since || swap->changed_at[layer] > since;
}

const void *bd_swap_packed(const bd_swap *swap, const bd_step *step) {
  const void *own_pack = swap->packed[step->index];
  return own_pack ? own_pack : step->packed;
}

const bd_shift *bd_swap_shift_of(const bd_swap *swap, const bd_step *step) {
  const bd_shift *shift = &swap->shifts[step->index];
  return shift->values ? shift : NULL;
}
