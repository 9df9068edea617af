#include "core/study/json.h"

#include "core/base/json.h"

#include <stdio.h>
#include <string.h>

static double number_of(const bd_setting *setting, int field) {
  if (field == BD_FIELD_BITS) return setting->bits;
  return field == BD_FIELD_PRUNE ? setting->prune : (double)setting->seed;
}

void bd_setting_json(cJSON *object, const bd_setting *setting, const bd_setting *base) {
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    char text[64], plain[64];
    bd_setting_get(setting, field, text, sizeof text);
    if (base && strcmp(text, bd_setting_get(base, field, plain, sizeof plain)) == 0) continue;
    const bd_field *about = bd_setting_field(field);
    if (about->choices)
      cJSON_AddStringToObject(object, about->name, text);
    else
      cJSON_AddNumberToObject(object, about->name, number_of(setting, field));
  }
}

bd_status bd_setting_from_json(const cJSON *object, const char *path, bd_setting *setting,
                               bd_error *err) {
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    const char *name = bd_setting_field(field)->name;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!item) continue;
    char number[40];
    snprintf(number, sizeof number, "%.17g", item->valuedouble);
    const char *text = cJSON_IsString(item) ? item->valuestring : number;
    bd_error why;
    if (!cJSON_IsString(item) && !cJSON_IsNumber(item))
      return bd_fail(err, BD_INVALID, "%s: %s is neither a number nor a name: correct it", path,
                     name);
    if (bd_setting_set(setting, field, text, &why) != BD_OK)
      return bd_fail(err, BD_INVALID, "%s: %s", path, why.text);
  }
  return BD_OK;
}

static void add_error(cJSON *object, const bd_result *result) {
  bd_json_number(object, "sse", result->sse);
  bd_json_number(object, "sse_prune", result->sse_prune);
  bd_json_number(object, "sse_cluster", result->sse_cluster);
  bd_json_number(object, "sse_map", result->sse_map);
  bd_json_number(object, "weighted_sse", result->weighted_sse);
  bd_json_number(object, "sqnr_db", result->sqnr_db);
  bd_json_number(object, "max_error", result->max_error);
  bd_json_number(object, "optimum_ratio", result->optimum_ratio);
  cJSON_AddBoolToObject(object, "proved", result->proved);
}

cJSON *bd_result_json(const bd_layer *layer, const bd_result *result) {
  cJSON *object = cJSON_CreateObject();
  if (!object) return NULL;
  cJSON_AddStringToObject(object, "tensor", layer->tensor);
  bd_setting_json(object, &result->setting, NULL);
  if (result->most_levels > 0)
    cJSON_AddNumberToObject(object, "levels", result->most_levels);
  else
    cJSON_AddNullToObject(object, "levels"); // kept float
  cJSON_AddNumberToObject(object, "pruned", (double)result->hole.pruned);
  add_error(object, result);
  bd_json_number(object, "bits_per_weight", result->bits_per_weight);
  bd_json_number(object, "entropy_bits", result->entropy_bits);
  bd_json_number(object, "bytes", result->bytes);
  return object;
}

cJSON *bd_totals_json(const bd_totals *totals) {
  cJSON *object = cJSON_CreateObject();
  if (!object) return NULL;
  bd_json_number(object, "weights", totals->weights);
  bd_json_number(object, "bytes_float", totals->bytes_float);
  bd_json_number(object, "bytes", totals->bytes);
  bd_json_number(object, "bits_per_weight", totals->bits_per_weight);
  bd_json_number(object, "entropy_bits", totals->entropy_bits);
  bd_json_number(object, "ratio", totals->ratio);
  bd_json_number(object, "sqnr_db", totals->sqnr_db);
  return object;
}

bd_status bd_model_json(const bd_model *model, cJSON *root, bd_error *err) {
  char hash[65];
  BD_TRY(bd_model_sha256(model, hash, err));
  cJSON *object = cJSON_AddObjectToObject(root, "model");
  const bd_model_info *about = bd_model_about(model);
  cJSON_AddStringToObject(object, "file", about->file);
  cJSON_AddStringToObject(object, "sha256", hash);
  cJSON_AddNumberToObject(object, "ir_version", (double)about->ir_version);
  cJSON_AddNumberToObject(object, "opset", (double)about->opset);
  cJSON_AddNumberToObject(object, "weights", (double)about->weights);
  cJSON_AddNumberToObject(object, "bytes", (double)about->file_bytes);
  return BD_OK;
}
