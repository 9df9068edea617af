// ONNX models with other nodes in the places of their weights. For core/export alone.
#ifndef BD_EXPORT_ONNX_H
#define BD_EXPORT_ONNX_H

#include "core/export/job.h"
#include "core/model/names.h"

#include <onnx/onnx.pb-c.h>

// A place where a layer's weights stood: what takes it is added here, and ends in a node whose
// output is `output`. Functions return NULL, and do nothing with NULL, without memory.
typedef struct bd_rewrite bd_rewrite;

typedef struct bd_site {
  bd_export *job;
  int layer;
  const char *output; // the name that the network reads
  bool external;      // the weights were in a data file: what stands for them goes to one too
  bd_rewrite *rewrite;
} bd_site;

typedef struct bd_rewrite_style {
  // Adds what stands for a coded layer. NULL: its float values do.
  bd_status (*replace)(bd_site *site, bd_error *err);
  const char *domain; // of what it adds, besides ONNX's own; NULL none
  int64_t opset;      // the least that it needs
  bool split;         // each reader of a weight gets its own
} bd_rewrite_style;

// Writes the network in this style, reads it back, compares, and puts it in place.
bd_status bd_export_onnx(bd_export *job, const bd_rewrite_style *style, bd_error *err);

// A name that nothing in the model has: the layer's output and a suffix.
const char *bd_site_name(bd_site *site, const char *suffix);

enum {
  BD_ONNX_FLOAT = 1,
  BD_ONNX_UINT8 = 2,
  BD_ONNX_INT8 = 3,
  BD_ONNX_UINT16 = 4,
  BD_ONNX_INT32 = 6,
  BD_ONNX_INT64 = 7,
  BD_ONNX_UINT4 = 21,
  BD_ONNX_INT4 = 22,
  BD_ONNX_INT2 = 26,
};

// An initializer of a fresh name with that suffix; bytes (from the job's arena) are not copied.
// Returns its name.
const char *bd_site_tensor(bd_site *site, const char *suffix, int32_t type, const int64_t *dims,
                           int rank, const void *bytes, size_t size);
// The same of numbers, converted to float.
const char *bd_site_floats(bd_site *site, const char *suffix, const int64_t *dims, int rank,
                           const double *values);
const char *bd_site_integers(bd_site *site, const char *suffix, const int64_t *values, int count);

// The shape of numbers that go with a layer's channels: spread over its other axes.
void bd_channel_dims(const bd_layer *layer, int64_t dims[8]);

// A node with up to four inputs (NULL-terminated) and one output.
Onnx__NodeProto *bd_site_node(bd_site *site, const char *domain, const char *op,
                              const char *const *inputs, const char *output);
void bd_node_int(bd_site *site, Onnx__NodeProto *node, const char *name, int64_t value);
void bd_node_text(bd_site *site, Onnx__NodeProto *node, const char *name, const char *value);

// Ends the place: `name` holds floats of the layer's shape; a Cast makes them the layer's type.
// BD_FAILED where memory ran out on the way.
bd_status bd_site_finish(bd_site *site, const char *name, bd_error *err);
// What to call the floats: the output itself where no Cast is needed.
const char *bd_site_floats_name(bd_site *site);

// Compares an export with what the plan says, from the file: for every coded layer that is stored
// in `model`, the values that its nodes give, their number, and the zeros.
bd_status bd_onnx_verify(const bd_export_plan *plan, const char *path, bd_report *report,
                         bd_error *err);

#endif
