// The network under given settings, repaired where that is asked for, in a swap of an engine: what
// is as it was before is not done again. One thread.
#ifndef BD_SESSION_REMAKE_H
#define BD_SESSION_REMAKE_H

#include "core/study/repairer.h"

typedef struct bd_remake bd_remake;

// A layer's setting; indexes outlive the remake.
typedef struct bd_wish {
  const bd_index *index; // NULL: the layer stays as it is
  bd_setting setting;
} bd_wish;

// Model, engine and `cancel`, which every call here polls, must outlive it.
bd_status bd_remake_new(const bd_model *model, const bd_engine *engine, int threads,
                        const bd_cancel *cancel, bd_remake **out, bd_error *err);
void bd_remake_free(bd_remake *remake);

const bd_swap *bd_remake_swap(const bd_remake *remake);

// What the next repairs calibrate on; it must stay until others are named. NULL: none.
void bd_remake_calibrate(bd_remake *remake, const bd_data *calibration);

// Quantizes every layer as wished (one wish a layer).
bd_status bd_remake_quantize(bd_remake *remake, const bd_wish *wishes, bd_error *err);
// Repairs what was quantized last; the caller frees *out. Calibration data were named. progress may
// be NULL. BD_RECOVER_NONE gives what repairing has kept in memory back; *out is then NULL.
bd_status bd_remake_repair(bd_remake *remake, bd_recovery how, bd_progress progress, void *arg,
                           bd_repair **out, bd_error *err);
// Puts the network that was quantized last into the swap; repair NULL: without.
bd_status bd_remake_put(bd_remake *remake, const bd_repair *repair, bd_error *err);

// What the swap holds of a layer, until the next put.
typedef struct bd_remade {
  const bd_layer_study *study;
  bd_coded *coded; // NULL: it is not repaired
} bd_remade;
// False where it holds nothing of it.
bool bd_remake_layer(const bd_remake *remake, int layer, bd_remade *out);

#endif
