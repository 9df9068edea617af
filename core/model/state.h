// What an open model holds; for core/model alone.
#ifndef BD_MODEL_STATE_H
#define BD_MODEL_STATE_H

#include "core/model/decode.h"
#include "core/model/layers.h"
#include "core/model/source.h"

#include <stdatomic.h>

struct bd_model {
  bd_source source;
  bd_arena *arena;         // holds everything below but what is loaded
  Onnx__ModelProto *proto; // raw data: in the source's map
  bd_layers layers;
  _Atomic(void *) *loaded; // a layer's raw data in memory, NULL until asked for
  bd_model_info info;
};

#endif
