// What a panel asks to know of the layer in hand beyond its result: every method at every bit
// width, how far the seeds of every init spread, and its channels. Computed in the background only
// while it is wanted.
#ifndef BD_SESSION_INSIGHT_H
#define BD_SESSION_INSIGHT_H

#include "core/quant/channels.h"
#include "core/session/session.h"

enum { BD_METHODS_MAX = 8, BD_INITS_MAX = 8, BD_SPREAD_SEEDS = 20 };

typedef enum bd_want {
  BD_WANT_METHODS = 1,
  BD_WANT_SPREAD = 2,
  BD_WANT_CHANNELS = 4,
  BD_WANT_CURVES = 8 // of every layer (bd_layer_state), before the proofs of the others
} bd_want;

typedef struct bd_insight {
  int layer; // -1: none is in hand
  // SQNR in dB of each method (in the order of its choices) at 1..8 bits, the other fields as they
  // are; NaN until known.
  double methods[BD_METHODS_MAX][BD_BITS_MAX + 1];
  // K-means's own SSE (SSE_cluster) from each init with seeds 1..20, bits, prune and zero as they
  // are; NaN until known. The proved optimum to compare it with: the K-means result's
  // cluster_bound.
  double spread[BD_INITS_MAX][BD_SPREAD_SEEDS];
  double optimum;        // proved SSE_cluster of the same problem; NaN until known
  bool channels_failed;  // a notice said why
  bd_channels *channels; // under the layer's setting; NULL until known
} bd_insight;

// What the panels on the screen show (bd_want, or-ed); 0 stops it.
void bd_session_want(bd_session *session, unsigned wants);
// Belongs to the session, as it stands until the next poll.
const bd_insight *bd_session_insight(const bd_session *session);

#endif
