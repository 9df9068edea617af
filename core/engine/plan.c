#include "core/engine/plan.h"

#include "core/engine/conv.h"
#include "core/model/decode.h"
#include "core/model/proto.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- parts ---------------------------------------------------------------------------------------

int bd_plan_slot(bd_engine *engine, const char *name) {
  if (engine->slot_count == engine->slot_room) {
    int room = engine->slot_room ? 2 * engine->slot_room : 64;
    bd_slot *slots = realloc(engine->slots, (size_t)room * sizeof *slots);
    if (slots) engine->slots = slots;
    bd_tensor *tensors = realloc(engine->tensors, (size_t)room * sizeof *tensors);
    if (tensors) engine->tensors = tensors;
    if (!slots || !tensors) return -1;
    engine->slot_room = room;
  }
  engine->slots[engine->slot_count] = (bd_slot){.name = name, .layer = -1, .storage = -1};
  engine->tensors[engine->slot_count] = (bd_tensor){0};
  return engine->slot_count++;
}

static bool room_to_own(bd_engine *engine) {
  if (engine->owned_count < engine->owned_room) return true;
  int room = engine->owned_room ? 2 * engine->owned_room : 64;
  void **grown = realloc(engine->owned, (size_t)room * sizeof *grown);
  if (!grown) return false;
  engine->owned = grown;
  engine->owned_room = room;
  return true;
}

bool bd_plan_adopt(bd_engine *engine, void *fresh, size_t bytes) {
  if (!room_to_own(engine)) {
    free(fresh);
    return false;
  }
  engine->owned[engine->owned_count++] = fresh;
  engine->plan_bytes += bytes;
  return true;
}

void *bd_plan_own(bd_engine *engine, size_t bytes) {
  void *fresh = calloc(1, bytes ? bytes : 1);
  return fresh && bd_plan_adopt(engine, fresh, bytes) ? fresh : NULL;
}

bool bd_block_add(bd_block *block, bd_step *step, int at) {
  if (block->count == block->room) {
    int room = block->room ? 2 * block->room : 32;
    bd_step **grown = realloc(block->steps, (size_t)room * sizeof *grown);
    if (!grown) return false;
    block->steps = grown;
    block->room = room;
  }
  if (at < 0) at = block->count;
  memmove(block->steps + at + 1, block->steps + at, (size_t)(block->count - at) * sizeof step);
  block->steps[at] = step;
  block->count++;
  return true;
}

bd_step *bd_plan_step(bd_engine *engine, const bd_op *op, const Onnx__NodeProto *node, int in_count,
                      int out_count) {
  bd_step *step = bd_arena_take(engine->arena, 1, sizeof *step);
  if (!step) return NULL;
  step->op = op;
  step->node = node;
  step->in_count = in_count;
  step->out_count = out_count;
  step->in = bd_arena_take(engine->arena, (size_t)in_count, sizeof *step->in);
  step->out = bd_arena_take(engine->arena, (size_t)out_count, sizeof *step->out);
  return step->in && step->out ? step : NULL;
}

bd_call bd_frame_call(const bd_engine *engine, const bd_frame *frame, const bd_step *step) {
  bd_tensor **in = frame->pointers, **out = in + step->in_count;
  for (int i = 0; i < step->in_count; i++)
    in[i] = step->in[i] < 0 ? NULL : frame->tensors + step->in[i];
  for (int i = 0; i < step->out_count; i++)
    out[i] = step->out[i] < 0 ? NULL : frame->tensors + step->out[i];
  return (bd_call){.model = engine->model,
                   .op = step->op,
                   .node = step->node,
                   .opset = engine->opset,
                   .in = in,
                   .in_count = step->in_count,
                   .out = out,
                   .out_count = step->out_count,
                   .fusion = step->fusion,
                   .state = step->state,
                   .packed = step->packed,
                   .scratch = frame->scratch,
                   .limit = frame->limit,
                   .err = frame->err};
}

// --- order ---------------------------------------------------------------------------------------

static int number_block(bd_block *block, int next) {
  for (int i = 0; i < block->count; i++) {
    bd_step *step = block->steps[i];
    step->index = step->end = next++;
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      next = number_block(step->blocks[k], next);
    if (step->blocks[0]) step->end = next++;
  }
  return next;
}

static void list_steps(bd_engine *engine, bd_block *block) {
  for (int i = 0; i < block->count; i++) {
    bd_step *step = block->steps[i];
    engine->steps[step->index] = step;
    for (int k = 0; k < step->in_count; k++)
      step->soft |= step->in[k] >= 0 && engine->slots[step->in[k]].soft;
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      list_steps(engine, step->blocks[k]);
  }
}

bd_status bd_plan_number(bd_engine *engine, bd_error *err) {
  engine->step_count = number_block(&engine->main, 0);
  engine->steps = calloc((size_t)engine->step_count + 1, sizeof(bd_step *));
  if (!engine->steps) return bd_fail_memory(err, "the plan of the network");
  list_steps(engine, &engine->main);
  return BD_OK;
}

bd_status bd_plan_pack(bd_engine *engine, bd_error *err) {
  for (int i = 0; i < engine->step_count; i++) {
    bd_step *step = engine->steps[i];
    size_t bytes = 0;
    if (bd_cancelled(engine->cancel)) return BD_CANCELLED;
    if (step) BD_TRY(bd_step_pack(engine, step, engine->tensors, NULL, &step->packed, &bytes, err));
    engine->plan_bytes += bytes;
  }
  return BD_OK;
}

// --- what is asked of it -------------------------------------------------------------------------

bd_engine_memory bd_engine_memory_of(const bd_engine *engine) {
  return (bd_engine_memory){engine->plan_bytes, engine->shared_bytes, engine->kept_bytes};
}

bool bd_engine_uses(const bd_engine *engine, int layer) {
  return engine->layer_slots[layer] >= 0;
}

int bd_engine_output_count(const bd_engine *engine) {
  return engine->main.output_count;
}

static void free_block(bd_block *block) {
  for (int i = 0; i < block->count; i++) {
    bd_step *step = block->steps[i];
    for (int k = 0; k < 2 && step->blocks[k]; k++)
      free_block(step->blocks[k]);
    bd_conv_free(step->state);
    free(step->packed);
  }
  free(block->steps);
  free(block->outer);
  *block = (bd_block){0};
}

void bd_engine_free(bd_engine *engine) {
  if (!engine) return;
  free_block(&engine->main);
  free(engine->folded.steps); // their steps hold nothing of their own
  for (int i = 0; i < engine->owned_count; i++)
    free(engine->owned[i]);
  free(engine->owned);
  free(engine->slots);
  free(engine->tensors);
  free(engine->steps);
  free(engine->storages);
  free(engine->layer_slots);
  free(engine->clock);
  bd_arena_free(engine->arena);
  free(engine);
}

// --- operators that are not written --------------------------------------------------------------

enum { NAMED_MAX = 6 }; // that one message names

typedef struct unknown {
  const Onnx__NodeProto *first;
  int count;
} unknown;

typedef struct survey {
  int64_t opset;
  unknown found[NAMED_MAX];
  int kinds, nodes;
} survey;

static void note_unknown(survey *all, const Onnx__NodeProto *node) {
  all->nodes++;
  int at = 0;
  for (; at < all->kinds; at++)
    if (strcmp(bd_said(all->found[at].first->op_type), bd_said(node->op_type)) == 0 &&
        strcmp(bd_said(all->found[at].first->domain), bd_said(node->domain)) == 0)
      break;
  if (at == NAMED_MAX) return;
  if (at == all->kinds) all->found[all->kinds++] = (unknown){node, 0};
  all->found[at].count++;
}

static void look_over(survey *all, const Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_node; i++) {
    const Onnx__NodeProto *node = graph->node[i];
    const char *type = bd_said(node->op_type), *domain = bd_said(node->domain);
    bool constant = strcmp(type, "Constant") == 0 && (!*domain || strcmp(domain, "ai.onnx") == 0);
    if (!constant && !bd_op_find(domain, type, all->opset)) note_unknown(all, node);
    for (size_t k = 0; k < node->n_attribute; k++)
      if (node->attribute[k]->g) look_over(all, node->attribute[k]->g);
  }
}

bd_status bd_engine_supports(const bd_model *model, bd_error *err) {
  const bd_model_info *info = bd_model_about(model);
  survey all = {.opset = info->opset};
  if (info->opset > BD_OPSET_NEWEST)
    return bd_fail(err, BD_INVALID, "%s: of opset %lld, newer than %d: cannot be run; convert it",
                   info->file, (long long)info->opset, BD_OPSET_NEWEST);
  look_over(&all, bd_model_proto(model)->graph);
  if (!all.kinds) return BD_OK;
  char list[600] = "";
  size_t at = 0;
  for (int i = 0; i < all.kinds && at < sizeof list; i++) {
    const Onnx__NodeProto *node = all.found[i].first;
    const char *domain = bd_said(node->domain), *name = bd_said(node->name);
    if (!*name && node->n_output) name = bd_said(node->output[0]);
    at += (size_t)snprintf(list + at, sizeof list - at, "%s%s%s%s (%d, first at node %s)",
                           i ? ", " : "", domain, *domain ? "." : "", bd_said(node->op_type),
                           all.found[i].count, name);
  }
  return bd_fail(err, BD_INVALID,
                 "%s: cannot be run: operators that are not written at opset %lld: %s", info->file,
                 (long long)info->opset, list);
}
