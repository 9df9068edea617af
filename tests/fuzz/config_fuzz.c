// The config: read for a small model, and written again where it was taken.
#include "tests/fuzz/target.h"

#include "core/session/config.h"

#include <stdlib.h>

static bd_model *small_model(void) {
  static bd_model *model;
  bd_error err;
  if (!model && bd_model_open(fuzz_small_model(), &model, &err) != BD_OK) abort();
  return model;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const bd_model *model = small_model();
  bd_dial dials[8] = {0};
  bd_error err = {""};
  bd_repair_plan plan = {.how = BD_RECOVER_NONE};
  cJSON *kept = NULL;
  if (bd_model_layer_count(model) > 8) abort();
  if (bd_config_read(fuzz_file(data, size), model, dials, &plan, &kept, &err) != BD_OK)
    fuzz_check_line(err.text);
  else if (bd_config_write("/dev/null", model, dials, &plan, NULL, kept, &err) != BD_OK)
    fuzz_check_line(err.text);
  bd_repair_plan_free(&plan);
  cJSON_Delete(kept);
  return 0;
}
