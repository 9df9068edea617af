// A recipe for ai-edge-quantizer (LiteRT, TensorFlow Lite): an ordered list, later entries win. It
// draws grids of its own, between the extremes of each channel.
#include "core/export/job.h"

#include <stdlib.h>
#include <string.h>

static const char *operation_of(const bd_layer *layer) {
  static const char *const table[][2] = {{"Conv", "CONV_2D"},
                                         {"ConvTranspose", "CONV_2D_TRANSPOSE"},
                                         {"Gemm", "FULLY_CONNECTED"},
                                         {"MatMul", "FULLY_CONNECTED"},
                                         {"Gather", "EMBEDDING_LOOKUP"}};
  if (layer->depthwise) return "DEPTHWISE_CONV_2D";
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i][0], layer->op) == 0) return table[i][1];
  return NULL;
}

// A regular expression that only the name itself matches.
static char *exactly(const char *name) {
  char *out = malloc(2 * strlen(name) + 3), *to = out;
  if (!out) return NULL;
  *to++ = '^';
  for (; *name; name++) {
    if (strchr("\\^$.|?*+()[]{}", *name)) *to++ = '\\';
    *to++ = *name;
  }
  *to++ = '$';
  *to = '\0';
  return out;
}

static cJSON *entry_of(const bd_layer *layer, int bits) {
  cJSON *entry = cJSON_CreateObject();
  char *regex = exactly(layer->tensor);
  cJSON_AddStringToObject(entry, "regex", regex ? regex : "");
  free(regex);
  cJSON_AddStringToObject(entry, "operation", operation_of(layer));
  cJSON_AddStringToObject(entry, "algorithm_key",
                          bits ? "min_max_uniform_quantize" : "no_quantize");
  if (!bits) return entry;
  cJSON *config = cJSON_AddObjectToObject(entry, "op_config");
  cJSON *weights = cJSON_AddObjectToObject(config, "weight_tensor_config");
  cJSON_AddNumberToObject(weights, "num_bits", bits);
  cJSON_AddBoolToObject(weights, "symmetric", true);
  cJSON_AddBoolToObject(weights, "channel_wise", true);
  cJSON_AddStringToObject(weights, "dtype", "INT");
  cJSON_AddStringToObject(config, "compute_precision", "FLOAT");
  cJSON_AddBoolToObject(config, "explicit_dequantize", true);
  return entry;
}

static cJSON *recipe_of(const bd_export_plan *plan, int *left_out) {
  cJSON *list = cJSON_CreateArray();
  *left_out = 0;
  for (int i = 0; list && i < plan->tuned->count; i++) {
    const bd_layer *layer = bd_model_layer(plan->tuned->model, i);
    if (!operation_of(layer))
      *left_out += plan->fits[i].integers != NULL;
    else if (!plan->tuned->layers[i].refused)
      cJSON_AddItemToArray(list, entry_of(layer, plan->fits[i].integers ? plan->fits[i].width : 0));
  }
  return list;
}

bd_status bd_export_litert(bd_export *job, bd_error *err) {
  int left_out;
  cJSON *recipe = recipe_of(job->plan, &left_out);
  bd_page page = {0};
  bd_page_json(&page, recipe);
  cJSON_Delete(recipe);
  bd_status status = bd_export_page(job, &page, NULL, err);
  if (status == BD_OK && left_out)
    bd_report_note(job->report, "%d layers are of operators that LiteRT does not quantize",
                   left_out);
  return status;
}
