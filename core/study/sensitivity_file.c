#include "core/study/sensitivity.h"

#include "core/base/json.h"
#include "core/study/json.h"
#include "core/study/recover.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_NAME "bitdial-sensitivity"
enum { FORMAT_VERSION = 1, SUMS = 10, POINTS_MAX = BD_WIDTHS_MAX * BD_PRUNES_MAX };

static const cJSON *get(const cJSON *object, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(object, key);
}

// --- writing -------------------------------------------------------------------------------------

// As few digits as read back to the same value; null where it is not finite.
static cJSON *exact(double value) {
  char text[40];
  if (!isfinite(value)) return cJSON_CreateNull();
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break;
  }
  return cJSON_CreateRaw(text);
}

static void put(cJSON *object, const char *key, double value) {
  cJSON_AddItemToObject(object, key, exact(value));
}

static void spread(const bd_effect_sums *sums, double out[SUMS]) {
  const double all[SUMS] = {
      sums->kl.count,    sums->kl.sum, sums->kl.square, sums->top1.count,   sums->top1.sum,
      sums->top1.square, sums->signal, sums->noise,     sums->local_signal, sums->local_noise};
  memcpy(out, all, sizeof all);
}

static cJSON *numbers(const double *values, int count) {
  cJSON *list = cJSON_CreateArray();
  for (int i = 0; i < count; i++)
    cJSON_AddItemToArray(list, exact(values[i]));
  return list;
}

static cJSON *effect_json(const bd_effect *effect, bool unfinished) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddNumberToObject(object, "bits", effect->bits);
  put(object, "prune", effect->prune);
  put(object, "relative_sse", effect->relative_sse);
  put(object, "local_sqnr_db", effect->local_sqnr_db);
  put(object, "output_sqnr_db", effect->output_sqnr_db);
  put(object, "kl", effect->kl);
  put(object, "kl_error", effect->kl_error);
  put(object, "top1", effect->top1);
  put(object, "top1_error", effect->top1_error);
  if (unfinished) {
    double sums[SUMS];
    spread(&effect->sums, sums);
    cJSON_AddItemToObject(object, "sums", numbers(sums, SUMS));
  }
  return object;
}

static cJSON *layer_json(const bd_layer_effects *row, bool unfinished) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "tensor", row->tensor);
  bd_setting_json(object, &row->setting, NULL);
  cJSON_DeleteItemFromObjectCaseSensitive(object, bd_setting_field(BD_FIELD_BITS)->name);
  cJSON_DeleteItemFromObjectCaseSensitive(object, bd_setting_field(BD_FIELD_PRUNE)->name);
  cJSON *points = cJSON_AddArrayToObject(object, "points");
  for (int i = 0; i < row->count; i++)
    cJSON_AddItemToArray(points, effect_json(&row->effects[i], unfinished));
  return object;
}

static void put_head(cJSON *root, const bd_sensitivity *s, bool unfinished) {
  cJSON_AddStringToObject(root, "format", FORMAT_NAME);
  cJSON_AddNumberToObject(root, "version", FORMAT_VERSION);
  cJSON *model = cJSON_AddObjectToObject(root, "model");
  cJSON_AddStringToObject(model, "file", s->file);
  cJSON_AddStringToObject(model, "sha256", s->model_sha256);
  if (*s->importance)
    cJSON_AddStringToObject(cJSON_AddObjectToObject(root, "importance"), "sha256", s->importance);
  if (*s->recover) {
    cJSON *recover = cJSON_AddObjectToObject(root, "recover");
    cJSON_AddStringToObject(recover, "how", s->recover);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(recover, "calibration"), "sha256",
                            s->calibration);
  }
  cJSON *data = cJSON_AddObjectToObject(root, "data");
  cJSON_AddNumberToObject(data, "samples", (double)s->wanted);
  cJSON_AddStringToObject(data, "sha256", s->data_sha256);
  if (s->shards) {
    cJSON *shard = cJSON_AddObjectToObject(root, "shard");
    cJSON_AddNumberToObject(shard, "index", s->shard);
    cJSON_AddNumberToObject(shard, "of", s->shards);
  }
  cJSON_AddNumberToObject(root, "samples", (double)s->samples);
  cJSON *real = cJSON_AddObjectToObject(root, "float");
  put(real, "top1", s->float_top1);
  put(real, "top1_error", s->float_top1_error);
  if (!unfinished) return;
  const double sums[] = {s->top1.count, s->top1.sum, s->top1.square};
  cJSON_AddItemToObject(real, "sums", numbers(sums, 3));
}

bd_status bd_sensitivity_write(const char *path, const bd_sensitivity *s, bd_error *err) {
  bool unfinished = s->samples < s->wanted;
  cJSON *root = cJSON_CreateObject();
  put_head(root, s, unfinished);
  cJSON *layers = cJSON_AddArrayToObject(root, "layers");
  for (int k = 0; k < s->count; k++)
    cJSON_AddItemToArray(layers, layer_json(&s->layers[k], unfinished));
  bd_status status = bd_json_write(path, root, err);
  cJSON_Delete(root);
  return status;
}

// --- reading -------------------------------------------------------------------------------------

static bd_status wrong(const char *path, const char *what, bd_error *err) {
  return bd_fail(err, BD_INVALID, "%s: %s: sweep again with `bitdial sweep`", path, what);
}

// A number, or NaN for null and what is missing.
static double number(const cJSON *object, const char *key) {
  const cJSON *item = get(object, key);
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static bool is_whole(double value, double least, double most) {
  return value >= least && value <= most && value == floor(value);
}

static bool read_numbers(const cJSON *list, double *out, int count) {
  if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != count) return false;
  int i = 0;
  for (const cJSON *item = list->child; item; item = item->next) {
    if (!cJSON_IsNumber(item)) return false;
    out[i++] = item->valuedouble;
  }
  return true;
}

static bd_status read_effect(const cJSON *object, const char *path, bool unfinished, bd_effect *out,
                             bd_error *err) {
  double bits = number(object, "bits"), v[SUMS];
  if (!is_whole(bits, 1, BD_BITS_FLOAT) || (bits > BD_BITS_MAX && bits != BD_BITS_FLOAT))
    return wrong(path, "a point has no bit width", err);
  *out = (bd_effect){.bits = (int)bits,
                     .prune = number(object, "prune"),
                     .relative_sse = number(object, "relative_sse"),
                     .local_sqnr_db = number(object, "local_sqnr_db"),
                     .output_sqnr_db = number(object, "output_sqnr_db"),
                     .kl = number(object, "kl"),
                     .kl_error = number(object, "kl_error"),
                     .top1 = number(object, "top1"),
                     .top1_error = number(object, "top1_error")};
  if (!(out->prune >= 0 && out->prune <= 1)) return wrong(path, "a point has no prune ratio", err);
  if (!unfinished) return BD_OK;
  if (!read_numbers(get(object, "sums"), v, SUMS))
    return wrong(path, "an unfinished sweep without its sums", err);
  out->sums = (bd_effect_sums){{v[0], v[1], v[2]}, {v[3], v[4], v[5]}, v[6], v[7], v[8], v[9]};
  return BD_OK;
}

static bd_status read_layer(const cJSON *object, const char *path, bool unfinished,
                            bd_layer_effects *out, bd_error *err) {
  const char *tensor = bd_json_string(object, "tensor", NULL);
  const cJSON *points = get(object, "points"), *point;
  int count = cJSON_GetArraySize(points);
  if (!tensor || !cJSON_IsArray(points)) return wrong(path, "a layer has no points", err);
  if (count > POINTS_MAX) return wrong(path, "a layer has too many points", err);
  out->setting = bd_setting_default();
  BD_TRY(bd_setting_from_json(object, path, &out->setting, err));
  out->tensor = strdup(tensor);
  out->effects = calloc((size_t)count + 1, sizeof *out->effects);
  if (!out->tensor || !out->effects) return bd_fail_memory(err, path);
  cJSON_ArrayForEach(point, points)
      BD_TRY(read_effect(point, path, unfinished, &out->effects[out->count++], err));
  return BD_OK;
}

static bd_status read_hash(const cJSON *object, const char *path, char out[65], bd_error *err) {
  const char *hash = bd_json_string(object, "sha256", "");
  if (strlen(hash) != 64) return wrong(path, "has no sha256 of its model, data or importance", err);
  memcpy(out, hash, 65);
  return BD_OK;
}

static bd_status read_recover(const cJSON *recover, const char *path, bd_sensitivity *out,
                              bd_error *err) {
  if (!recover) return BD_OK;
  snprintf(out->recover, sizeof out->recover, "%s", bd_json_string(recover, "how", ""));
  if (bd_recovery_find(out->recover) < 0) return wrong(path, "says no repair that there is", err);
  return read_hash(get(recover, "calibration"), path, out->calibration, err);
}

static bd_status read_shard(const cJSON *root, const char *path, bd_sensitivity *out,
                            bd_error *err) {
  const cJSON *shard = get(root, "shard");
  if (!shard) return BD_OK;
  double index = number(shard, "index"), of = number(shard, "of");
  if (!is_whole(of, 1, BD_SHARDS_MAX) || !is_whole(index, 1, of))
    return wrong(path, "says a shard that cannot be", err);
  out->shard = (int)index;
  out->shards = (int)of;
  return BD_OK;
}

static bd_status read_head(const cJSON *root, const char *path, bd_sensitivity *out,
                           bd_error *err) {
  if (strcmp(bd_json_string(root, "format", ""), FORMAT_NAME) != 0)
    return wrong(path, "is no sensitivity file", err);
  if (number(root, "version") != FORMAT_VERSION)
    return bd_fail(err, BD_INVALID, "%s: is of another version than %d: use a newer bitdial", path,
                   FORMAT_VERSION);
  double samples = number(root, "samples"), wanted = number(get(root, "data"), "samples");
  if (!is_whole(wanted, 0, 1e15) || !is_whole(samples, 0, wanted))
    return wrong(path, "says no number of samples", err);
  out->samples = (int64_t)samples;
  out->wanted = (int64_t)wanted;
  out->float_top1 = number(get(root, "float"), "top1");
  out->float_top1_error = number(get(root, "float"), "top1_error");
  double sums[3];
  if (samples < wanted && !read_numbers(get(get(root, "float"), "sums"), sums, 3))
    return wrong(path, "an unfinished sweep without its sums", err);
  if (samples < wanted) out->top1 = (bd_mean){sums[0], sums[1], sums[2]};
  BD_TRY(read_hash(get(root, "model"), path, out->model_sha256, err));
  BD_TRY(read_hash(get(root, "data"), path, out->data_sha256, err));
  const cJSON *importance = get(root, "importance");
  if (importance) BD_TRY(read_hash(importance, path, out->importance, err));
  BD_TRY(read_recover(get(root, "recover"), path, out, err));
  return read_shard(root, path, out, err);
}

static bd_status read_all(const cJSON *root, const char *path, bd_sensitivity *out, bd_error *err) {
  const cJSON *layers = get(root, "layers"), *layer;
  BD_TRY(read_head(root, path, out, err));
  if (!cJSON_IsArray(layers)) return wrong(path, "has no list of layers", err);
  out->file = strdup(bd_json_string(get(root, "model"), "file", "unnamed"));
  out->layers = calloc((size_t)cJSON_GetArraySize(layers) + 1, sizeof *out->layers);
  if (!out->file || !out->layers) return bd_fail_memory(err, path);
  bool unfinished = out->samples < out->wanted;
  cJSON_ArrayForEach(layer, layers)
      BD_TRY(read_layer(layer, path, unfinished, &out->layers[out->count++], err));
  return BD_OK;
}

bd_status bd_sensitivity_read(const char *path, bd_sensitivity *out, bd_error *err) {
  cJSON *root;
  *out = (bd_sensitivity){0};
  BD_TRY(bd_json_read(path, &root, err));
  bd_status status = read_all(root, path, out, err);
  cJSON_Delete(root);
  if (status != BD_OK) bd_sensitivity_free(out);
  return status;
}
