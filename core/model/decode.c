#include "core/model/decode.h"

#include "core/model/skeleton.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Two bytes of file can ask for a message of 200; honest models stay below 10 bytes a byte.
enum { GROWTH = 32, FREE_BYTES = 64 << 20 };
// protobuf-c recurses once a nested message, with no limit of its own.
enum { STACK_BYTES = 1 << 20 };

typedef enum trouble { FINE, TOO_LARGE, TOO_DEEP, NO_MEMORY } trouble;

// What the allocator watches over: how much is held, and how deep the decoder has recursed.
typedef struct guard {
  bd_arena *arena;
  size_t limit;
  uintptr_t stack; // a frame address near the decoder's entry
  trouble why;
} guard;

// Stands before each piece: its size with this head.
typedef union head {
  size_t size;
  max_align_t align;
} head;

static uintptr_t stack_used(const guard *watch) {
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  return here > watch->stack ? here - watch->stack : watch->stack - here;
}

static void *refuse(guard *watch, trouble why) {
  if (watch->why == FINE) watch->why = why;
  return NULL;
}

// Each nested message is allocated by the decoder's own recursion, so that the depth of the stack
// is the depth of the nesting.
static void *guarded_alloc(void *data, size_t size) {
  guard *watch = data;
  size_t held = bd_arena_held(watch->arena);
  if (stack_used(watch) > STACK_BYTES) return refuse(watch, TOO_DEEP);
  if (held > watch->limit || size > watch->limit - held) return refuse(watch, TOO_LARGE);
  head *piece = bd_arena_take(watch->arena, 1, sizeof *piece + size);
  if (!piece) return refuse(watch, NO_MEMORY);
  piece->size = sizeof *piece + size;
  return piece + 1;
}

static void guarded_free(void *data, void *pointer) {
  guard *watch = data;
  head *piece = pointer ? (head *)pointer - 1 : NULL;
  if (piece) bd_arena_drop(watch->arena, piece, piece->size);
}

// One clear line for the usual ways in which a file is no model.
static bd_status fail_decode(const guard *watch, bd_bytes bytes, const char *path, bd_error *err) {
  static const char lfs[] = "version https://git-lfs";
  switch (watch->why) {
  case NO_MEMORY:
    return bd_fail_memory(err, path);
  case TOO_DEEP:
    return bd_fail(err, BD_INVALID, "%s: nested too deeply: no honest model is", path);
  case TOO_LARGE:
    return bd_fail(err, BD_INVALID, "%s: would take more than %zu MiB of memory: refused", path,
                   watch->limit >> 20);
  case FINE:
    break;
  }
  if (bytes.size >= sizeof lfs && memcmp(bytes.data, lfs, sizeof lfs - 1) == 0)
    return bd_fail(err, BD_INVALID, "%s: a Git LFS pointer: fetch the model with git lfs pull",
                   path);
  // Every writer puts the IR version, field 1, first.
  if (bytes.data[0] == 0x08)
    return bd_fail(err, BD_INVALID, "%s: damaged or cut short: fetch the model again", path);
  return bd_fail(err, BD_INVALID, "%s: is no ONNX model: name an .onnx file", path);
}

// The tensors of a skeleton get their raw data back; see bd_skeleton_make.
static void restore_tensor(Onnx__TensorProto *tensor, bd_bytes whole) {
  bd_span span;
  if (!tensor->has_raw_data) return;
  memcpy(&span, tensor->raw_data.data, sizeof span);
  tensor->raw_data.data = (uint8_t *)(uintptr_t)whole.data + span.offset;
  tensor->raw_data.len = span.size;
}

static void restore_graph(Onnx__GraphProto *graph, bd_bytes whole);

static void restore_attribute(Onnx__AttributeProto *attribute, bd_bytes whole) {
  if (attribute->t) restore_tensor(attribute->t, whole);
  for (size_t i = 0; i < attribute->n_tensors; i++)
    restore_tensor(attribute->tensors[i], whole);
  if (attribute->g) restore_graph(attribute->g, whole);
  for (size_t i = 0; i < attribute->n_graphs; i++)
    restore_graph(attribute->graphs[i], whole);
}

static void restore_graph(Onnx__GraphProto *graph, bd_bytes whole) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    restore_tensor(graph->initializer[i], whole);
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
      restore_attribute(graph->node[i]->attribute[k], whole);
}

static Onnx__ModelProto *unpack(guard *watch, const uint8_t *data, size_t size) {
  ProtobufCAllocator allocator = {guarded_alloc, guarded_free, watch};
  watch->stack = (uintptr_t)__builtin_frame_address(0);
  return onnx__model_proto__unpack(&allocator, size, data);
}

// Without its weights where that can be, else as it is: then they are copied.
static Onnx__ModelProto *unpack_light(guard *watch, bd_bytes bytes) {
  uint8_t *skeleton;
  size_t size;
  if (!bd_skeleton_make(bytes.data, bytes.size, &skeleton, &size))
    return unpack(watch, bytes.data, bytes.size);
  Onnx__ModelProto *model = unpack(watch, skeleton, size);
  free(skeleton);
  if (model && model->graph) restore_graph(model->graph, bytes);
  return model;
}

bd_status bd_decode(bd_bytes bytes, const char *path, bd_arena *arena, Onnx__ModelProto **out,
                    bd_error *err) {
  *out = NULL;
  if (bytes.size == 0) return bd_fail(err, BD_INVALID, "%s: is empty: fetch the model again", path);
  if (bytes.size > INT32_MAX)
    return bd_fail(
        err, BD_INVALID,
        "%s: larger than 2 GiB, the most that an ONNX file holds: save it with external data",
        path);
  guard watch = {.arena = arena, .limit = SIZE_MAX};
  if (bytes.size < (SIZE_MAX - FREE_BYTES) / GROWTH) watch.limit = GROWTH * bytes.size + FREE_BYTES;
  *out = unpack_light(&watch, bytes);
  if (!*out) return fail_decode(&watch, bytes, path, err);
  if ((*out)->graph) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s: has no graph: it is no ONNX model, or cut short", path);
}
