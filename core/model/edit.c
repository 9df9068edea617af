#include "core/model/edit.h"

#include <string.h>

// Functions named edit_* put an edited copy in the place of the message at *slot. False without
// memory.

static void *copy_of(const bd_edit *edit, const void *original, size_t count, size_t size) {
  void *copy = bd_arena_take(edit->arena, count, size);
  if (copy && count) memcpy(copy, original, count * size);
  return copy;
}

static bool edit_tensor(const bd_edit *edit, Onnx__TensorProto **slot) {
  const Onnx__TensorProto *original = *slot;
  *slot = copy_of(edit, original, 1, sizeof *original);
  return *slot && edit->tensor(edit, original, *slot);
}

static bool edit_graph(const bd_edit *edit, Onnx__GraphProto **slot);

static bool edit_attribute(const bd_edit *edit, Onnx__AttributeProto **slot) {
  const Onnx__AttributeProto *original = *slot;
  Onnx__AttributeProto *copy = *slot = copy_of(edit, original, 1, sizeof *original);
  if (!copy) return false;
  if (copy->t && !edit_tensor(edit, &copy->t)) return false;
  if (copy->g && !edit_graph(edit, &copy->g)) return false;
  copy->graphs = copy_of(edit, original->graphs, copy->n_graphs, sizeof *copy->graphs);
  if (!copy->graphs) return false;
  for (size_t i = 0; i < copy->n_graphs; i++)
    if (!edit_graph(edit, &copy->graphs[i])) return false;
  return !edit->attribute || edit->attribute(edit, original, copy);
}

static bool edit_node(const bd_edit *edit, Onnx__NodeProto **slot) {
  const Onnx__NodeProto *original = *slot;
  Onnx__NodeProto *copy = *slot = copy_of(edit, original, 1, sizeof *original);
  if (!copy) return false;
  copy->attribute = copy_of(edit, original->attribute, copy->n_attribute, sizeof *copy->attribute);
  if (!copy->attribute) return false;
  for (size_t i = 0; i < copy->n_attribute; i++)
    if (!edit_attribute(edit, &copy->attribute[i])) return false;
  return true;
}

static bool edit_graph(const bd_edit *edit, Onnx__GraphProto **slot) {
  const Onnx__GraphProto *original = *slot;
  Onnx__GraphProto *copy = *slot = copy_of(edit, original, 1, sizeof *original);
  if (!copy) return false;
  copy->node = copy_of(edit, original->node, copy->n_node, sizeof *copy->node);
  copy->initializer =
      copy_of(edit, original->initializer, copy->n_initializer, sizeof *copy->initializer);
  if (!copy->node || !copy->initializer) return false;
  for (size_t i = 0; i < copy->n_node; i++)
    if (!edit_node(edit, &copy->node[i])) return false;
  for (size_t i = 0; i < copy->n_initializer; i++)
    if (!edit_tensor(edit, &copy->initializer[i])) return false;
  return !edit->graph || edit->graph(edit, original, copy);
}

const Onnx__ModelProto *bd_edit_model(const bd_edit *edit, const Onnx__ModelProto *model) {
  Onnx__ModelProto *copy = copy_of(edit, model, 1, sizeof *model);
  return copy && edit_graph(edit, &copy->graph) ? copy : NULL;
}
