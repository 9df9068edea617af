// A graph while it is rewritten. For onnx.c and site.c alone.
#ifndef BD_EXPORT_REWRITE_H
#define BD_EXPORT_REWRITE_H

#include "core/export/onnx.h"

// A list that grows, in the job's arena.
typedef struct bd_list {
  void **items;
  size_t count, room;
} bd_list;

typedef struct bd_place {
  const void *message; // the tensor
  int layer;
} bd_place;

struct bd_rewrite {
  const bd_rewrite_style *style;
  bd_export *job;
  bd_error *err;
  bd_names names;   // of values and nodes in all graphs
  bd_place *places; // by message
  size_t place_count;
  Onnx__GraphProto *graph; // being rewritten
  bd_list nodes, tensors;
  bool short_of_memory; // sticks
};

// NULL, and remembers why.
void *bd_rewrite_short(bd_rewrite *rewrite);
void bd_list_push(bd_rewrite *rewrite, bd_list *to, void *item);
// Nothing new gets that name from now on.
bool bd_rewrite_reserve(bd_rewrite *rewrite, const char *name);

// protobuf-c's structs are not const.
static inline char *bd_loose(const char *text) {
  return (char *)(uintptr_t)text;
}

#endif
