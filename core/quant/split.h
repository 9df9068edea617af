// A setting on every part of a tensor.
#ifndef BD_QUANT_SPLIT_H
#define BD_QUANT_SPLIT_H

#include "core/quant/quantize.h"

// The parts of a granularity.
bd_parts bd_split_parts(bd_axes axes, const bd_setting *setting);

// Bytes that a result of such a tensor keeps at most for its parts; 0 where it is one part.
double bd_split_bytes(bd_axes axes, const bd_setting *setting);

// As bd_quantize, with the hole that is pruned of the whole. More than one part. pair: a second
// thread may help, with the same result.
bd_status bd_split_quantize(const bd_index *index, const bd_hole *hole, const bd_setting *setting,
                            bd_effort effort, bool pair, const bd_cancel *cancel, bd_result **out,
                            bd_error *err);

#endif
