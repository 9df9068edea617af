// What an operator sees of the node that it computes. For core/engine alone.
#ifndef BD_ENGINE_CALL_H
#define BD_ENGINE_CALL_H

#include "core/engine/scratch.h"
#include "core/engine/tensor.h"
#include "core/model/model.h"

#include <onnx/onnx.pb-c.h>

struct bd_op;
struct bd_fusion;

// Added to an operator's output: a value for each of its channels.
typedef struct bd_shift {
  const double *values;
  int64_t count;
  int weight; // the input that holds the weights
} bd_shift;

typedef struct bd_call {
  const bd_model *model; // whose node it is
  const struct bd_op *op;
  const Onnx__NodeProto *node;
  int64_t opset;
  bd_tensor *const *in; // NULL where left out
  int in_count;
  bd_tensor *const *out; // NULL where nobody wants it
  int out_count;
  bool deferred;                  // set by a shape rule: needs a value that is not known yet
  const struct bd_fusion *fusion; // what follows the operator in the same step, or NULL
  void *state;                    // what its prepare made, or NULL
  const void *packed;             // its constant inputs made ready, or NULL
  const bd_shift *shift;          // not NULL only for operators with channels (channels.c)
  bd_scratch *scratch;
  size_t limit; // bytes that a tensor may have
  bd_error *err;
} bd_call;

// The input, or NULL where it is left out.
const bd_tensor *bd_in(const bd_call *call, int index);
// Is the input's value known (or the input left out)? If not, the shape rule is asked again while
// the network runs: it returns BD_OK at once.
bool bd_known(bd_call *call, int index);

// Declares an output; one that nobody wants is passed over.
bd_status bd_out(bd_call *call, int index, bd_type type, int rank, const int64_t *dims);
bd_status bd_out_like(bd_call *call, int index, const bd_tensor *like);
// BD_INVALID with the node's name and operator in front.
bd_status bd_bad(const bd_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// BD_INVALID: the operator is not written for this type.
bd_status bd_bad_type(const bd_call *call, bd_type type);
// Memory until the call ends; NULL where there is none (then bd_no_memory is the answer).
void *bd_take(const bd_call *call, int64_t count, size_t size);
bd_status bd_no_memory(const bd_call *call);

// Attributes by name.
int64_t bd_attr_int(const bd_call *call, const char *name, int64_t fallback);
float bd_attr_float(const bd_call *call, const char *name, float fallback);
// The list's length, or -1 where it is left out.
int bd_attr_ints(const bd_call *call, const char *name, const int64_t **out);
int bd_attr_floats(const bd_call *call, const char *name, const float **out);
// Does the attribute say this text? fallback where it is left out.
bool bd_attr_is(const bd_call *call, const char *name, const char *text, bool fallback);
const Onnx__AttributeProto *bd_attr(const bd_call *call, const char *name);

// A negative axis counts from the end; BD_INVALID where it is outside of rank.
bd_status bd_axis(const bd_call *call, int64_t axis, int rank, int *out);
// The integers of an input (any integer type, rank 0 or 1), at most `max`.
bd_status bd_in_ints(const bd_call *call, int index, int64_t *out, int max, int *count);
// Axes from an input or, in older opsets, from an attribute: as a set of `rank` flags. *given false
// where neither says anything.
bd_status bd_axes(bd_call *call, int input, const char *attribute, int rank, bool *chosen,
                  bool *given);

// The element type that a number of ONNX's stands for, or BD_INVALID.
bd_status bd_type_of(const bd_call *call, int64_t number, bd_type *out);

#endif
