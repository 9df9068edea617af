#include "core/study/repair_plan.h"

#include "core/base/json.h"
#include "core/study/data_hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void bd_repair_plan_free(bd_repair_plan *plan) {
  free(plan->calibration.file);
  *plan = (bd_repair_plan){.how = BD_RECOVER_NONE};
}

bd_status bd_repair_plan_copy(const bd_repair_plan *from, bd_repair_plan *to, bd_error *err) {
  *to = *from;
  if (!from->calibration.file) return BD_OK;
  to->calibration.file = strdup(from->calibration.file);
  return to->calibration.file ? BD_OK : bd_fail_memory(err, "the calibration data's name");
}

bool bd_repair_plan_put(bd_repair_plan *plan, const bd_repair_plan *from) {
  bd_repair_plan copy;
  if (bd_repair_plan_copy(from, &copy, NULL) != BD_OK) return false;
  bd_repair_plan_free(plan);
  *plan = copy;
  return true;
}

static bool same_numbers(const double *a, int a_count, const double *b, int b_count) {
  if (a_count != b_count) return false;
  for (int i = 0; i < a_count; i++)
    if (a[i] != b[i]) return false;
  return true;
}

static bool same_transform(const bd_transform *a, const bd_transform *b) {
  return a->scale == b->scale && same_numbers(a->mean, a->mean_count, b->mean, b->mean_count) &&
         same_numbers(a->deviation, a->deviation_count, b->deviation, b->deviation_count);
}

static bool same_file(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

bool bd_repair_plan_equal(const bd_repair_plan *a, const bd_repair_plan *b) {
  const bd_calibration *x = &a->calibration, *y = &b->calibration;
  if (a->how != b->how) return false;
  return a->how == BD_RECOVER_NONE ||
         (same_file(x->file, y->file) && x->first == y->first && x->samples == y->samples &&
          strcmp(x->sha256, y->sha256) == 0 && same_transform(&x->transform, &y->transform));
}

// --- the samples ---------------------------------------------------------------------------------

bd_status bd_calibration_of(const char *file, int64_t first, const bd_transform *transform,
                            const bd_data *data, int threads, const bd_cancel *cancel,
                            bd_calibration *out, bd_error *err) {
  *out =
      (bd_calibration){.first = first, .samples = bd_data_samples(data), .transform = *transform};
  BD_TRY(bd_data_hash(data, NULL, threads, cancel, out->sha256, err));
  out->file = strdup(file);
  return out->file ? BD_OK : bd_fail_memory(err, "the calibration data's name");
}

// The path beside the config, where the file is not found from here. The caller frees it.
char *bd_calibration_path(const bd_calibration *calibration, const char *config) {
  const char *file = calibration->file, *slash = config ? strrchr(config, '/') : NULL;
  char *path = NULL;
  if (access(file, F_OK) == 0 || *file == '/' || !slash) return strdup(file);
  return asprintf(&path, "%.*s/%s", (int)(slash - config), config, file) < 0 ? NULL : path;
}

static bd_status check_samples(const bd_calibration *calibration, const char *path,
                               const bd_data *data, int threads, const bd_cancel *cancel,
                               bd_error *err) {
  char hash[65];
  if (!*calibration->sha256) return BD_OK;
  BD_TRY(bd_data_hash(data, NULL, threads, cancel, hash, err));
  if (strcmp(hash, calibration->sha256) == 0) return BD_OK;
  return bd_fail(err, BD_INVALID,
                 "%s: holds other samples than those that the repair was made on: bring them back, "
                 "or give --calibration PATH",
                 path);
}

static bd_status open_part(const bd_calibration *calibration, const char *path,
                           const bd_data *whole, bd_data **part, bd_error *err) {
  int64_t first = calibration->first, samples = calibration->samples;
  int64_t there = bd_data_samples(whole);
  if (first >= there || samples > there - first || first % bd_data_batch(whole))
    return bd_fail(err, BD_INVALID,
                   "%s: has %lld samples, the repair was made on %lld from number %lld on: bring "
                   "them back, or give --calibration PATH",
                   path, (long long)there, (long long)samples, (long long)first + 1);
  return bd_data_part(whole, first, samples ? samples : there - first, part, err);
}

static bd_status open_path(const bd_calibration *calibration, const char *path,
                           const bd_model *model, int threads, const bd_cancel *cancel,
                           bd_data **whole, bd_data **part, bd_error *err) {
  bd_error why;
  bd_status status = bd_data_open(model, path, &calibration->transform, 0, whole, &why);
  if (status != BD_OK)
    return bd_fail(err, status, "the repair's calibration data: %s%s%s; give --calibration PATH",
                   strstr(why.text, path) ? "" : path, strstr(why.text, path) ? "" : ": ",
                   why.text);
  BD_TRY(open_part(calibration, path, *whole, part, err));
  return check_samples(calibration, path, *part, threads, cancel, err);
}

bd_status bd_calibration_open(const bd_calibration *calibration, const char *config,
                              const bd_model *model, int threads, const bd_cancel *cancel,
                              bd_data **whole, bd_data **part, bd_error *err) {
  *whole = *part = NULL;
  if (!calibration->file)
    return bd_fail(err, BD_INVALID,
                   "the repair names no calibration data: give --calibration PATH");
  char *path = bd_calibration_path(calibration, config);
  if (!path) return bd_fail_memory(err, "the calibration data's name");
  bd_status status = open_path(calibration, path, model, threads, cancel, whole, part, err);
  free(path);
  if (status == BD_OK) return BD_OK;
  bd_data_free(*part);
  bd_data_free(*whole);
  *whole = *part = NULL;
  return status;
}

// --- as JSON -------------------------------------------------------------------------------------

static void add_transform(cJSON *object, const bd_transform *transform) {
  if (transform->scale != 1) cJSON_AddNumberToObject(object, "scale_input", transform->scale);
  if (transform->mean_count)
    cJSON_AddItemToObject(object, "mean",
                          cJSON_CreateDoubleArray(transform->mean, transform->mean_count));
  if (transform->deviation_count)
    cJSON_AddItemToObject(
        object, "std", cJSON_CreateDoubleArray(transform->deviation, transform->deviation_count));
}

cJSON *bd_repair_plan_json(const bd_repair_plan *plan) {
  const bd_calibration *calibration = &plan->calibration;
  cJSON *object = cJSON_CreateObject();
  if (!object) return NULL;
  cJSON_AddStringToObject(object, "how", bd_recoveries[plan->how].name);
  if (plan->how == BD_RECOVER_NONE || !calibration->file) return object;
  cJSON *samples = cJSON_AddObjectToObject(object, "calibration");
  cJSON_AddStringToObject(samples, "file", calibration->file);
  cJSON_AddStringToObject(samples, "sha256", calibration->sha256);
  cJSON_AddNumberToObject(samples, "first", (double)calibration->first);
  cJSON_AddNumberToObject(samples, "samples", (double)calibration->samples);
  add_transform(samples, &calibration->transform);
  return object;
}

static bd_status read_count(const cJSON *object, const char *key, const char *path, int64_t *out,
                            bd_error *err) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  double value = cJSON_IsNumber(item) ? item->valuedouble : item ? -1 : 0;
  if (!(value >= 0 && value <= 9e15) || value != floor(value))
    return bd_fail(err, BD_INVALID, "%s: recover: %s is no count: correct it", path, key);
  *out = (int64_t)value;
  return BD_OK;
}

static bd_status read_list(const cJSON *object, const char *key, const char *path, double *out,
                           int *count, bd_error *err) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
  *count = 0;
  if (list && !cJSON_IsArray(list))
    return bd_fail(err, BD_INVALID, "%s: recover: %s is no list: correct it", path, key);
  cJSON_ArrayForEach(item, list) {
    if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble) || *count == BD_CHANNELS_MAX)
      return bd_fail(err, BD_INVALID, "%s: recover: %s takes at most %d numbers: correct it", path,
                     key, BD_CHANNELS_MAX);
    out[(*count)++] = item->valuedouble;
  }
  return BD_OK;
}

static bd_status read_transform(const cJSON *object, const char *path, bd_transform *out,
                                bd_error *err) {
  const cJSON *scale = cJSON_GetObjectItemCaseSensitive(object, "scale_input");
  *out = bd_transform_none();
  if (scale && (!cJSON_IsNumber(scale) || !isfinite(scale->valuedouble) || !scale->valuedouble))
    return bd_fail(err, BD_INVALID,
                   "%s: recover: scale_input takes a number other than 0: "
                   "correct it",
                   path);
  if (scale) out->scale = scale->valuedouble;
  BD_TRY(read_list(object, "mean", path, out->mean, &out->mean_count, err));
  return read_list(object, "std", path, out->deviation, &out->deviation_count, err);
}

static bd_status read_calibration(const cJSON *object, const char *path, bd_calibration *out,
                                  bd_error *err) {
  const char *file = bd_json_string(object, "file", NULL);
  BD_TRY(read_transform(object, path, &out->transform, err));
  BD_TRY(read_count(object, "first", path, &out->first, err));
  BD_TRY(read_count(object, "samples", path, &out->samples, err));
  snprintf(out->sha256, sizeof out->sha256, "%s", bd_json_string(object, "sha256", ""));
  if (!file || !*file) return BD_OK;
  out->file = strdup(file);
  return out->file ? BD_OK : bd_fail_memory(err, path);
}

bd_status bd_repair_plan_from_json(const cJSON *json, const char *path, bd_repair_plan *out,
                                   bd_error *err) {
  *out = (bd_repair_plan){.how = BD_RECOVER_NONE};
  if (!json || cJSON_IsNull(json)) return BD_OK;
  const char *how = bd_json_string(json, "how", "");
  int found = bd_recovery_find(how);
  if (found < 0)
    return bd_fail(err, BD_INVALID,
                   "%s: recover: how is \"%.40s\": takes none, match or reconstruct", path, how);
  if (found == BD_RECOVER_NONE) return BD_OK;
  out->how = (bd_recovery)found;
  bd_status status = read_calibration(cJSON_GetObjectItemCaseSensitive(json, "calibration"), path,
                                      &out->calibration, err);
  if (status != BD_OK) bd_repair_plan_free(out);
  return status;
}
