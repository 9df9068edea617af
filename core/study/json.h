// Results as JSON, by the contract of --json: one layer of `quantize`, and its totals.
#ifndef BD_STUDY_JSON_H
#define BD_STUDY_JSON_H

#include "core/study/study.h"

#include <cjson/cJSON.h>

// {"tensor","bits","prune","method",…,"bytes"}; the caller deletes. NULL without memory.
cJSON *bd_result_json(const bd_layer *layer, const bd_result *result);
// {"weights","bytes_float","bytes","bits_per_weight","entropy_bits","ratio","sqnr_db"}
cJSON *bd_totals_json(const bd_totals *totals);
// Adds "model": {"file","sha256","ir_version","opset","weights","bytes"}. BD_FAILED: the file has
// changed since it was opened.
bd_status bd_model_json(const bd_model *model, cJSON *root, bd_error *err);
// The fields of a setting under their own names; those equal to `base` are left out (NULL: none
// is).
void bd_setting_json(cJSON *object, const bd_setting *setting, const bd_setting *base);
// Sets the fields that `object` holds, whatever else it holds. BD_INVALID names the path.
bd_status bd_setting_from_json(const cJSON *object, const char *path, bd_setting *setting,
                               bd_error *err);

#endif
