// The weights of an open model in memory; for core/model alone.
#ifndef BD_MODEL_WEIGHTS_H
#define BD_MODEL_WEIGHTS_H

#include "core/model/model.h"

// Releases what bd_model_weights has read. Nobody may use it any more.
void bd_weights_unload(bd_model *model);

#endif
