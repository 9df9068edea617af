// If, Loop and Scan: steps that run graphs.
#include "core/engine/run.h"

#include "core/model/decode.h"
#include "core/model/proto.h"

#include <stdlib.h>
#include <string.h>

static bd_call call_of(const bd_step *step, bd_error *err) {
  return (bd_call){.op = step->op, .node = step->node, .err = err};
}

static bd_status copy_out(bd_run *run, const bd_step *step, int from, int to, bd_error *err) {
  return to < 0 ? BD_OK : bd_run_copy(run, &run->tensors[from], to, step->node, err);
}

static bd_status truth(const bd_run *run, const bd_step *step, int slot, bool *out, bd_error *err) {
  const bd_tensor *value = &run->tensors[slot];
  bd_call call = call_of(step, err);
  *out = false;
  if (value->count != 1 || !value->data)
    return bd_bad(&call, "its condition has %lld values, not 1", (long long)value->count);
  *out = bd_tensor_integer(value, 0) != 0;
  return BD_OK;
}

static bd_status run_if(bd_run *run, const bd_step *step, bd_error *err) {
  bool taken;
  BD_TRY(truth(run, step, step->in[0], &taken, err));
  const bd_block *branch = step->blocks[taken ? 0 : 1];
  BD_TRY(bd_run_block(run, branch, err));
  for (int i = 0; i < step->out_count; i++)
    BD_TRY(copy_out(run, step, branch->outputs[i], step->out[i], err));
  return BD_OK;
}

// --- outputs that a loop gathers -----------------------------------------------------------------

typedef struct gathered {
  bd_tensor each; // shape of one iteration's
  char *data;
  size_t used, room;
  int64_t count;
} gathered;

static bd_status gather(bd_run *run, const bd_step *step, gathered *all, const bd_tensor *piece,
                        bd_error *err) {
  bd_call call = call_of(step, err);
  if (all->count && (piece->type != all->each.type || !bd_tensor_same_shape(piece, &all->each)))
    return bd_bad(&call, "what it gathers changes its shape");
  size_t bytes = bd_tensor_bytes(piece);
  if (bytes > run->engine->limit - all->used) return bd_bad(&call, "gathers more than --memory");
  if (all->used + bytes > all->room) {
    size_t room = 2 * all->room + bytes;
    char *grown = realloc(all->data, room);
    if (!grown) return bd_fail_memory(err, "what a loop gathers");
    all->data = grown;
    all->room = room;
  }
  all->each = *piece;
  if (bytes) memcpy(all->data + all->used, piece->data, bytes);
  all->used += bytes;
  all->count++;
  return BD_OK;
}

// Where nothing was gathered, the body's declaration says the type.
static void declared(const bd_step *step, int output, bd_tensor *out) {
  const Onnx__GraphProto *body = NULL;
  for (size_t i = 0; i < step->node->n_attribute; i++)
    if (step->node->attribute[i]->g) body = step->node->attribute[i]->g;
  bd_tensor_shape(out, BD_TYPE_FLOAT, 0, NULL);
  if (!body || (size_t)output >= body->n_output) return;
  const Onnx__TypeProto *type = body->output[output]->type;
  if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return;
  int32_t number = type->tensor_type->elem_type;
  if (number > 0 && number <= BD_TYPE_BFLOAT16 && bd_type_size((bd_type)number))
    out->type = (bd_type)number;
}

// The gathered pieces, in order of iteration (or backwards), on a new axis.
static bd_status hand_out(bd_run *run, const bd_step *step, const gathered *all, int output,
                          int slot, bool backwards, int axis, bd_error *err) {
  if (slot < 0) return BD_OK;
  bd_tensor each = all->each;
  bd_call call = call_of(step, err);
  if (!all->count) declared(step, output, &each);
  if (each.rank + 1 > BD_DIMS_MAX || axis > each.rank)
    return bd_bad(&call, "gathers more than %d dimensions", BD_DIMS_MAX);
  bd_tensor *to = &run->tensors[slot];
  void *data = to->data;
  int64_t dims[BD_DIMS_MAX];
  for (int i = 0; i < each.rank; i++)
    dims[i + (i >= axis)] = each.dims[i];
  dims[axis] = all->count;
  if (!bd_tensor_shape(to, each.type, each.rank + 1, dims))
    return bd_bad(&call, "gathers too much");
  to->data = data;
  BD_TRY(bd_run_hold(run, slot, step->node, err));
  int64_t outer = bd_dims_product(each.dims, 0, axis);
  size_t inner = (size_t)bd_dims_product(each.dims, axis, each.rank) * bd_type_size(each.type);
  for (int64_t n = 0; n < all->count && inner; n++)
    for (int64_t o = 0; o < outer; o++)
      memcpy((char *)to->data +
                 (size_t)(o * all->count + (backwards ? all->count - 1 - n : n)) * inner,
             all->data + (size_t)(n * outer + o) * inner, inner);
  return BD_OK;
}

static void drop(gathered *all, int count) {
  for (int i = 0; i < count; i++)
    free(all[i].data);
  free(all);
}

// Values carried from one iteration to the next: body outputs → body inputs. They go through
// copies, because an output may be another one's input.
static bd_status carry(bd_run *run, const bd_step *step, const int *from, const int *to, int count,
                       bd_error *err) {
  bd_tensor *copies = calloc((size_t)count + 1, sizeof *copies);
  if (!copies) return bd_fail_memory(err, "a loop");
  bd_status status = BD_OK;
  for (int i = 0; i < count && status == BD_OK; i++) {
    copies[i] = run->tensors[from[i]];
    size_t bytes = bd_tensor_bytes(&copies[i]);
    copies[i].data = malloc(bytes + 1);
    if (!copies[i].data) status = bd_fail_memory(err, "a loop");
    if (copies[i].data && bytes) memcpy(copies[i].data, run->tensors[from[i]].data, bytes);
  }
  for (int i = 0; i < count && status == BD_OK; i++)
    status = bd_run_copy(run, &copies[i], to[i], step->node, err);
  for (int i = 0; i < count; i++)
    free(copies[i].data);
  free(copies);
  return status;
}

// --- Loop ----------------------------------------------------------------------------------------

typedef struct loop {
  bd_run *run;
  const bd_step *step;
  const bd_block *body;
  int carried, gathers;
  gathered *all;
  bd_error *err;
} loop;

static bd_status loop_once(loop *l, int64_t iteration, bool *going) {
  bd_run *run = l->run;
  const bd_block *body = l->body;
  if (bd_cancelled(run->cancel)) return BD_CANCELLED; // the body may be empty
  *(int64_t *)run->tensors[body->inputs[0]].data = iteration;
  *(uint8_t *)run->tensors[body->inputs[1]].data = 1;
  BD_TRY(bd_run_block(run, body, l->err));
  for (int i = 0; i < l->gathers; i++)
    BD_TRY(
        gather(run, l->step, &l->all[i], &run->tensors[body->outputs[1 + l->carried + i]], l->err));
  BD_TRY(truth(run, l->step, body->outputs[0], going, l->err));
  return carry(run, l->step, body->outputs + 1, body->inputs + 2, l->carried, l->err);
}

static bd_status loop_all(loop *l) {
  bd_run *run = l->run;
  const bd_step *step = l->step;
  bool going = true;
  int64_t limit = INT64_MAX;
  if (step->in[0] >= 0) limit = bd_tensor_integer(&run->tensors[step->in[0]], 0);
  if (step->in_count > 1 && step->in[1] >= 0) BD_TRY(truth(run, step, step->in[1], &going, l->err));
  BD_TRY(carry(run, step, step->in + 2, l->body->inputs + 2, l->carried, l->err));
  for (int64_t i = 0; going && i < limit; i++)
    BD_TRY(loop_once(l, i, &going));
  for (int i = 0; i < step->out_count && i < l->carried; i++)
    BD_TRY(copy_out(run, step, l->body->inputs[2 + i], step->out[i], l->err));
  for (int i = l->carried; i < step->out_count; i++)
    BD_TRY(hand_out(run, step, &l->all[i - l->carried], 1 + i, step->out[i], false, 0, l->err));
  return BD_OK;
}

static bd_status run_loop(bd_run *run, const bd_step *step, bd_error *err) {
  loop l = {.run = run, .step = step, .body = step->blocks[0], .err = err};
  bd_call call = call_of(step, err);
  l.carried = step->in_count - 2;
  l.gathers = l.body->output_count - 1 - l.carried;
  for (int i = 0; i < step->in_count; i++)
    if (i >= 2 && (step->in[i] < 0 || !run->tensors[step->in[i]].data))
      return bd_bad(&call, "input %d is left out but needed", i);
  if (step->in[0] >= 0 && run->tensors[step->in[0]].count != 1)
    return bd_bad(&call, "its trip count is no single number");
  l.all = calloc((size_t)l.gathers + 1, sizeof *l.all);
  if (!l.all) return bd_fail_memory(err, "a loop");
  bd_status status = loop_all(&l);
  drop(l.all, l.gathers);
  return status;
}

// --- Scan ----------------------------------------------------------------------------------------

typedef struct scan {
  bd_run *run;
  const bd_step *step;
  const bd_block *body;
  bd_call call;
  int states, scanned, gathers;
  int64_t length;
  gathered *all;
  bd_error *err;
} scan;

static int64_t listed(const scan *s, const char *name, int index) {
  const int64_t *values;
  int count = bd_attr_ints(&s->call, name, &values);
  return index < count ? values[index] : 0;
}

static bd_status measure(scan *s) {
  s->length = -1;
  for (int i = 0; i < s->scanned; i++) {
    const bd_tensor *in = &s->run->tensors[s->step->in[s->states + i]];
    int axis;
    BD_TRY(bd_axis(&s->call, listed(s, "scan_input_axes", i), in->rank, &axis));
    if (s->length >= 0 && s->length != in->dims[axis])
      return bd_bad(&s->call, "scans inputs of %lld and of %lld steps", (long long)s->length,
                    (long long)in->dims[axis]);
    s->length = in->dims[axis];
  }
  return BD_OK;
}

// One step's slice of a scanned input → the body's input.
static bd_status slice(scan *s, int which, int64_t at) {
  const bd_tensor *in = &s->run->tensors[s->step->in[s->states + which]];
  int slot = s->body->inputs[s->states + which], axis;
  BD_TRY(bd_axis(&s->call, listed(s, "scan_input_axes", which), in->rank, &axis));
  if (listed(s, "scan_input_directions", which)) at = s->length - 1 - at;
  int64_t dims[BD_DIMS_MAX];
  for (int i = 0, k = 0; i < in->rank; i++)
    if (i != axis) dims[k++] = in->dims[i];
  bd_tensor *to = &s->run->tensors[slot];
  bd_tensor_shape(to, in->type, in->rank - 1, dims);
  BD_TRY(bd_run_hold(s->run, slot, s->step->node, s->err));
  int64_t outer = bd_dims_product(in->dims, 0, axis);
  size_t inner = (size_t)bd_dims_product(in->dims, axis + 1, in->rank) * bd_type_size(in->type);
  for (int64_t o = 0; o < outer && inner; o++)
    memcpy((char *)to->data + (size_t)o * inner,
           (const char *)in->data + (size_t)(o * s->length + at) * inner, inner);
  return BD_OK;
}

static bd_status scan_all(scan *s) {
  bd_run *run = s->run;
  BD_TRY(measure(s));
  BD_TRY(carry(run, s->step, s->step->in, s->body->inputs, s->states, s->err));
  for (int64_t at = 0; at < s->length; at++) {
    for (int i = 0; i < s->scanned; i++)
      BD_TRY(slice(s, i, at));
    BD_TRY(bd_run_block(run, s->body, s->err));
    for (int i = 0; i < s->gathers; i++)
      BD_TRY(
          gather(run, s->step, &s->all[i], &run->tensors[s->body->outputs[s->states + i]], s->err));
    BD_TRY(carry(run, s->step, s->body->outputs, s->body->inputs, s->states, s->err));
  }
  for (int i = 0; i < s->states && i < s->step->out_count; i++)
    BD_TRY(copy_out(run, s->step, s->body->inputs[i], s->step->out[i], s->err));
  for (int i = 0; s->states + i < s->step->out_count; i++) {
    int axis;
    BD_TRY(bd_axis(&s->call, listed(s, "scan_output_axes", i), s->all[i].each.rank + 1, &axis));
    BD_TRY(hand_out(run, s->step, &s->all[i], s->states + i, s->step->out[s->states + i],
                    listed(s, "scan_output_directions", i) != 0, axis, s->err));
  }
  return BD_OK;
}

static bd_status run_scan(bd_run *run, const bd_step *step, bd_error *err) {
  scan s = {.run = run, .step = step, .body = step->blocks[0], .call = call_of(step, err)};
  s.err = err;
  s.scanned = (int)bd_attr_int(&s.call, "num_scan_inputs", 0);
  s.states = step->in_count - s.scanned;
  s.gathers = s.body->output_count - s.states;
  if (s.scanned < 1 || s.states < 0 || s.gathers < 0)
    return bd_bad(&s.call, "num_scan_inputs does not fit its inputs");
  for (int i = 0; i < step->in_count; i++)
    if (step->in[i] < 0 || !run->tensors[step->in[i]].data)
      return bd_bad(&s.call, "input %d is left out but needed", i);
  s.all = calloc((size_t)s.gathers + 1, sizeof *s.all);
  if (!s.all) return bd_fail_memory(err, "a loop");
  bd_status status = scan_all(&s);
  drop(s.all, s.gathers);
  return status;
}

bd_status bd_control_run(bd_run *run, const bd_step *step, bd_error *err) {
  if (step->op->name[0] == 'I') return run_if(run, step, err);
  return step->op->name[0] == 'L' ? run_loop(run, step, err) : run_scan(run, step, err);
}

const bd_op bd_ops_control[] = {
    {.name = "If", .since = 1, .least = 1, .most = 1, .flags = BD_OP_CONTROL},
    {.name = "Loop", .since = 1, .least = 2, .most = -1, .flags = BD_OP_CONTROL},
    {.name = "Scan", .since = 9, .least = 1, .most = -1, .flags = BD_OP_CONTROL},
    {0},
};
