// Where the activations of a run stand: who is alive when, and who shares memory with whom.
#include "core/base/text.h"
#include "core/engine/plan.h"

#include <limits.h>
#include <stdlib.h>

enum { ALIGN = 64 };

typedef struct layout_work {
  bd_engine *engine;
  bd_storage *items;
  int count;
  int *joined; // storage → the one whose memory it takes over where buffers are shared, or -1
} layout_work;

static int new_storage(layout_work *work, int slot, int first) {
  size_t bytes = bd_tensor_bytes(&work->engine->tensors[slot]);
  work->items[work->count] =
      (bd_storage){.bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN, .first = first, .last = first};
  work->joined[work->count] = -1;
  work->engine->slots[slot].storage = work->count;
  return work->count++;
}

static void use_until(layout_work *work, int slot, int when) {
  if (slot < 0 || work->engine->slots[slot].storage < 0) return;
  bd_storage *storage = &work->items[work->engine->slots[slot].storage];
  if (storage->last < when) storage->last = when;
}

static void give_storage(layout_work *work, const bd_step *step) {
  bd_engine *engine = work->engine;
  for (int i = 0; i < step->out_count; i++) {
    int out = step->out[i];
    if (out < 0 || !engine->slots[out].shaped) continue;
    int source = i == 0 && step->op->flags & BD_OP_VIEW ? step->in[0] : -1;
    if (source >= 0 && engine->slots[source].storage >= 0)
      engine->slots[out].storage = engine->slots[source].storage;
    else
      new_storage(work, out, step->index);
  }
}

static void walk(layout_work *work, const bd_block *block) {
  for (int i = 0; i < block->count; i++) {
    const bd_step *step = block->steps[i];
    give_storage(work, step);
    for (int k = 0; k < 2 && step->blocks[k]; k++) {
      const bd_block *inner = step->blocks[k];
      for (int n = 0; n < inner->input_count; n++)
        if (work->engine->slots[inner->inputs[n]].shaped)
          new_storage(work, inner->inputs[n], step->index);
      walk(work, inner);
      for (int n = 0; n < inner->input_count; n++)
        use_until(work, inner->inputs[n], step->end);
      for (int n = 0; n < inner->output_count; n++)
        use_until(work, inner->outputs[n], step->end);
      for (int n = 0; n < inner->outer_count; n++)
        use_until(work, inner->outer[n], step->end);
    }
    for (int k = 0; k < step->in_count; k++)
      use_until(work, step->in[k], step->end);
    for (int k = 0; k < step->out_count; k++)
      use_until(work, step->out[k], step->end);
  }
}

static int root_of(const layout_work *work, int storage) {
  while (work->joined[storage] >= 0)
    storage = work->joined[storage];
  return storage;
}

// May the step's output take over the memory of that input?
static void join(layout_work *work, const bd_step *step, int source) {
  const bd_slot *slots = work->engine->slots;
  int out = step->out[0];
  if (source < 0 || out < 0 || slots[source].storage < 0 || slots[out].storage < 0) return;
  int from = root_of(work, slots[source].storage), to = slots[out].storage;
  if (from == root_of(work, to) || work->items[from].last != step->index) return;
  if (work->items[from].bytes != work->items[to].bytes || step->end != step->index) return;
  for (int i = 0; i < step->in_count; i++) {
    int other = step->in[i];
    if (other >= 0 && other != source && slots[other].storage >= 0 &&
        root_of(work, slots[other].storage) == from)
      return;
  }
  if (step->fusion && step->in[0] == source) return; // read while the output is written
  work->joined[to] = from;
  work->items[from].last = work->items[to].last;
}

static void join_all(layout_work *work) {
  for (int i = 0; i < work->engine->step_count; i++) {
    const bd_step *step = work->engine->steps[i];
    if (!step || step->dynamic) continue;
    if (step->op->flags & BD_OP_INPLACE) join(work, step, step->in[0]);
    if (step->fusion && step->fusion->sum) join(work, step, step->in[step->fusion->sum]);
  }
}

// --- offsets -------------------------------------------------------------------------------------

typedef struct ranked {
  size_t bytes;
  int storage;
} ranked;

static int larger_first(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->storage - y->storage;
}

static int lower_first(const void *a, const void *b) {
  const bd_storage *const *x = a, *const *y = b;
  return (*x)->shared < (*y)->shared ? -1 : (*x)->shared > (*y)->shared;
}

// The lowest gap between those that are placed and alive at the same time.
static size_t place(bd_storage **near, int count, const bd_storage *item) {
  size_t at = 0;
  qsort(near, (size_t)count, sizeof(bd_storage *), lower_first);
  for (int i = 0; i < count; i++) {
    if (near[i]->shared >= at && near[i]->shared - at >= item->bytes) break;
    if (near[i]->shared + near[i]->bytes > at) at = near[i]->shared + near[i]->bytes;
  }
  return at;
}

static bool place_all(layout_work *work) {
  size_t room = (size_t)work->count + 1;
  ranked *order = malloc(room * sizeof *order);
  bd_storage **near = malloc(room * sizeof(bd_storage *));
  int count = 0;
  for (int i = 0; order && i < work->count; i++)
    if (work->joined[i] < 0) order[count++] = (ranked){work->items[i].bytes, i};
  if (order) qsort(order, (size_t)count, sizeof *order, larger_first);
  for (int i = 0; order && near && i < count; i++) {
    bd_storage *item = &work->items[order[i].storage];
    int neighbours = 0;
    for (int k = 0; k < i; k++) {
      bd_storage *other = &work->items[order[k].storage];
      if (other->first <= item->last && item->first <= other->last) near[neighbours++] = other;
    }
    item->shared = place(near, neighbours, item);
    if (item->shared + item->bytes > work->engine->shared_bytes)
      work->engine->shared_bytes = item->shared + item->bytes;
  }
  bool fine = order && near;
  free(order);
  free(near);
  return fine;
}

static bd_status offsets(layout_work *work, bd_error *err) {
  bd_engine *engine = work->engine;
  join_all(work);
  if (!place_all(work)) return bd_fail_memory(err, "the plan of the network");
  for (int i = 0; i < work->count; i++) {
    work->items[i].shared = work->items[root_of(work, i)].shared;
    work->items[i].kept = engine->kept_bytes;
    engine->kept_bytes += work->items[i].bytes;
  }
  if (engine->shared_bytes <= engine->limit) return BD_OK;
  char needs[32], room[32];
  return bd_fail(err, BD_FAILED,
                 "the network's activations take %s, over the ceiling of %s: raise --memory",
                 bd_text_bytes(needs, sizeof needs, (double)engine->shared_bytes),
                 bd_text_bytes(room, sizeof room, (double)engine->limit));
}

bd_status bd_plan_memory(bd_engine *engine, bd_error *err) {
  layout_work work = {.engine = engine};
  work.items = calloc((size_t)engine->slot_count + 1, sizeof *work.items);
  work.joined = malloc(((size_t)engine->slot_count + 1) * sizeof *work.joined);
  engine->storages = work.items;
  bd_status status = BD_OK;
  if (work.items && work.joined) {
    for (int i = 0; i < engine->main.input_count; i++)
      if (!engine->slots[engine->main.inputs[i]].constant)
        new_storage(&work, engine->main.inputs[i], 0);
    walk(&work, &engine->main);
    for (int i = 0; i < engine->main.output_count; i++)
      use_until(&work, engine->main.outputs[i], INT_MAX);
    engine->storage_count = work.count;
    status = offsets(&work, err);
  } else {
    status = bd_fail_memory(err, "the plan of the network");
  }
  free(work.joined);
  return status;
}
