// The fast proof: rule out, bucket by bucket, where the optimum can have no border, until few
// values remain; over those the search for the cheapest chain is exact.
#ifndef BD_QUANT_WINDOW_H
#define BD_QUANT_WINDOW_H

#include "core/quant/optimum.h"

// One look at coarse buckets: raises optimum->bound, which stays below the optimum.
bd_status bd_window_bound(const bd_survivors *survivors, const bd_cancel *cancel,
                          bd_optimum *optimum, bd_error *err);

// All the way: proved, unless the buckets cannot be made fine enough.
bd_status bd_window_prove(const bd_survivors *survivors, const bd_cancel *cancel,
                          bd_optimum *optimum, bd_error *err);

#endif
