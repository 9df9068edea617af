#include "core/engine/engine.h"

#include "core/base/text.h"
#include "core/engine/dnnl.h"
#include "core/engine/plan.h"
#include "core/engine/values.h"
#include "core/model/decode.h"
#include "core/model/names.h"
#include "core/model/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A graph under compilation; names of the graphs around are visible.
typedef struct scope {
  const struct scope *parent;
  bd_names names; // name → slot + 1
  bd_block *block;
} scope;

typedef struct compiler {
  bd_engine *engine;
  bd_frame frame;
  bd_scratch scratch;
  bd_error *err;
} compiler;

static bd_status no_memory(const compiler *c) {
  return bd_fail_memory(c->err, "the plan of the network");
}

static bd_status bind(compiler *c, scope *where, const char *name, int slot) {
  void **place = bd_names_place(&where->names, name);
  if (!place) return no_memory(c);
  if (*place)
    return bd_fail(c->err, BD_INVALID,
                   "tensor %s: is made twice in one graph: the model is damaged", name);
  *place = (void *)(intptr_t)(slot + 1);
  return BD_OK;
}

static bool note_outer(bd_block *block, int slot) {
  if (block->outer_count == block->outer_room) {
    int room = block->outer_room ? 2 * block->outer_room : 8;
    int *grown = realloc(block->outer, (size_t)room * sizeof *grown);
    if (!grown) return false;
    block->outer = grown;
    block->outer_room = room;
  }
  block->outer[block->outer_count++] = slot;
  return true;
}

// The slot of a name, here or in a graph around; -1 where there is none. Every block between notes
// that it reads the slot.
static int look_up(const scope *where, const char *name) {
  for (const scope *s = where; s; s = s->parent) {
    int slot = (int)(intptr_t)bd_names_get(&s->names, name) - 1;
    if (slot < 0) continue;
    for (const scope *inner = where; inner->block != s->block; inner = inner->parent)
      if (!note_outer(inner->block, slot)) return -1;
    return slot;
  }
  return -1;
}

static bd_status new_slot(compiler *c, scope *where, const char *name, int *slot) {
  *slot = bd_plan_slot(c->engine, name);
  return *slot < 0 ? no_memory(c) : bind(c, where, name, *slot);
}

// Takes a stored tensor in as a constant; owned memory goes to the plan.
static bd_status take_constant(compiler *c, scope *where, const char *name, bd_tensor tensor,
                               const Onnx__TensorProto *stored, void *owned) {
  bd_engine *engine = c->engine;
  int slot;
  if (engine->shapes && tensor.count >= BD_PLAN_FEW) {
    free(owned);
    owned = tensor.data = NULL;
  }
  if (owned && !bd_plan_adopt(engine, owned, bd_tensor_bytes(&tensor))) return no_memory(c);
  BD_TRY(new_slot(c, where, name, &slot));
  engine->tensors[slot] = tensor;
  engine->slots[slot].shaped = true;
  engine->slots[slot].constant = tensor.data != NULL;
  int layer = stored ? bd_model_layer_of(engine->model, stored) : -1;
  if (layer < 0) return BD_OK;
  engine->slots[slot].layer = layer;
  engine->slots[slot].soft = true;
  engine->layer_slots[layer] = slot;
  return BD_OK;
}

// --- nodes ---------------------------------------------------------------------------------------

static bd_status connect(compiler *c, scope *where, bd_step *step) {
  const Onnx__NodeProto *node = step->node;
  for (int i = 0; i < step->in_count; i++) {
    const char *name = bd_said(node->input[i]);
    step->in[i] = -1;
    if (!*name) continue;
    step->in[i] = look_up(where, name);
    if (step->in[i] < 0)
      return bd_fail(c->err, BD_INVALID,
                     "node %s (%s): reads %s, which nothing before it makes: nodes must stand in "
                     "the order in which they run",
                     bd_said(node->name), bd_said(node->op_type), name);
  }
  for (int i = 0; i < step->out_count; i++) {
    const char *name = bd_said(node->output[i]);
    step->out[i] = -1;
    if (*name) BD_TRY(new_slot(c, where, name, &step->out[i]));
    if (*name) c->engine->slots[step->out[i]].maker = node;
    if (*name) c->engine->slots[step->out[i]].place = i;
  }
  return BD_OK;
}

// A branch that is never taken may well be wrong for these shapes: inside of one, what fails now is
// asked again when it is run.
static bd_status postpone(compiler *c, const scope *where, bd_step *step, bd_status status) {
  if (status != BD_INVALID || where->block == &c->engine->main) return status;
  step->dynamic = true;
  for (int i = 0; i < step->out_count; i++) {
    if (step->out[i] < 0) continue;
    bd_slot *slot = &c->engine->slots[step->out[i]];
    slot->shaped = slot->constant = slot->soft = false;
    c->engine->tensors[step->out[i]] = (bd_tensor){0};
  }
  return BD_OK;
}

// Infers the shapes of a step's outputs; where that must wait for the run, the step is dynamic.
static bd_status infer(compiler *c, const scope *where, bd_step *step, bd_call *call) {
  for (int i = 0; i < step->in_count; i++)
    if (step->in[i] >= 0 && !c->engine->slots[step->in[i]].shaped) step->dynamic = true;
  if (step->dynamic) return BD_OK;
  BD_TRY(postpone(c, where, step, step->op->infer(call)));
  step->dynamic |= call->deferred;
  for (int i = 0; i < step->out_count && !step->dynamic; i++)
    if (step->out[i] >= 0) c->engine->slots[step->out[i]].shaped = true;
  return BD_OK;
}

static bd_status over_ceiling(const compiler *c) {
  char text[32];
  return bd_fail(c->err, BD_FAILED,
                 "the network's constants take more than the ceiling of %s: raise --memory",
                 bd_text_bytes(text, sizeof text, (double)c->engine->limit));
}

// For shapes alone: what a layer's weights go through is known as such, and not computed.
static bd_status pass_on(compiler *c, bd_step *step) {
  for (int i = 0; i < step->out_count; i++)
    if (step->out[i] >= 0) c->engine->slots[step->out[i]].soft = true;
  return bd_block_add(&c->engine->folded, step, -1) ? BD_OK : no_memory(c);
}

// Runs the step now: its outputs are constants.
static bd_status fold(compiler *c, scope *where, bd_step *step, bd_call *call) {
  bd_engine *engine = c->engine;
  bool soft = bd_plan_reads_soft(engine, step);
  if (engine->shapes && soft && !(step->op->flags & BD_OP_SHAPE)) return pass_on(c, step);
  for (int i = 0; i < step->out_count; i++) {
    if (step->out[i] < 0) continue;
    bd_tensor *out = &engine->tensors[step->out[i]];
    if (engine->plan_bytes + bd_tensor_bytes(out) > engine->limit) return over_ceiling(c);
    out->data = bd_plan_own(engine, bd_tensor_bytes(out));
    if (!out->data) return no_memory(c);
    engine->slots[step->out[i]].constant = true;
    engine->slots[step->out[i]].soft = soft && !(step->op->flags & BD_OP_SHAPE);
  }
  BD_TRY(postpone(c, where, step, bd_op_run(call)));
  if (step->dynamic) return bd_block_add(where->block, step, -1) ? BD_OK : no_memory(c);
  if (soft && !bd_block_add(&engine->folded, step, -1)) return no_memory(c);
  return BD_OK;
}

static bd_status finish_step(compiler *c, scope *where, bd_step *step) {
  c->frame.tensors = c->engine->tensors; // they move when slots are added
  bd_call call = bd_frame_call(c->engine, &c->frame, step);
  BD_TRY(infer(c, where, step, &call));
  bd_status status = BD_OK;
  if (bd_plan_foldable(c->engine, step))
    status = fold(c, where, step, &call);
  else if (!bd_block_add(where->block, step, -1))
    status = no_memory(c);
  bd_scratch_reset(&c->scratch);
  return status;
}

static bd_status compile_control(compiler *c, scope *where, bd_step *step);

static bd_status check_counts(compiler *c, const bd_step *step) {
  const bd_op *op = step->op;
  if (step->in_count >= op->least && (op->most < 0 || step->in_count <= op->most)) return BD_OK;
  bd_call call = {.node = step->node, .err = c->err};
  return bd_bad(&call, "has %d inputs, takes %d to %d at opset %lld", step->in_count, op->least,
                op->most, (long long)c->engine->opset);
}

static bd_status check_required(compiler *c, const bd_step *step) {
  for (int i = 0; i < step->op->least; i++)
    if (step->in[i] < 0) {
      bd_call call = {.node = step->node, .err = c->err};
      return bd_bad(&call, "input %d is left out but needed", i);
    }
  return BD_OK;
}

static bd_status room_for(compiler *c, const Onnx__NodeProto *node) {
  size_t room = node->n_input + node->n_output + 8; // a fusion adds some
  bd_tensor **grown = realloc(c->frame.pointers, room * sizeof(bd_tensor *));
  if (!grown) return no_memory(c);
  c->frame.pointers = grown;
  return BD_OK;
}

static bd_status compile_node(compiler *c, scope *where, const Onnx__NodeProto *node) {
  const char *type = bd_said(node->op_type);
  if (strcmp(type, "Constant") == 0) {
    bd_tensor tensor;
    const Onnx__TensorProto *stored;
    void *owned;
    if (!node->n_output) return BD_OK;
    BD_TRY(bd_values_of_constant(c->engine->model, node, &tensor, &stored, &owned, c->err));
    return take_constant(c, where, bd_said(node->output[0]), tensor, stored, owned);
  }
  const bd_op *op = bd_op_find(bd_said(node->domain), type, c->engine->opset);
  if (!op) return bd_fail(c->err, BD_INVALID, "operator %s is not written", type);
  bd_step *step = bd_plan_step(c->engine, op, node, (int)node->n_input, (int)node->n_output);
  if (!step) return no_memory(c);
  BD_TRY(check_counts(c, step));
  if (op->flags & BD_OP_CONTROL) return compile_control(c, where, step);
  BD_TRY(connect(c, where, step));
  BD_TRY(check_required(c, step));
  BD_TRY(room_for(c, node));
  return finish_step(c, where, step);
}

// --- graphs --------------------------------------------------------------------------------------

// For shapes alone, weights stay where they are.
static bd_status read_stored(const compiler *c, const Onnx__TensorProto *proto, bd_tensor *out,
                             void **owned) {
  const char *name = bd_said(proto->name);
  *owned = NULL;
  if (c->engine->shapes) {
    BD_TRY(bd_values_shape(proto, name, out, c->err));
    if (out->count >= BD_PLAN_FEW) return BD_OK;
  }
  return bd_values_of_proto(c->engine->model, proto, name, out, owned, c->err);
}

static bd_status take_initializers(compiler *c, scope *where, const Onnx__GraphProto *graph) {
  if (graph->n_sparse_initializer)
    return bd_fail(c->err, BD_INVALID, "the graph stores sparse tensors, which cannot be run");
  for (size_t i = 0; i < graph->n_initializer; i++) {
    if (bd_cancelled(c->engine->cancel)) return BD_CANCELLED;
    const Onnx__TensorProto *proto = graph->initializer[i];
    bd_tensor tensor;
    void *owned;
    BD_TRY(read_stored(c, proto, &tensor, &owned));
    BD_TRY(take_constant(c, where, bd_said(proto->name), tensor, proto, owned));
  }
  return BD_OK;
}

static bd_status find_outputs(compiler *c, scope *where, const Onnx__GraphProto *graph) {
  bd_block *block = where->block;
  int *outputs = bd_arena_take(c->engine->arena, graph->n_output, sizeof *outputs);
  if (!outputs) return no_memory(c);
  for (size_t i = 0; i < graph->n_output; i++) {
    const char *name = bd_said(graph->output[i]->name);
    outputs[i] = look_up(where, name);
    if (outputs[i] < 0)
      return bd_fail(c->err, BD_INVALID, "output %s: nothing makes it: the model is damaged", name);
  }
  block->outputs = outputs;
  block->output_count = (int)graph->n_output;
  return BD_OK;
}

static bd_status compile_graph(compiler *c, scope *where, const Onnx__GraphProto *graph) {
  BD_TRY(take_initializers(c, where, graph));
  for (size_t i = 0; i < graph->n_node; i++) {
    if (bd_cancelled(c->engine->cancel)) return BD_CANCELLED;
    BD_TRY(compile_node(c, where, graph->node[i]));
  }
  return find_outputs(c, where, graph);
}

static const Onnx__GraphProto *branch_of(const Onnx__NodeProto *node, const char *name) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), name) == 0) return node->attribute[i]->g;
  return NULL;
}

static bd_status missing_branch(const compiler *c, const bd_step *step, const char *name) {
  bd_call call = {.node = step->node, .err = c->err};
  return bd_bad(&call, "has no %s", name);
}

// Compiles a branch into a block of its own. The body of a loop gets slots for its inputs: the
// first `scalars` of them (iteration, condition) have a known shape.
static bd_status compile_block(compiler *c, scope *parent, bd_step *step, int which,
                               const char *name, int scalars) {
  const Onnx__GraphProto *graph = branch_of(step->node, name);
  if (!graph) return missing_branch(c, step, name);
  bd_block *block = bd_arena_take(c->engine->arena, 1, sizeof *block);
  int *inputs = bd_arena_take(c->engine->arena, graph->n_input, sizeof *inputs);
  if (!block || !inputs) return no_memory(c);
  step->blocks[which] = block;
  scope inner = {parent, {c->engine->arena, NULL}, block};
  bd_status status = BD_OK;
  for (size_t i = 0; i < graph->n_input && status == BD_OK; i++) {
    status = new_slot(c, &inner, bd_said(graph->input[i]->name), &inputs[i]);
    if (status != BD_OK || (int)i >= scalars) continue;
    bd_tensor_shape(&c->engine->tensors[inputs[i]], i ? BD_TYPE_BOOL : BD_TYPE_INT64, 0, NULL);
    c->engine->slots[inputs[i]].shaped = true;
  }
  block->inputs = inputs;
  block->input_count = (int)graph->n_input;
  if (status == BD_OK) status = compile_graph(c, &inner, graph);
  bd_names_clear(&inner.names);
  return status;
}

// The condition is known: the branch becomes part of the graph around it.
static bd_status inline_branch(compiler *c, scope *where, const bd_step *step, bool taken) {
  const char *name = taken ? "then_branch" : "else_branch";
  const Onnx__GraphProto *graph = branch_of(step->node, name);
  if (!graph) return missing_branch(c, step, name);
  bd_block *block = where->block, before = *block;
  scope inner = {where, {c->engine->arena, NULL}, block};
  bd_status status = compile_graph(c, &inner, graph);
  bd_names_clear(&inner.names);
  const int *made = block->outputs;
  int count = block->output_count;
  block->outputs = before.outputs;
  block->output_count = before.output_count;
  for (int i = 0; i < step->out_count && status == BD_OK; i++) {
    if (i >= count) return missing_branch(c, step, "output of that number in a branch");
    if (*bd_said(step->node->output[i])) status = bind(c, where, step->node->output[i], made[i]);
  }
  return status;
}

// An If's output has a known shape where both branches agree on it.
static void agree(bd_engine *engine, bd_step *step) {
  for (int i = 0; i < step->out_count; i++) {
    if (step->out[i] < 0) continue;
    int a = step->blocks[0]->outputs[i], b = step->blocks[1]->outputs[i];
    if (!engine->slots[a].shaped || !engine->slots[b].shaped) continue;
    bd_tensor *x = &engine->tensors[a], *y = &engine->tensors[b];
    if (x->type != y->type || !bd_tensor_same_shape(x, y)) continue;
    bd_tensor_shape(&engine->tensors[step->out[i]], x->type, x->rank, x->dims);
    engine->slots[step->out[i]].shaped = true;
  }
}

static bd_status compile_if(compiler *c, scope *where, bd_step *step) {
  int condition = look_up(where, bd_said(step->node->input[0]));
  if (condition >= 0 && c->engine->slots[condition].constant) {
    const bd_tensor *value = &c->engine->tensors[condition];
    if (value->count == 1) return inline_branch(c, where, step, bd_tensor_integer(value, 0) != 0);
  }
  BD_TRY(connect(c, where, step));
  if (!bd_block_add(where->block, step, -1)) return no_memory(c); // owns its blocks from here on
  BD_TRY(compile_block(c, where, step, 0, "then_branch", 0));
  BD_TRY(compile_block(c, where, step, 1, "else_branch", 0));
  if (step->blocks[0]->output_count < step->out_count ||
      step->blocks[1]->output_count < step->out_count)
    return missing_branch(c, step, "output of that number in a branch");
  agree(c->engine, step);
  return BD_OK;
}

static bd_status compile_control(compiler *c, scope *where, bd_step *step) {
  BD_TRY(room_for(c, step->node));
  step->dynamic = true;
  if (strcmp(step->op->name, "If") == 0) return compile_if(c, where, step);
  BD_TRY(connect(c, where, step));
  if (!bd_block_add(where->block, step, -1)) return no_memory(c);
  bool loop = strcmp(step->op->name, "Loop") == 0;
  BD_TRY(compile_block(c, where, step, 0, "body", loop ? 2 : 0));
  bd_call call = {.node = step->node, .err = c->err};
  const bd_block *body = step->blocks[0];
  int carried = loop ? step->in_count - 2 : body->input_count;
  if (loop ? body->input_count != carried + 2 || body->output_count < carried + 1 ||
                 step->out_count > body->output_count - 1
           : step->in_count != body->input_count || step->out_count > body->output_count)
    return bd_bad(&call, "its inputs and outputs do not fit its body's");
  return BD_OK;
}

// --- the whole -----------------------------------------------------------------------------------

static bd_status check_input(const bd_port *port, const bd_tensor *given, bd_error *err) {
  char text[128];
  bd_tensor_text(given, text, sizeof text);
  bool fits = strcmp(port->type, bd_type_name(given->type)) == 0 &&
              (port->rank < 0 || port->rank == given->rank);
  for (int i = 0; fits && i < port->rank; i++)
    fits = port->dims[i] < 0 || port->dims[i] == given->dims[i];
  if (fits && bd_type_size(given->type)) return BD_OK;
  return bd_fail(err, BD_INVALID, "input %s: takes %s of rank %d, not %s", port->name, port->type,
                 port->rank, text);
}

static bd_status take_inputs(compiler *c, scope *where, const bd_tensor *inputs) {
  const bd_model_info *info = bd_model_about(c->engine->model);
  bd_block *block = where->block;
  block->inputs = bd_arena_take(c->engine->arena, (size_t)info->input_count + 1, sizeof(int));
  if (!block->inputs) return no_memory(c);
  for (int i = 0; i < info->input_count; i++) {
    BD_TRY(check_input(&info->inputs[i], &inputs[i], c->err));
    int slot;
    BD_TRY(new_slot(c, where, info->inputs[i].name, &slot));
    block->inputs[block->input_count++] = slot;
    c->engine->tensors[slot] = inputs[i];
    c->engine->slots[slot].shaped = true;
    c->engine->slots[slot].constant = inputs[i].data != NULL;
  }
  return BD_OK;
}

static bd_status compile_main(compiler *c, const bd_tensor *inputs) {
  const Onnx__GraphProto *graph = bd_model_proto(c->engine->model)->graph;
  scope top = {NULL, {c->engine->arena, NULL}, &c->engine->main};
  bd_status status = take_inputs(c, &top, inputs);
  if (status == BD_OK) status = compile_graph(c, &top, graph);
  bd_names_clear(&top.names);
  return status;
}

static size_t half_of_memory(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (size_t)pages * (size_t)size / 2 : (size_t)1 << 31;
}

static bd_status start(bd_engine *engine, const bd_engine_options *options, bd_error *err) {
  size_t layers = (size_t)bd_model_layer_count(engine->model);
  engine->opset = bd_model_about(engine->model)->opset;
  engine->limit = options && options->memory ? options->memory : half_of_memory();
  engine->apart = options && options->apart;
  engine->shapes = options && options->shapes;
  engine->cancel = options ? options->cancel : NULL;
  engine->arena = bd_arena_new();
  engine->layer_slots = malloc((layers + 1) * sizeof *engine->layer_slots);
  engine->clock = calloc(1, sizeof *engine->clock);
  if (!engine->arena || !engine->layer_slots || !engine->clock)
    return bd_fail_memory(err, "the plan of the network");
  for (size_t i = 0; i < layers; i++)
    engine->layer_slots[i] = -1;
  return engine->shapes ? BD_OK : bd_dnnl_start(err);
}

static bd_status compile_all(bd_engine *engine, const bd_tensor *inputs, bd_error *err) {
  compiler c = {.engine = engine, .err = err};
  c.frame = (bd_frame){.scratch = &c.scratch, .limit = engine->limit, .err = err};
  bd_status status = compile_main(&c, inputs);
  free(c.frame.pointers);
  bd_scratch_free(&c.scratch);
  if (engine->shapes) return status;
  BD_TRY(status);
  BD_TRY(bd_plan_fuse(engine, err));
  BD_TRY(bd_plan_layout(engine, err));
  BD_TRY(bd_plan_number(engine, err));
  BD_TRY(bd_plan_memory(engine, err));
  return bd_plan_pack(engine, err);
}

bd_status bd_engine_compile(const bd_model *model, const bd_tensor *inputs,
                            const bd_engine_options *options, bd_engine **out, bd_error *err) {
  *out = NULL;
  BD_TRY(bd_engine_supports(model, err));
  bd_engine *engine = calloc(1, sizeof *engine);
  if (!engine) return bd_fail_memory(err, "the plan of the network");
  engine->model = model;
  bd_status status = start(engine, options, err);
  if (status == BD_OK) status = compile_all(engine, inputs, err);
  engine->cancel = NULL;
  if (status == BD_OK)
    *out = engine;
  else
    bd_engine_free(engine);
  return status;
}
