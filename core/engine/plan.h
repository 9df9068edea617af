// The compiled plan, as the files of core/engine see it.
#ifndef BD_ENGINE_PLAN_H
#define BD_ENGINE_PLAN_H

#include "core/engine/conv.h"
#include "core/engine/engine.h"
#include "core/engine/op.h"
#include "core/model/arena.h"

#include <stdatomic.h>

// A tensor of the plan; its type, shape and layout stand in bd_engine.tensors.
typedef struct bd_slot {
  const char *name;
  const Onnx__NodeProto *maker; // the node whose output of number `place` it is, or NULL
  int place;
  bool shaped;   // the shape is known before the run
  bool constant; // the value too: its tensor has data
  bool soft;     // a constant that a layer's weights go into
  int layer;     // whose stored tensor it is, or -1
  int storage;   // of a shaped one: index into the storages; -1: none
} bd_slot;

// What a run writes into: one buffer, shared by a tensor and its views.
typedef struct bd_storage {
  size_t bytes;
  int first, last;     // steps between which it is alive
  size_t shared, kept; // offset in a run that shares buffers, in one that keeps them
} bd_storage;

typedef struct bd_block bd_block;

typedef struct bd_step {
  const bd_op *op;
  const Onnx__NodeProto *node;
  int *in, *out; // slots; -1: left out
  int in_count, out_count;
  int index, end;      // in the plan's order; end > index where it holds blocks
  bool dynamic;        // its shapes are found while it runs
  bool soft;           // a layer's weights go into a constant input
  bd_block *blocks[2]; // If: then, else; Loop, Scan: body
  bd_fusion *fusion;
  void *state;  // a prepared primitive, owned
  void *packed; // its constant inputs made ready, owned
} bd_step;

// A graph's steps, in order.
struct bd_block {
  bd_step **steps;
  int count, room;
  int *inputs, *outputs;
  int input_count, output_count;
  int *outer; // slots of graphs around that it reads
  int outer_count, outer_room;
};

struct bd_engine {
  const bd_model *model;
  bd_arena *arena;
  int64_t opset;
  size_t limit;
  bool apart, shapes;
  const bd_cancel *cancel; // of compiling; NULL once that is over
  bd_slot *slots;
  bd_tensor *tensors; // of the slots
  int slot_count, slot_room;
  bd_block main;
  bd_block folded; // constant steps that a layer's weights go through, in order
  bd_step **steps; // all steps that run, by index
  int step_count, step_room;
  bd_storage *storages;
  int storage_count;
  size_t shared_bytes, kept_bytes, plan_bytes;
  int *layer_slots;     // layer → its slot, or -1
  atomic_ullong *clock; // ticks at every change of a swap, so that runs know what is newer
  void **owned;         // constants to be freed
  int owned_count, owned_room;
};

// Values that a plan for shapes alone takes in and computes with: shapes come from few.
enum { BD_PLAN_FEW = 256 };
// Do a layer's weights go in?
bool bd_plan_reads_soft(const bd_engine *engine, const bd_step *step);
// Are its outputs always the same, and worth computing while compiling?
bool bd_plan_foldable(const bd_engine *engine, const bd_step *step);

// The plan's passes after compiling, in their order.
bd_status bd_plan_fuse(bd_engine *engine, bd_error *err);
bd_status bd_plan_layout(bd_engine *engine, bd_error *err);
bd_status bd_plan_number(bd_engine *engine, bd_error *err);
bd_status bd_plan_memory(bd_engine *engine, bd_error *err);
bd_status bd_plan_pack(bd_engine *engine, bd_error *err);

// A tensor whose channels stand last in rows; `to` has data and the same shape.
void bd_tensor_plain(const bd_tensor *from, bd_tensor *to);

// A new slot; -1 without memory.
int bd_plan_slot(bd_engine *engine, const char *name);
// Fresh, zeroed memory that lives as long as the plan; NULL without.
void *bd_plan_own(bd_engine *engine, size_t bytes);
// Takes over memory that is to live as long; false, and it is freed, without memory.
bool bd_plan_adopt(bd_engine *engine, void *fresh, size_t bytes);
bool bd_block_add(bd_block *block, bd_step *step, int at); // at -1: at the end
bd_step *bd_plan_step(bd_engine *engine, const bd_op *op, const Onnx__NodeProto *node, int in_count,
                      int out_count);

// The call of a step on given tensors: in and out have room for its counts.
typedef struct bd_frame {
  bd_tensor *tensors;   // by slot
  bd_tensor **pointers; // room for the widest step
  bd_scratch *scratch;
  size_t limit;
  bd_error *err;
} bd_frame;
bd_call bd_frame_call(const bd_engine *engine, const bd_frame *frame, const bd_step *step);

// Constant inputs made ready for a prepared step, with the shift (or NULL) in its bias: into fresh
// memory (*out), NULL where the step needs none. The tensors hold the values that count.
bd_status bd_step_pack(const bd_engine *engine, const bd_step *step, const bd_tensor *tensors,
                       const bd_shift *shift, void **out, size_t *bytes, bd_error *err);

// The constants that a layer's weights go into, by slot; the caller frees. NULL without memory.
bool *bd_plan_touched(const bd_engine *engine, int layer);
bool bd_step_reads(const bd_step *step, const bool *slots);
// Which input of a Conv, ConvTranspose, Gemm or MatMul is among the slots and gives it output
// channels, and how many; false where none does.
bool bd_step_channels(const bd_engine *engine, const bd_step *step, const bool *slots, int *weight,
                      int64_t *count);

#endif
