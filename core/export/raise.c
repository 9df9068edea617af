#include "core/export/raise.h"

#include "core/export/convert.h"
#include "core/model/decode.h"
#include "core/model/edit.h"
#include "core/model/scope.h"

#include <stdlib.h>
#include <string.h>

static Onnx__OperatorSetIdProto *default_opset(const Onnx__ModelProto *model) {
  for (size_t i = 0; i < model->n_opset_import; i++) {
    const char *domain = bd_said(model->opset_import[i]->domain);
    if (*domain == '\0' || strcmp(domain, "ai.onnx") == 0) return model->opset_import[i];
  }
  return NULL;
}

int64_t bd_opset_of(const Onnx__ModelProto *model) {
  const Onnx__OperatorSetIdProto *opset = default_opset(model);
  return opset ? opset->version : 0;
}

void bd_raise_ir(bd_export *job, Onnx__ModelProto *model, int64_t version) {
  if (model->ir_version >= version) return;
  bd_report_note(job->report, "IR version raised from %lld to %lld", (long long)model->ir_version,
                 (long long)version);
  model->has_ir_version = true;
  model->ir_version = version;
}

// --- by libonnx ----------------------------------------------------------------------------------

// What stands for a tensor's values on the way through the converter, which only passes them on.
typedef struct token {
  char mark[8];
  uint64_t number;
} token;

static const char token_mark[8] = {'b', 'd', '-', 't', 'o', 'k', 'e', 'n'};
enum { SHORT = 256 }; // bytes that the converter may want to look at: axes, pads, scales

typedef struct tokens {
  bd_arena *arena;
  const void **places;
  int place_count;
  const Onnx__TensorProto **originals;
  size_t count, room;
} tokens;

static bool is_place(const tokens *all, const Onnx__TensorProto *tensor) {
  for (int i = 0; i < all->place_count; i++)
    if (all->places[i] == tensor) return true;
  return false;
}

static bool grow(tokens *all) {
  if (all->count < all->room) return true;
  size_t room = all->room ? 2 * all->room : 64;
  const Onnx__TensorProto **grown = bd_arena_take(all->arena, room, sizeof *grown);
  if (!grown) return false;
  if (all->count) memcpy(grown, all->originals, all->count * sizeof *grown);
  all->originals = grown;
  all->room = room;
  return true;
}

static bool put_token(const bd_edit *edit, const Onnx__TensorProto *original,
                      Onnx__TensorProto *copy) {
  tokens *all = (tokens *)(uintptr_t)edit->arg;
  bool large = original->has_raw_data && original->raw_data.len >= SHORT;
  if (!large && !is_place(all, original)) return true;
  token *mark = bd_arena_take(all->arena, 1, sizeof *mark);
  if (!mark || !grow(all)) return false;
  memcpy(mark->mark, token_mark, sizeof mark->mark);
  mark->number = all->count;
  all->originals[all->count++] = original;
  copy->has_raw_data = true;
  copy->raw_data = (ProtobufCBinaryData){sizeof *mark, (uint8_t *)mark};
  copy->n_float_data = copy->n_int32_data = copy->n_double_data = 0;
  copy->has_data_location = false;
  copy->n_external_data = 0;
  return true;
}

// The values come back; what was a place is one again.
static bool take_token(const bd_edit *edit, const Onnx__TensorProto *converted,
                       Onnx__TensorProto *copy) {
  const tokens *all = edit->arg;
  token mark;
  if (!converted->has_raw_data || converted->raw_data.len != sizeof mark) return true;
  memcpy(&mark, converted->raw_data.data, sizeof mark);
  if (memcmp(mark.mark, token_mark, sizeof mark.mark) != 0 || mark.number >= all->count)
    return true;
  const Onnx__TensorProto *original = all->originals[mark.number];
  char *name = copy->name;
  *copy = *original;
  copy->name = name;
  for (int i = 0; i < all->place_count; i++)
    if (all->places[i] == original) all->places[i] = copy;
  return true;
}

static bd_status decode_converted(bd_export *job, tokens *all, uint8_t *bytes, size_t size,
                                  Onnx__ModelProto **model, bd_error *err) {
  uint8_t *kept = bd_arena_take(job->arena, size + 1, 1);
  if (!kept) return bd_fail_memory(err, job->path);
  memcpy(kept, bytes, size);
  Onnx__ModelProto *converted;
  BD_TRY(bd_decode((bd_bytes){kept, size}, "the converted model", job->arena, &converted, err));
  bd_edit restore = {.arena = job->arena, .arg = all, .tensor = take_token};
  *model = (Onnx__ModelProto *)(uintptr_t)bd_edit_model(&restore, converted);
  return *model ? BD_OK : bd_fail_memory(err, job->path);
}

static bd_status by_libonnx(bd_export *job, Onnx__ModelProto **model, int64_t opset,
                            const void **places, int count, bd_error *err) {
  tokens all = {.arena = job->arena, .places = places, .place_count = count};
  bd_edit lighten = {.arena = job->arena, .arg = &all, .tensor = put_token};
  const Onnx__ModelProto *light = bd_edit_model(&lighten, *model);
  size_t size = light ? onnx__model_proto__get_packed_size(light) : 0, converted_size = 0;
  uint8_t *bytes = light ? malloc(size + 1) : NULL, *converted;
  if (!bytes) return bd_fail_memory(err, job->path);
  char message[400];
  onnx__model_proto__pack(light, bytes);
  bd_onnx_convert(bytes, size, opset, &converted, &converted_size, message, sizeof message);
  free(bytes);
  if (!converted)
    return bd_fail(err, BD_INVALID,
                   "%s: opset %lld cannot be raised to %lld, which this format needs: libonnx: %s",
                   bd_model_about(job->plan->tuned->model)->file, (long long)bd_opset_of(*model),
                   (long long)opset, message);
  bd_status status = decode_converted(job, &all, converted, converted_size, model, err);
  free(converted);
  return status;
}

// --- by our own list -----------------------------------------------------------------------------

// Operators whose nodes mean something else, or nothing, after that opset, and whether nodes that
// have the attribute are meant alone. From ONNX's changelog (docs/Changelog.md), opsets 18 to 25.
typedef struct change {
  int64_t opset;
  const char *op, *attribute; // attribute NULL: every node
} change;

enum { NEWEST = 25 };

static const change changes[] = {
    {18, "ReduceL1", "axes"},         {18, "ReduceL2", "axes"},
    {18, "ReduceLogSum", "axes"},     {18, "ReduceLogSumExp", "axes"},
    {18, "ReduceMax", "axes"},        {18, "ReduceMean", "axes"},
    {18, "ReduceMin", "axes"},        {18, "ReduceProd", "axes"},
    {18, "ReduceSumSquare", "axes"},  {18, "Split", NULL},
    {20, "GridSample", NULL},         {20, "DFT", NULL},
    {21, "GroupNormalization", NULL},
};

static Onnx__AttributeProto *attribute_of(const Onnx__NodeProto *node, const char *name) {
  for (size_t i = 0; i < node->n_attribute; i++)
    if (strcmp(bd_said(node->attribute[i]->name), name) == 0) return node->attribute[i];
  return NULL;
}

static const change *change_of(const Onnx__NodeProto *node, int64_t from, int64_t to) {
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    const change *each = &changes[i];
    if (each->opset <= from || each->opset > to || !bd_node_is(node, each->op)) continue;
    if (!each->attribute || attribute_of(node, each->attribute)) return each;
  }
  return NULL;
}

// Takes an attribute off a node (both are copies of our own).
static void drop_attribute(Onnx__NodeProto *node, const Onnx__AttributeProto *attribute) {
  size_t kept = 0;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (node->attribute[i] != attribute) node->attribute[kept++] = node->attribute[i];
  node->n_attribute = kept;
}

typedef struct raising {
  bd_export *job;
  int64_t from, to;
  bd_status status;
  bd_error *err;
  size_t made; // Constants
} raising;

// A Constant node for what was an attribute, before the node that reads it as its second input.
static Onnx__NodeProto *constant_before(raising *raise, Onnx__NodeProto *node,
                                        const Onnx__AttributeProto *numbers) {
  bd_arena *arena = raise->job->arena;
  Onnx__NodeProto *constant = bd_arena_take(arena, 1, sizeof *constant);
  Onnx__AttributeProto *value = bd_arena_take(arena, 1, sizeof *value);
  char **inputs = bd_arena_take(arena, 2, sizeof *inputs);
  char **output = bd_arena_take(arena, 1, sizeof *output);
  Onnx__AttributeProto **values = bd_arena_take(arena, 1, sizeof *values);
  char *name = bd_arena_text(arena, "%s_%s_axes_%zu", bd_said(node->op_type), node->output[0],
                             raise->made++);
  if (!constant || !value || !inputs || !output || !values || !name) return NULL;
  onnx__node_proto__init(constant);
  *value = *numbers;
  value->name = (char *)(uintptr_t) "value_ints";
  values[0] = value;
  output[0] = name;
  constant->op_type = (char *)(uintptr_t) "Constant";
  constant->name = name;
  constant->output = output;
  constant->n_output = 1;
  constant->attribute = values;
  constant->n_attribute = 1;
  inputs[0] = node->input[0];
  inputs[1] = name;
  node->input = inputs;
  node->n_input = 2;
  drop_attribute(node, numbers);
  return constant;
}

// From 18 on a Split without sizes says how many parts there are.
static bool mend_split(raising *raise, Onnx__NodeProto *node) {
  bd_arena *arena = raise->job->arena;
  if (node->n_input > 1 && *node->input[1]) return true;
  Onnx__AttributeProto *count = bd_arena_take(arena, 1, sizeof *count);
  Onnx__AttributeProto **longer = bd_arena_take(arena, node->n_attribute + 1, sizeof *longer);
  if (!count || !longer) return false;
  onnx__attribute_proto__init(count);
  count->name = (char *)(uintptr_t) "num_outputs";
  count->has_type = count->has_i = true;
  count->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
  count->i = (int64_t)node->n_output;
  if (node->n_attribute) memcpy(longer, node->attribute, node->n_attribute * sizeof *longer);
  longer[node->n_attribute++] = count;
  node->attribute = longer;
  return true;
}

static bool refuse(raising *raise, const Onnx__NodeProto *node) {
  raise->status = bd_fail(raise->err, BD_INVALID,
                          "%s: opset %lld cannot be raised to %lld, which this format needs: %s "
                          "means something else there",
                          bd_model_about(raise->job->plan->tuned->model)->file,
                          (long long)raise->from, (long long)raise->to, bd_said(node->op_type));
  return false;
}

static bool mend_graph(raising *raise, Onnx__GraphProto *graph);

static bool mend_branches(raising *raise, const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->attribute[i];
    if (attribute->g && !mend_graph(raise, attribute->g)) return false;
    for (size_t k = 0; k < attribute->n_graphs; k++)
      if (!mend_graph(raise, attribute->graphs[k])) return false;
  }
  return true;
}

// Puts the node, mended, at the end of nodes.
static bool mend_node(raising *raise, Onnx__NodeProto *node, Onnx__NodeProto **nodes,
                      size_t *count) {
  const change *found = change_of(node, raise->from, raise->to);
  const Onnx__AttributeProto *axes = NULL;
  if (found && found->attribute) axes = attribute_of(node, found->attribute);
  if (axes && !(nodes[(*count)++] = constant_before(raise, node, axes))) return false;
  if (found && !axes) {
    if (!bd_node_is(node, "Split")) return refuse(raise, node);
    if (!mend_split(raise, node)) return false;
  }
  nodes[(*count)++] = node;
  return mend_branches(raise, node);
}

static bool mend_graph(raising *raise, Onnx__GraphProto *graph) {
  Onnx__NodeProto **nodes = bd_arena_take(raise->job->arena, 2 * graph->n_node + 1, sizeof *nodes);
  size_t count = 0;
  if (!nodes) return false;
  for (size_t i = 0; i < graph->n_node; i++)
    if (!mend_node(raise, graph->node[i], nodes, &count)) return false;
  graph->node = nodes;
  graph->n_node = count;
  return true;
}

static bd_status by_list(bd_export *job, Onnx__ModelProto *model, int64_t opset, bd_error *err) {
  Onnx__OperatorSetIdProto *said = default_opset(model);
  if (!said || opset > NEWEST)
    return bd_fail(err, BD_INVALID, "%s: opset %lld is not known", job->path, (long long)opset);
  raising raise = {job, said->version, opset, BD_OK, err, 0};
  if (!mend_graph(&raise, model->graph))
    return raise.status != BD_OK ? raise.status : bd_fail_memory(err, job->path);
  // The list of opsets is shared with the model that was opened.
  Onnx__OperatorSetIdProto *fresh = bd_arena_take(job->arena, 1, sizeof *fresh);
  Onnx__OperatorSetIdProto **list = bd_arena_take(job->arena, model->n_opset_import, sizeof *list);
  if (!fresh || !list) return bd_fail_memory(err, job->path);
  *fresh = *said;
  fresh->version = opset;
  for (size_t i = 0; i < model->n_opset_import; i++)
    list[i] = model->opset_import[i] == said ? fresh : model->opset_import[i];
  model->opset_import = list;
  return BD_OK;
}

bd_status bd_raise_opset(bd_export *job, Onnx__ModelProto **model, int64_t opset,
                         const void **places, int count, bd_error *err) {
  int64_t from = bd_opset_of(*model), newest = bd_onnx_newest();
  if (from >= opset) return BD_OK;
  int64_t first = opset < newest ? opset : newest;
  if (from < first) BD_TRY(by_libonnx(job, model, first, places, count, err));
  if (first < opset) BD_TRY(by_list(job, *model, opset, err));
  bd_report_note(job->report, "opset raised from %lld to %lld", (long long)from, (long long)opset);
  return BD_OK;
}
