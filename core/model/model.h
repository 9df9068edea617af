// An ONNX model: what it says of itself, its quantizable layers, and writing it back with other
// weights. A model is immutable once open; any thread may read it.
//
// A layer is a node with a quantizable weight: Conv, ConvTranspose, Gemm (input 1), MatMul (0 or
// 1), LSTM, GRU, RNN (inputs 1 and 2: two layers), Gather (0, where its rank is 2 or more), in the
// main graph or a subgraph, stored as initializer or Constant node. Through Identity, Cast,
// Squeeze, Unsqueeze, Reshape and Transpose the stored tensor is the layer. A weight shared by
// several nodes is one layer with several users. A weight that is constant but computed in any
// other way is listed and refused. Order: that of the nodes in the file, subgraphs where their node
// stands.
//
// Tensors may be stored in other files of the model's folder (ONNX's external data); those are
// mapped, read when asked for, and never written. A layer whose data file is missing, too short or
// stands elsewhere is refused.
#ifndef BD_MODEL_MODEL_H
#define BD_MODEL_MODEL_H

#include "core/base/pool.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct bd_model bd_model;

// ONNX element types that a weight may have.
typedef enum bd_dtype { BD_FLOAT32, BD_FLOAT16, BD_BFLOAT16, BD_FLOAT64 } bd_dtype;
// "float32", …
const char *bd_dtype_name(bd_dtype type);

// Strings belong to the model. Names are verbatim: escape them (base/text.h) before showing them.
// The layer's own is valid UTF-8: bytes that are not stand in it as \xNN.
typedef struct bd_layer {
  const char *tensor; // the initializer's or the Constant's output name; in a subgraph with
                      // `node/branch/` in front only where it clashes. Unique in the model.
  const char *node;   // the first user's name; `Op_<index>` where it has none
  const char *op;     // the first user's operator
  int64_t shape[8];   // of the stored tensor; rank 0 where a refused layer's is not known
  int rank;
  int channel_axis; // of shape: the first user's output channels (Conv 0, ConvTranspose 1, Gemm 0
                    // with transB else 1, MatMul last, LSTM/GRU/RNN 1, Gather 0); -1 where the
                    // stored tensor reaches its node changed, or the rank is not known
  int64_t weights;  // product of shape; 0 where not known
  bd_dtype type;    // of a layer that is not refused
  const char *const *users; // node names, at least one
  int user_count;
  bool depthwise;      // a Conv with one input channel a group and more than one group
  const char *refused; // NULL, or one line why the weight cannot be quantized
} bd_layer;

// An input or output of the main graph (inputs without those that are initializers).
typedef struct bd_port {
  const char *name;
  const char *type;         // "float32", "int64", …, or "sequence" and the like
  int rank;                 // -1: not said
  const int64_t *dims;      // -1 where dynamic
  const char *const *names; // the dynamic dimension's name, "" where it has none; NULL where fixed
} bd_port;

typedef struct bd_model_info {
  const char *file; // as opened
  int64_t file_bytes;
  int data_files; // that hold tensors of the model besides (external data) and could be opened
  int64_t ir_version;
  int64_t opset;   // of the default domain; 0 where not said
  int64_t weights; // in the layers that are not refused
  int node_count;  // with those of subgraphs
  const bd_port *inputs, *outputs;
  int input_count, output_count;
} bd_model_info;

// Reads and decodes the file. Errors: no such file, a directory, empty, truncated, no ONNX model,
// no graph — BD_INVALID, with the path. Weights are not looked at. *out is released with
// bd_model_close.
bd_status bd_model_open(const char *path, bd_model **out, bd_error *err);
void bd_model_close(bd_model *model);

const bd_model_info *bd_model_about(const bd_model *model);
int bd_model_layer_count(const bd_model *model);
const bd_layer *bd_model_layer(const bd_model *model, int layer);
// The layer of that name, or -1.
int bd_model_find(const bd_model *model, const char *tensor);
// The layer with the least edit distance, or -1 where there is none.
int bd_model_nearest(const bd_model *model, const char *tensor);

// SHA-256 of the file (data files are not in it: ask bd_model_layer_sha256), in hexadecimal.
// BD_FAILED, and "", where it has changed since it was opened. Takes 1 ms a megabyte: not on the UI
// thread.
bd_status bd_model_sha256(const bd_model *model, char out[65], bd_error *err);

// A layer's weights as floats, in stored order: a view of the model's own where those are float32,
// fresh memory otherwise. Release with bd_weights_free, before the model is closed.
typedef struct bd_weights {
  const float *data;
  size_t count;
  float *owned;
} bd_weights;
// They are read from the file when first asked for, and kept; from a data file each time.
// BD_FAILED: the file has changed by then. BD_INVALID: the layer is refused, as one is whose stored
// bytes do not fit its shape.
bd_status bd_model_weights(const bd_model *model, int layer, bd_weights *out, bd_error *err);
// The same; BD_CANCELLED soon after the flag is set.
bd_status bd_model_weights_polled(const bd_model *model, int layer, const bd_cancel *cancel,
                                  bd_weights *out, bd_error *err);
// The same for weights [first, first + count) alone, into out: nothing more is read of a data file.
bd_status bd_model_weights_some(const bd_model *model, int layer, size_t first, size_t count,
                                float *out, bd_error *err);
// The same as they are stored, of a layer of 16 bits.
bd_status bd_model_words(const bd_model *model, int layer, size_t first, size_t count,
                         uint16_t *out, bd_error *err);
void bd_weights_free(bd_weights *weights);

// What each weight of a layer counts for, in stored order (quant/index.h); NULL: all the same. Set
// before any other thread sees the model, which takes the memory over (malloc).
void bd_model_set_importance(bd_model *model, int layer, float *importance);
const float *bd_model_importance(const bd_model *model, int layer);
// SHA-256 over the layer's stored values, little-endian, in their own type.
bd_status bd_model_layer_sha256(const bd_model *model, int layer, char out[65], bd_error *err);

// Rounds to the nearest value of the type, ties to even; the identity for float32 and double.
double bd_dtype_round(bd_dtype type, double value);

// New values for one layer's weights, as many as the layer has; they are rounded to its type. shift
// (or NULL): added to each output channel of every node that uses them, as a bias is.
typedef struct bd_replacement {
  int layer;
  const float *values;
  const double *shift;
  int64_t channels; // of shift
} bd_replacement;

// Writes the model with other weights, whole or not at all. Everything else, unknown fields
// included, stays byte for byte (the file is decoded and encoded again by the same schema). The
// opened file is unchanged, unless path names it. External data goes to one new file beside path:
// path.data, or path.2.data, … where there is such a file already: none is ever replaced.
// BD_INVALID where path is no regular file then, or a data file of the model, or some tensor's data
// could not be read.
bd_status bd_model_save(const bd_model *model, const bd_replacement *replacements, int count,
                        const char *path, bd_error *err);

// ONNX's own checker on the opened file (libonnx). BD_INVALID with its message, shortened to one
// line, where it finds fault; BD_FAILED with the reason where it cannot judge (a newer IR version
// or opset than it knows). Slow: in a job.
bd_status bd_model_check(const bd_model *model, bd_error *err);

// Is the model's IR version or one of its opsets newer than libonnx knows? Then message says so.
bool bd_model_newer(const bd_model *model, char *message, size_t room);

#endif
