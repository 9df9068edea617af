#include "core/model/edit.h"
#include "core/model/making.h"
#include "core/model/shift.h"
#include "core/model/state.h"

#include <stdlib.h>

// New values for what one message holds: a tensor, or a Constant's attribute.
typedef struct patch {
  uintptr_t at;
  const bd_found *found;
  const float *values; // NULL: as stored
  int number;          // of the replacement
} patch;

typedef struct patches {
  patch *items; // by address
  size_t count;
} patches;

static int compare(const void *a, const void *b) {
  uintptr_t left = ((const patch *)a)->at, right = ((const patch *)b)->at;
  return (left > right) - (left < right);
}

// What an edit needs to know.
typedef struct saving {
  const bd_model *model;
  patches patches;
  const bd_replacement *replacements;
  int count;
  const void **places;
  bd_status *status;
  bd_error *err;
} saving;

static const patch *patch_of(const patches *all, const void *message) {
  patch wanted = {.at = (uintptr_t)message};
  return bsearch(&wanted, all->items, all->count, sizeof wanted, compare);
}

// Could the data of a tensor that stands outside of the model be read?
static bool is_there(const saving *job, const Onnx__TensorProto *original) {
  const ProtobufCBinaryData *data = &original->raw_data;
  const bd_external *external = &job->model->external;
  if (original->has_raw_data && (bd_external_source(external, data->data) || data->len == 0))
    return true;
  *job->status =
      bd_fail(job->err, BD_INVALID, "%s: tensor %s cannot be written: %s", job->model->info.file,
              bd_said(original->name), bd_external_why(external, original));
  return false;
}

static bool patch_tensor(const bd_edit *edit, const Onnx__TensorProto *original,
                         Onnx__TensorProto *copy) {
  const saving *job = edit->arg;
  const patch *found = patch_of(&job->patches, original);
  if (bd_is_external(original) && !is_there(job, original)) return false;
  if (found && job->places) job->places[found->number] = copy;
  if (!found || !found->values) return true;
  const bd_values *old = &found->found->values;
  void *data = (void *)(uintptr_t)bd_values_encode(old, found->values, edit->arena);
  if (copy->has_raw_data)
    copy->raw_data.data = data;
  else if (old->wide)
    copy->int32_data = data;
  else if (old->type == BD_FLOAT64)
    copy->double_data = data;
  else
    copy->float_data = data;
  return data != NULL;
}

static bool patch_attribute(const bd_edit *edit, const Onnx__AttributeProto *original,
                            Onnx__AttributeProto *copy) {
  const saving *job = edit->arg;
  const patch *found = patch_of(&job->patches, original);
  if (found && job->places) job->places[found->number] = copy;
  if (!found || !found->values) return true;
  if (found->found->values.data == &original->f)
    copy->f = found->values[0];
  else
    copy->floats = (float *)(uintptr_t)found->values;
  return true;
}

static bool uses(const bd_found *layer, const Onnx__NodeProto *node) {
  for (int i = 0; i < layer->shown.user_count; i++)
    if (layer->nodes[i] == node) return true;
  return false;
}

// The copy's nodes move while biases are put in: they are found by their place among the first
// ones.
static bool shift_graph(const bd_edit *edit, const Onnx__GraphProto *original,
                        Onnx__GraphProto *copy) {
  const saving *job = edit->arg;
  bd_shifting shifting = {job->model, edit->arena, job->err};
  Onnx__NodeProto **first = copy->node;
  for (int i = 0; i < job->count && *job->status == BD_OK; i++) {
    const bd_replacement *given = &job->replacements[i];
    const bd_found *layer = &job->model->layers.items[given->layer];
    for (size_t n = 0; given->shift && n < original->n_node && *job->status == BD_OK; n++) {
      if (!uses(layer, original->node[n])) continue;
      size_t now = n;
      while (copy->node[now] != first[n])
        now++;
      *job->status =
          bd_shift_node(&shifting, layer, given->shift, given->channels, original, copy, now);
    }
  }
  return *job->status == BD_OK;
}

// One patch a replacement, sorted by where its values stand.
static bd_status list_patches(const bd_model *model, const bd_replacement *replacements, int count,
                              patches *all, bd_error *err) {
  for (int i = 0; i < count; i++) {
    int layer = replacements[i].layer;
    if (layer < 0 || layer >= model->layers.count || model->layers.items[layer].shown.refused)
      return bd_fail(err, BD_INVALID, "%s: layer %d takes no other weights", model->info.file,
                     layer);
    const bd_found *found = &model->layers.items[layer];
    const bd_stored *stored = &found->value->stored;
    uintptr_t at = stored->tensor ? (uintptr_t)stored->tensor : (uintptr_t)stored->number;
    all->items[all->count++] = (patch){at, found, replacements[i].values, i};
  }
  qsort(all->items, all->count, sizeof *all->items, compare);
  for (size_t i = 1; i < all->count; i++)
    if (all->items[i].at == all->items[i - 1].at)
      return bd_fail(err, BD_INVALID, "%s: the weights of %s were given twice", model->info.file,
                     all->items[i].found->shown.tensor);
  return BD_OK;
}

bd_status bd_model_patch(const bd_model *model, const bd_replacement *replacements, int count,
                         bd_arena *arena, const void **places, const Onnx__ModelProto **out,
                         bd_error *err) {
  bd_status status = BD_OK;
  saving job = {.model = model,
                .replacements = replacements,
                .count = count,
                .places = places,
                .status = &status,
                .err = err};
  job.patches.items = bd_arena_take(arena, (size_t)count, sizeof *job.patches.items);
  if (!job.patches.items) return bd_fail_memory(err, model->info.file);
  BD_TRY(list_patches(model, replacements, count, &job.patches, err));
  bd_edit edit = {
      .arena = arena, .arg = &job, .tensor = patch_tensor, .attribute = patch_attribute};
  for (int i = 0; i < count; i++)
    if (replacements[i].shift) edit.graph = shift_graph;
  *out = bd_edit_model(&edit, model->proto);
  return *out || status != BD_OK ? status : bd_fail_memory(err, model->info.file);
}

bd_status bd_model_save(const bd_model *model, const bd_replacement *replacements, int count,
                        const char *path, bd_error *err) {
  bd_arena *arena = bd_arena_new();
  if (!arena) return bd_fail_memory(err, path);
  const Onnx__ModelProto *patched;
  bd_making making;
  bd_status status = bd_model_patch(model, replacements, count, arena, NULL, &patched, err);
  if (status == BD_OK) status = bd_making_start(model, patched, path, arena, &making, err);
  if (status == BD_OK) status = bd_making_commit(&making, err);
  bd_arena_free(arena);
  return status;
}
