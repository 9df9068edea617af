#include "core/engine/run.h"

#include "core/base/text.h"
#include "core/engine/swap.h"
#include "core/model/decode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// A large one in large pages: their first touch costs more than what is computed into them.
static void *take_arena(size_t bytes) {
  const size_t page = (size_t)2 << 20;
  bool large = bytes >= 2 * page;
  size_t unit = large ? page : 64, whole = (bytes / unit + 1) * unit;
  void *arena = aligned_alloc(unit, whole);
  if (large && arena) madvise(arena, whole, MADV_HUGEPAGE);
  return arena;
}

static bool reserve(bd_run *run) {
  const bd_engine *engine = run->engine;
  size_t slots = (size_t)engine->slot_count + 1;
  size_t bytes = run->kept ? engine->kept_bytes : engine->shared_bytes;
  run->tensors = malloc(slots * sizeof *run->tensors);
  run->grown = calloc(slots, sizeof(void *));
  run->grown_bytes = calloc(slots, sizeof *run->grown_bytes);
  run->arena = take_arena(bytes);
  int widest = 8;
  for (int i = 0; i < engine->step_count; i++) {
    const bd_step *step = engine->steps[i];
    if (step && step->in_count + step->out_count > widest)
      widest = step->in_count + step->out_count;
  }
  run->pointers = malloc((size_t)widest * sizeof(bd_tensor *));
  return run->tensors && run->grown && run->grown_bytes && run->arena && run->pointers;
}

static void place(bd_run *run) {
  const bd_engine *engine = run->engine;
  memcpy(run->tensors, engine->tensors, (size_t)engine->slot_count * sizeof *run->tensors);
  for (int i = 0; i < engine->slot_count; i++) {
    if (engine->slots[i].storage < 0) continue;
    const bd_storage *storage = &engine->storages[engine->slots[i].storage];
    run->tensors[i].data = (char *)run->arena + (run->kept ? storage->kept : storage->shared);
  }
}

bd_status bd_run_new(const bd_engine *engine, bool kept, bd_run **out, bd_error *err) {
  *out = NULL;
  if (kept && engine->kept_bytes > engine->limit) {
    char needs[32];
    return bd_fail(err, BD_FAILED, "keeping the activations takes %s: raise --memory",
                   bd_text_bytes(needs, sizeof needs, (double)engine->kept_bytes));
  }
  bd_run *run = calloc(1, sizeof *run);
  if (!run) return bd_fail_memory(err, "a run of the network");
  run->engine = engine;
  run->kept = kept;
  if (!reserve(run)) {
    bd_run_free(run);
    return bd_fail_memory(err, "a run of the network");
  }
  place(run);
  *out = run;
  return BD_OK;
}

void bd_run_free(bd_run *run) {
  if (!run) return;
  for (int i = 0; run->grown && i < run->engine->slot_count; i++)
    free(run->grown[i]);
  free(run->grown);
  free(run->grown_bytes);
  free(run->tensors);
  free(run->arena);
  free(run->pointers);
  bd_scratch_free(&run->scratch);
  free(run);
}

// --- memory that the run finds out about ---------------------------------------------------------

static bd_status over_ceiling(const bd_run *run, const Onnx__NodeProto *node, bd_error *err) {
  char room[32];
  return bd_fail(err, BD_FAILED,
                 "node %s (%s): the activations pass the ceiling of %s: raise --memory",
                 bd_said(node->name), bd_said(node->op_type),
                 bd_text_bytes(room, sizeof room, (double)run->engine->limit));
}

bd_status bd_run_hold(bd_run *run, int slot, const Onnx__NodeProto *node, bd_error *err) {
  if (run->engine->slots[slot].storage >= 0) return BD_OK;
  size_t bytes = bd_tensor_bytes(&run->tensors[slot]);
  if (!run->grown[slot] || bytes > run->grown_bytes[slot]) {
    size_t total = run->grown_total - run->grown_bytes[slot];
    if (bytes > run->engine->limit || total > run->engine->limit - bytes)
      return over_ceiling(run, node, err);
    free(run->grown[slot]);
    run->grown[slot] = malloc(bytes + 64);
    run->grown_bytes[slot] = run->grown[slot] ? bytes : 0;
    run->grown_total = total + run->grown_bytes[slot];
    if (!run->grown[slot]) return bd_fail_memory(err, "the activations");
  }
  run->tensors[slot].data = run->grown[slot];
  return BD_OK;
}

bd_status bd_run_copy(bd_run *run, const bd_tensor *from, int slot, const Onnx__NodeProto *node,
                      bd_error *err) {
  bd_tensor *to = &run->tensors[slot];
  void *data = to->data;
  *to = *from;
  to->data = data;
  BD_TRY(bd_run_hold(run, slot, node, err));
  if (to->data != from->data && from->count) memcpy(to->data, from->data, bd_tensor_bytes(from));
  return BD_OK;
}

// --- steps ---------------------------------------------------------------------------------------

static bd_status shape_now(bd_run *run, const bd_step *step, bd_call *call) {
  for (int i = 0; i < step->out_count; i++)
    if (step->out[i] >= 0) call->out[i]->data = NULL;
  for (int i = 0; i < step->in_count; i++)
    if (step->in[i] >= 0 && !call->in[i]->data) return bd_bad(call, "input %d has no value yet", i);
  BD_TRY(step->op->infer(call));
  for (int i = 0; i < step->out_count; i++)
    if (step->out[i] >= 0) BD_TRY(bd_run_hold(run, step->out[i], step->node, call->err));
  return BD_OK;
}

static bd_status refuse_nan(const bd_run *run, const bd_step *step, bd_error *err) {
  for (int i = 0; i < step->out_count; i++) {
    int slot = step->out[i];
    if (slot < 0 || !step->node || !bd_tensor_has_nan(&run->tensors[slot])) continue;
    bd_call call = {.node = step->node, .err = err};
    return bd_bad(&call, "its output %s is NaN in places, though its inputs are not",
                  run->engine->slots[slot].name);
  }
  return BD_OK;
}

static bd_status run_step(bd_run *run, const bd_step *step, bd_error *err) {
  if (bd_cancelled(run->cancel)) return BD_CANCELLED;
  if (step->op->flags & BD_OP_CONTROL) return bd_control_run(run, step, err);
  bd_frame frame = {run->tensors, run->pointers, &run->scratch, run->engine->limit, err};
  bd_call call = bd_frame_call(run->engine, &frame, step);
  if (run->swap && step->packed) call.packed = bd_swap_packed(run->swap, step);
  if (run->swap && step->soft) call.shift = bd_swap_shift_of(run->swap, step);
  bd_status status = step->dynamic ? shape_now(run, step, &call) : BD_OK;
  if (status == BD_OK) status = bd_op_run(&call);
  if (status == BD_OK && run->watched) status = refuse_nan(run, step, err);
  bd_scratch_reset(&run->scratch);
  return status;
}

bd_status bd_run_block(bd_run *run, const bd_block *block, bd_error *err) {
  for (int i = 0; i < block->count; i++)
    BD_TRY(run_step(run, block->steps[i], err));
  return BD_OK;
}

// Points the constants that layers go into at the values that count.
static void take_swap(bd_run *run, const bd_swap *swap) {
  const bd_engine *engine = run->engine;
  run->swap = swap;
  for (int i = 0; i < engine->slot_count; i++)
    if (engine->slots[i].soft)
      run->tensors[i].data = swap ? bd_swap_tensor(swap, i)->data : engine->tensors[i].data;
}

static bd_status take_input(bd_run *run, const bd_tensor *given, int slot, bd_error *err) {
  bd_tensor *own = &run->tensors[slot];
  char want[128], got[128];
  if (given->type != own->type || !bd_tensor_same_shape(given, own))
    return bd_fail(err, BD_INVALID, "input %s: compiled for %s, given %s",
                   run->engine->slots[slot].name, bd_tensor_text(own, want, sizeof want),
                   bd_tensor_text(given, got, sizeof got));
  if (!run->engine->slots[slot].constant && own->count)
    memcpy(own->data, given->data, bd_tensor_bytes(own));
  return BD_OK;
}

// Runs the steps of the main graph from one on.
static bd_status run_onwards(bd_run *run, const bd_swap *swap, int from, const bd_cancel *cancel,
                             bd_error *err) {
  const bd_block *graph = &run->engine->main;
  BD_TRY(bd_dnnl_start(err));
  take_swap(run, swap);
  run->cancel = cancel;
  run->seen = swap;
  run->seen_at = swap ? bd_swap_time(swap) : 0;
  run->sound = from;
  for (int i = from; i < graph->count; i++)
    BD_TRY(run_step(run, graph->steps[i], err));
  run->sound = graph->count;
  run->done = true;
  return BD_OK;
}

bd_status bd_run_all(bd_run *run, const bd_swap *swap, const bd_tensor *inputs,
                     const bd_cancel *cancel, bd_error *err) {
  BD_TRY(bd_run_begin(run, inputs, err));
  return run_onwards(run, swap, 0, cancel, err);
}

bd_status bd_run_begin(bd_run *run, const bd_tensor *inputs, bd_error *err) {
  const bd_block *graph = &run->engine->main;
  run->at = run->sound = 0;
  for (int i = 0; i < graph->input_count; i++)
    BD_TRY(take_input(run, &inputs[i], graph->inputs[i], err));
  return BD_OK;
}

bd_status bd_run_until(bd_run *run, const bd_swap *swap, int step, const bd_cancel *cancel,
                       bd_error *err) {
  const bd_block *graph = &run->engine->main;
  BD_TRY(bd_dnnl_start(err));
  take_swap(run, swap);
  run->cancel = cancel;
  for (; run->at < graph->count && graph->steps[run->at]->index < step; run->at++)
    BD_TRY(run_step(run, graph->steps[run->at], err));
  run->done |= run->at == graph->count;
  if (run->at < graph->count) bd_scratch_free(&run->scratch); // many runs may wait
  return BD_OK;
}

bd_status bd_run_check(bd_run *run, const bd_swap *swap, const bd_tensor *inputs, bd_error *err) {
  const bd_block *graph = &run->engine->main;
  int found = 0;
  while (found < graph->output_count && !bd_tensor_has_nan(&run->tensors[graph->outputs[found]]))
    found++;
  if (found == graph->output_count) return BD_OK;
  for (int i = 0; i < graph->input_count; i++)
    if (bd_tensor_has_nan(&inputs[i]))
      return bd_fail(err, BD_INVALID, "input %s: the data hold NaN",
                     run->engine->slots[graph->inputs[i]].name);
  run->watched = true;
  bd_status status = bd_run_all(run, swap, inputs, NULL, err);
  run->watched = false;
  BD_TRY(status);
  return bd_fail(err, BD_INVALID, "output %s: is NaN in places",
                 run->engine->slots[graph->outputs[found]].name);
}

bool bd_run_done(const bd_run *run) {
  return run->done;
}

// --- from a layer on -----------------------------------------------------------------------------

static bool step_uses(const bd_run *run, const bd_step *step, const bool *touched);

static bool block_uses(const bd_run *run, const bd_block *block, const bool *touched) {
  for (int i = 0; i < block->count; i++)
    if (step_uses(run, block->steps[i], touched)) return true;
  return false;
}

static bool step_uses(const bd_run *run, const bd_step *step, const bool *touched) {
  if (bd_step_reads(step, touched)) return true;
  for (int k = 0; k < 2 && step->blocks[k]; k++)
    if (block_uses(run, step->blocks[k], touched)) return true;
  return false;
}

// The first step of the main graph that uses a layer changed since the run went through; 0 without
// memory.
static int first_changed(const bd_run *run, const bd_swap *swap) {
  const bd_engine *engine = run->engine;
  int first = engine->main.count;
  for (int layer = 0; swap && layer < bd_model_layer_count(engine->model); layer++) {
    if (!bd_swap_changed(swap, layer, run->seen_at)) continue;
    bool *touched = bd_plan_touched(engine, layer);
    int at = 0;
    while (touched && at < first && !step_uses(run, engine->main.steps[at], touched))
      at++;
    first = at < first ? at : first;
    free(touched);
  }
  return first;
}

bd_status bd_run_again(bd_run *run, const bd_swap *swap, const bd_tensor *inputs,
                       const bd_cancel *cancel, bd_error *err) {
  if (!run->kept || !run->done || run->seen != swap)
    return bd_run_all(run, swap, inputs, cancel, err);
  int first = first_changed(run, swap);
  return run_onwards(run, swap, first < run->sound ? first : run->sound, cancel, err);
}

// Runs steps of the main graph from the first that uses the layer: all, or only those that do.
static bd_status run_some(bd_run *run, const bd_swap *swap, int layer, bool only, bd_error *err) {
  const bd_block *graph = &run->engine->main;
  if (!run->kept) return bd_fail(err, BD_FAILED, "only a run that keeps its activations goes on");
  BD_TRY(bd_dnnl_start(err));
  bool *touched = bd_plan_touched(run->engine, layer);
  if (!touched) return bd_fail_memory(err, "a run of the network");
  take_swap(run, swap);
  run->sound = 0;
  bd_status status = BD_OK;
  bool begun = false;
  for (int i = 0; i < graph->count && status == BD_OK; i++) {
    bool uses = step_uses(run, graph->steps[i], touched);
    begun |= uses;
    if (only ? uses : begun) status = run_step(run, graph->steps[i], err);
  }
  free(touched);
  return status;
}

bd_status bd_run_from(bd_run *run, const bd_swap *swap, int layer, const bd_cancel *cancel,
                      bd_error *err) {
  run->cancel = cancel;
  return run_some(run, swap, layer, false, err);
}

bd_status bd_run_layer(bd_run *run, const bd_swap *swap, int layer, bd_error *err) {
  run->cancel = NULL;
  return run_some(run, swap, layer, true, err);
}

// --- results -------------------------------------------------------------------------------------

const bd_tensor *bd_run_output(const bd_run *run, int output) {
  return &run->tensors[run->engine->main.outputs[output]];
}

static const bd_step *first_user(const bd_run *run, const bool *touched) {
  for (int i = 0; i < run->engine->step_count; i++) {
    const bd_step *step = run->engine->steps[i];
    if (step && !step->blocks[0] && bd_step_reads(step, touched)) return step;
  }
  return NULL;
}

// A copy in rows.
static bd_status copy_plain(const bd_tensor *from, const char *name, bd_tensor *out,
                            bd_error *err) {
  *out = *from;
  out->last = false;
  out->data = malloc(bd_tensor_bytes(out) + 1);
  if (!out->data) return bd_fail_memory(err, name);
  if (from->last)
    bd_tensor_plain(from, out);
  else
    memcpy(out->data, from->data, bd_tensor_bytes(out));
  return BD_OK;
}

const bd_tensor *bd_run_layer_view(const bd_run *run, int layer) {
  bool *touched = bd_plan_touched(run->engine, layer);
  const bd_step *step = touched ? first_user(run, touched) : NULL;
  free(touched);
  bool known = step && step->out_count > 0 && step->out[0] >= 0;
  return known && run->tensors[step->out[0]].data ? &run->tensors[step->out[0]] : NULL;
}

bd_status bd_run_layer_output(const bd_run *run, int layer, bd_tensor *out, bd_error *err) {
  const bd_tensor *view = bd_run_layer_view(run, layer);
  const char *name = bd_model_layer(run->engine->model, layer)->tensor;
  if (!view) return bd_fail(err, BD_INVALID, "layer %s: has no output in this run", name);
  return copy_plain(view, name, out, err);
}

static bd_status to_float(bd_tensor *tensor, const char *name, bd_error *err) {
  if (tensor->type == BD_TYPE_FLOAT) return BD_OK;
  float *values = malloc((size_t)tensor->count * sizeof *values + 1);
  if (values) bd_convert(tensor->type, tensor->data, BD_TYPE_FLOAT, values, tensor->count);
  free(tensor->data);
  tensor->data = values;
  tensor->type = BD_TYPE_FLOAT;
  return values ? BD_OK : bd_fail_memory(err, name);
}

bd_status bd_run_layer_input(const bd_run *run, int layer, bd_tensor *out, bd_error *err) {
  const char *name = bd_model_layer(run->engine->model, layer)->tensor;
  int weight;
  int64_t channels;
  if (!run->kept) return bd_fail(err, BD_FAILED, "only a run that keeps its activations has them");
  bool *touched = bd_plan_touched(run->engine, layer);
  if (!touched) return bd_fail_memory(err, "a run of the network");
  const bd_step *step = first_user(run, touched);
  bool known = step && bd_step_channels(run->engine, step, touched, &weight, &channels);
  free(touched);
  const bd_tensor *from = known && run->done ? &run->tensors[step->in[weight ? 0 : 1]] : NULL;
  if (!from || !from->data)
    return bd_fail(err, BD_INVALID, "layer %s: has no input in this run", name);
  BD_TRY(copy_plain(from, name, out, err));
  return to_float(out, name, err);
}
