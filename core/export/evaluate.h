// What a constant of an ONNX graph is worth, by the arithmetic of the nodes that exports add:
// DequantizeLinear, QONNX's Quant and BipolarQuant, Gather, Cast, Add, Mul, Reshape.
#ifndef BD_EXPORT_EVALUATE_H
#define BD_EXPORT_EVALUATE_H

#include "core/model/tensor.h"

typedef struct bd_constant {
  bd_shape shape;
  double *values; // fresh memory
} bd_constant;

// BD_FAILED says what could not be evaluated. Each number is rounded as the node's type rounds it.
bd_status bd_constant_of(const Onnx__GraphProto *graph, const char *name, bd_constant *out,
                         bd_error *err);
void bd_constant_free(bd_constant *constant);

#endif
