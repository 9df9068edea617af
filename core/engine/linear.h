// A layer as the linear map that it is: each output of its first user is a row of weights times a
// patch of the input, plus a bias. For who looks at a layer from outside of the engine.
#ifndef BD_ENGINE_LINEAR_H
#define BD_ENGINE_LINEAR_H

#include "core/engine/dnnl.h"
#include "core/engine/engine.h"

// Blocks that share no input and no output (1: dense; grouped and depthwise convolutions have
// several), each of `in` columns and `out` rows.
typedef struct bd_linear {
  int step; // of its first user, for bd_run_until; layers run in this order
  int64_t groups, in, out;
  int64_t positions; // of one run: places where each output channel is computed
  // The stored tensor seen from its output channels, as bd_axes (quant/coded.h) counts them: weight
  // (o, c, i) at (o·channels + c)·inner + i; channels is 0 where an output channel is no such range
  // (a grouped ConvTranspose).
  int64_t outer, channels, inner;
  // Inside: where things stand.
  enum { BD_LINEAR_CONV, BD_LINEAR_ROWS, BD_LINEAR_COLUMNS } kind;
  bd_conv_shape conv;
  int input, output, bias;        // slots; bias -1: none
  int64_t x_step, y_step, stride; // of ROWS and COLUMNS: see linear.c
  double alpha, beta;
} bd_linear;

// BD_INVALID, with the reason alone in err, where the layer's first user is no Conv, ConvTranspose,
// Gemm or MatMul of floats, stands in a subgraph, has shapes that the run finds, or reads the
// weights in another order than they are stored. The engine must be compiled `apart`.
bd_status bd_engine_linear(const bd_engine *engine, int layer, bd_linear *out, bd_error *err);

// Where the weight stands in the stored tensor.
int64_t bd_linear_place(const bd_linear *linear, int64_t group, int64_t output, int64_t column);
// The bias of an output channel (group·out + output).
double bd_linear_bias(const bd_linear *linear, const bd_engine *engine, int64_t channel);

// What the map reads at a position: groups·in numbers; and what it left: groups·out. The first
// before its step has run, the second after it.
void bd_linear_patch(const bd_linear *linear, const bd_run *run, int64_t position, float *out);
void bd_linear_result(const bd_linear *linear, const bd_run *run, int64_t position, float *out);

#endif
