#include "core/engine/op.h"
const bd_op bd_ops_resize[] = {{0}};
