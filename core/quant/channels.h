// A tensor channel by channel: range, outliers, and what a setting costs where all channels share
// their levels and where each has its own.
#ifndef BD_QUANT_CHANNELS_H
#define BD_QUANT_CHANNELS_H

#include "core/quant/quantize.h"

// A weight this many deviations from its channel's mean is an outlier.
#define BD_OUTLIER 4.0

typedef struct bd_channel {
  float min, max, rms;
  uint32_t outliers;
  // SQNR in dB over the channel's weights: levels of granularity `tensor`, and of `channel`. +Inf
  // where exact, an all-zero channel too.
  float shared_db, own_db;
} bd_channel;

typedef struct bd_channels {
  size_t count;
  bd_channel *channels;
  double shared_db, own_db; // over the tensor
  double shared_bytes, own_bytes;
} bd_channels;

// The setting's own granularity does not matter. BD_INVALID: the weights in stored order are
// not at hand (bd_index_set_reread). BD_CANCELLED leaves *out NULL.
bd_status bd_channels_measure(const bd_index *index, const bd_setting *setting,
                              const bd_cancel *cancel, bd_channels **out, bd_error *err);
void bd_channels_free(bd_channels *channels);

#endif
