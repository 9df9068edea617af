// The config file: {"format":"bitdial-config","version":1,"model","seed","defaults","layers",…}.
// Each layer carries the SHA-256 of its weights, so that a config is only taken by the model it was
// made for. Keys that this version does not know are kept.
#ifndef BD_SESSION_CONFIG_H
#define BD_SESSION_CONFIG_H

#include "core/session/session.h"

#include <cjson/cJSON.h>

// Reads the config of `model` into one dial a layer (layers that it does not list get its
// defaults), and how it was repaired into *plan (the caller frees it; NULL drops it). *kept gets
// the file as read, for bd_config_write to keep unknown keys (caller deletes; may be NULL to drop
// it). BD_INVALID: no config, a newer version, a wrong value, or another model's: then the
// differing tensors and the nearest names are in err.
bd_status bd_config_read(const char *path, const bd_model *model, bd_dial *dials,
                         bd_repair_plan *plan, cJSON **kept, bd_error *err);

// The same of a file that is read already; path is for messages.
bd_status bd_config_take(const cJSON *root, const char *path, const bd_model *model, bd_dial *dials,
                         bd_repair_plan *plan, bd_error *err);

// Takes the config of another model by the names of its layers (--force-match): what the model has
// no layer for is dropped. *said gets lines that name what was taken, taken for other weights,
// dropped, and left at the config's defaults; NULL where the config fits. Caller frees. *kept: as
// above, without what was dropped.
bd_status bd_config_adopt(const char *path, const bd_model *model, bd_dial *dials,
                          bd_repair_plan *plan, cJSON **kept, char **said, bd_error *err);

// Writes it whole or not at all. plan: NULL is no repair. totals: a courtesy ("results"), of the
// weights before any repair; NULL or a repair leaves it out.
bd_status bd_config_write(const char *path, const bd_model *model, const bd_dial *dials,
                          const bd_repair_plan *plan, const bd_totals *totals, const cJSON *kept,
                          bd_error *err);

#endif
