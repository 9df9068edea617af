// A weight as the file stores it: an initializer, a Constant node's tensor, or its number(s).
#ifndef BD_MODEL_TENSOR_H
#define BD_MODEL_TENSOR_H

#include "core/model/arena.h"
#include "core/model/dtype.h"

#include <onnx/onnx.pb-c.h>

// Where a constant stands: one of the three is set.
typedef struct bd_stored {
  const Onnx__TensorProto *tensor;
  const Onnx__AttributeProto *number; // a Constant's value_float, value_ints, …
  const Onnx__SparseTensorProto *sparse;
} bd_stored;

// Its values. Data belongs to the decoded model.
typedef struct bd_values {
  const void *data;
  size_t count;
  bd_dtype type;
  bool wide; // 16-bit patterns, each in an int32_t (int32_data)
} bd_values;

enum { BD_RANK_MAX = 8, BD_WHY = 160 };

typedef struct bd_shape {
  int64_t dims[BD_RANK_MAX];
  int rank;
  int64_t count; // product; 0 where a dimension is 0 or nothing is known
} bd_shape;

// Takes dims over; false, with a reason in why and shape zeroed, where there are more than 8, one
// is negative, or the product passes 2^63.
bool bd_shape_set(bd_shape *shape, const int64_t *dims, size_t rank, char why[BD_WHY]);

// Shape and values. false where they cannot be used as weights: why then says the reason, and shape
// what is known of it.
bool bd_stored_look(const bd_stored *stored, bd_shape *shape, bd_values *values, char why[BD_WHY]);

// The values of an int64 constant of rank 0 or 1: how many, at most `max`; -1 where it is none.
int bd_stored_integers(const bd_stored *stored, int64_t *out, int max);

// All values as floats.
void bd_values_floats(const bd_values *values, float *out);
// The values in their own type, without gaps: count × bd_dtype_size bytes.
void bd_values_pack(const bd_values *values, void *out);
// New values in the form that `like` has: its type, gaps as there. Returns `from` itself where that
// is it, else fresh memory from the arena; NULL without memory.
const void *bd_values_encode(const bd_values *like, const float *from, bd_arena *arena);

#endif
