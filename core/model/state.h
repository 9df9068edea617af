// What an open model holds; for core/model alone.
#ifndef BD_MODEL_STATE_H
#define BD_MODEL_STATE_H

#include "core/model/decode.h"
#include "core/model/external.h"
#include "core/model/layers.h"
#include "core/model/source.h"

#include <stdatomic.h>

struct bd_model {
  bd_source source;
  bd_arena *arena;         // holds everything below but what is loaded
  bd_external external;    // data files
  Onnx__ModelProto *proto; // raw data: in the maps of the source and of the data files
  bd_layers layers;
  _Atomic(void *) *loaded; // a layer's raw data of the source, NULL until asked for
  float **importance;      // a layer's, NULL: none was given
  bd_model_info info;
};

#endif
