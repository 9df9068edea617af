// What an open model holds; for core/model alone.
#ifndef BD_MODEL_STATE_H
#define BD_MODEL_STATE_H

#include "core/model/decode.h"
#include "core/model/layers.h"

struct bd_model {
  int file;        // its descriptor
  bd_arena *arena; // holds everything below
  Onnx__ModelProto *proto;
  bd_layers layers;
  bd_model_info info;
};

#endif
