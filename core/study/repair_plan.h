// What a repair is made from: how, and on which samples. A config holds it as "recover":
// {"how","calibration":{"file","sha256","first","samples","scale_input","mean","std"}}.
#ifndef BD_STUDY_REPAIR_PLAN_H
#define BD_STUDY_REPAIR_PLAN_H

#include "core/engine/data.h"
#include "core/study/recover.h"

#include <cjson/cJSON.h>

typedef struct bd_calibration {
  char *file;             // as it was named; owned; NULL: none named yet
  int64_t first, samples; // which of the file's
  char sha256[65];        // of them as the network gets them (data_hash.h); "" not known
  bd_transform transform;
} bd_calibration;

typedef struct bd_repair_plan {
  bd_recovery how; // BD_RECOVER_NONE: of no interest is the rest
  bd_calibration calibration;
} bd_repair_plan;

void bd_repair_plan_free(bd_repair_plan *plan); // what it holds; it is then that of no repair
bd_status bd_repair_plan_copy(const bd_repair_plan *from, bd_repair_plan *to, bd_error *err);
// Takes the place of what the plan holds; false without memory: it is then as it was.
bool bd_repair_plan_put(bd_repair_plan *plan, const bd_repair_plan *from);
bool bd_repair_plan_equal(const bd_repair_plan *a, const bd_repair_plan *b);

// Names the samples `data`, [first, first + its own count) of the file, and hashes them.
bd_status bd_calibration_of(const char *file, int64_t first, const bd_transform *transform,
                            const bd_data *data, int threads, const bd_cancel *cancel,
                            bd_calibration *out, bd_error *err);
// Where that file is: as it is named or, where it is not there, beside the config (NULL: none). The
// caller frees; NULL without memory. A file must be named.
char *bd_calibration_path(const bd_calibration *calibration, const char *config);
// Opens those samples again, of the file as it is named or, where that is not there, beside the
// config. *whole must outlive *part. BD_INVALID: another file, other samples, or none is named;
// the message says to give --calibration.
bd_status bd_calibration_open(const bd_calibration *calibration, const char *config,
                              const bd_model *model, int threads, const bd_cancel *cancel,
                              bd_data **whole, bd_data **part, bd_error *err);

// The caller deletes; NULL without memory. NULL json reads as no repair; path is for messages.
cJSON *bd_repair_plan_json(const bd_repair_plan *plan);
bd_status bd_repair_plan_from_json(const cJSON *json, const char *path, bd_repair_plan *out,
                                   bd_error *err);

#endif
