#include "core/session/config.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/study/importance.h"
#include "core/study/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_NAME "bitdial-config"
enum { FORMAT_VERSION = 1, NAMES_SHOWN = 3 };

static const cJSON *get(const cJSON *object, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(object, key);
}

// --- reading -------------------------------------------------------------------------------------

static bd_status read_head(const cJSON *root, const char *path, bd_error *err) {
  const cJSON *version = get(root, "version");
  if (strcmp(bd_json_string(root, "format", ""), FORMAT_NAME) != 0)
    return bd_fail(err, BD_INVALID, "%s: is no bitdial config: `w` in the explorer writes one",
                   path);
  if (!cJSON_IsNumber(version) || version->valuedouble != FORMAT_VERSION)
    return bd_fail(
        err, BD_INVALID,
        "%s: is of config version %g, this bitdial reads version %d: use a newer bitdial", path,
        version ? version->valuedouble : 0, FORMAT_VERSION);
  if (!cJSON_IsArray(get(root, "layers")))
    return bd_fail(err, BD_INVALID, "%s: has no list of layers: write it again with `w`", path);
  return BD_OK;
}

// What keeps a config from being this model's.
typedef struct names {
  const char *shown[NAMES_SHOWN];
  int count;
} names;
typedef struct mismatch {
  names differing; // their weights are others
  names missing;   // the model has no such tensor
  names unlisted;  // the config says nothing of them
  bool strict;     // the config names its model's file, and that is another one
} mismatch;

static void note(names *list, const char *name) {
  if (list->count < NAMES_SHOWN) list->shown[list->count] = name;
  list->count++;
}

static bd_status match_layer(const bd_model *model, const cJSON *entry, bool *listed, mismatch *bad,
                             bd_error *err) {
  const char *tensor = bd_json_string(entry, "tensor", NULL);
  const char *hash = bd_json_string(entry, "sha256", NULL);
  if (!tensor) return bd_fail(err, BD_INVALID, "a layer has no tensor name");
  int layer = bd_model_find(model, tensor);
  if (layer < 0) {
    note(&bad->missing, tensor);
    return BD_OK;
  }
  listed[layer] = true;
  char own[65];
  if (bd_model_layer(model, layer)->refused) return BD_OK;
  if (!hash && bad->strict) note(&bad->differing, tensor);
  if (!hash) return BD_OK;
  BD_TRY(bd_model_layer_sha256(model, layer, own, err));
  if (strcmp(own, hash) != 0) note(&bad->differing, tensor);
  return BD_OK;
}

static bd_status match_layers(const bd_model *model, const cJSON *root, bool *listed, mismatch *bad,
                              bd_error *err) {
  const cJSON *entry;
  cJSON_ArrayForEach(entry, get(root, "layers"))
      BD_TRY(match_layer(model, entry, listed, bad, err));
  for (int i = 0; i < bd_model_layer_count(model) && bad->strict; i++)
    if (!listed[i] && !bd_model_layer(model, i)->refused)
      note(&bad->unlisted, bd_model_layer(model, i)->tensor);
  return BD_OK;
}

// Appends "; no tensor named a, b and 3 more"; nothing where the list is empty.
static void list_names(char *out, size_t size, const char *what, const names *list) {
  if (!list->count) return;
  size_t used = strlen(out);
  snprintf(out + used, size - used, "%s%s ", used ? "; " : "", what);
  for (int i = 0; i < list->count && i < NAMES_SHOWN; i++) {
    used = strlen(out);
    snprintf(out + used, size - used, "%s%.80s", i ? ", " : "", list->shown[i]);
  }
  used = strlen(out);
  if (list->count > NAMES_SHOWN)
    snprintf(out + used, size - used, " and %d more", list->count - NAMES_SHOWN);
}

static bd_status refuse(const bd_model *model, const char *path, const cJSON *root,
                        const mismatch *bad, bd_error *err) {
  char text[700] = "";
  list_names(text, sizeof text, "other weights in", &bad->differing);
  list_names(text, sizeof text, "no tensor named", &bad->missing);
  int near = bad->missing.count ? bd_model_nearest(model, bad->missing.shown[0]) : -1;
  size_t used = strlen(text);
  if (near >= 0)
    snprintf(text + used, sizeof text - used, " (nearest: %.80s)",
             bd_model_layer(model, near)->tensor);
  list_names(text, sizeof text, "not listed:", &bad->unlisted);
  return bd_fail(err, BD_INVALID,
                 "%s: was made for another model (%.80s): %s: open that one, or "
                 "--force-match takes what fits by name",
                 path, bd_json_string(get(root, "model"), "file", "unnamed"), text);
}

// The model's own hash settles it at once, unless weights stand in other files; else each layer's
// is looked at. A config without a hash of its model, written by hand, may list some layers only.
static bd_status match_model(const bd_model *model, const char *path, const cJSON *root,
                             bd_error *err) {
  char own[65];
  const char *hash = bd_json_string(get(root, "model"), "sha256", "");
  BD_TRY(bd_model_sha256(model, own, err));
  if (*hash && strcmp(hash, own) == 0 && bd_model_about(model)->data_files == 0) return BD_OK;
  mismatch bad = {.strict = *hash != '\0'};
  bool *listed = calloc((size_t)bd_model_layer_count(model) + 1, sizeof *listed);
  if (!listed) return bd_fail_memory(err, path);
  bd_error why;
  bd_status status = match_layers(model, root, listed, &bad, &why);
  free(listed);
  if (status != BD_OK) return bd_fail(err, status, "%s: %s", path, why.text);
  if (bad.differing.count || bad.missing.count || bad.unlisted.count)
    return refuse(model, path, root, &bad, err);
  return BD_OK;
}

static bd_status match_importance(const bd_model *model, const char *path, const cJSON *root,
                                  bd_error *err) {
  const char *hash = bd_json_string(get(root, "importance"), "sha256", "");
  return *hash ? bd_importance_same(model, hash, path, err) : BD_OK;
}

static bd_status read_layer(const cJSON *entry, const char *path, const bd_model *model,
                            bd_dial *dials, bd_error *err) {
  const char *tensor = bd_json_string(entry, "tensor", NULL);
  int layer = tensor ? bd_model_find(model, tensor) : -1;
  if (layer < 0)
    return bd_fail(err, BD_INVALID, "%s: names a layer that the model has not: %.80s", path,
                   tensor ? tensor : "(none)");
  dials[layer].locked = cJSON_IsTrue(get(entry, "locked"));
  return bd_setting_from_json(entry, path, &dials[layer].setting, err);
}

static bd_status read_dials(const cJSON *root, const char *path, const bd_model *model,
                            bd_dial *dials, bd_error *err) {
  bd_setting defaults = bd_setting_default();
  BD_TRY(bd_setting_from_json(root, path, &defaults, err)); // the top holds "seed"
  BD_TRY(bd_setting_from_json(get(root, "defaults"), path, &defaults, err));
  for (int i = 0; i < bd_model_layer_count(model); i++)
    dials[i] = (bd_dial){defaults, false};
  const cJSON *entry;
  cJSON_ArrayForEach(entry, get(root, "layers")) BD_TRY(read_layer(entry, path, model, dials, err));
  return BD_OK;
}

bd_status bd_config_take(const cJSON *root, const char *path, const bd_model *model, bd_dial *dials,
                         bd_repair_plan *plan, bd_error *err) {
  bd_repair_plan repair = {.how = BD_RECOVER_NONE};
  size_t size = ((size_t)bd_model_layer_count(model) + 1) * sizeof *dials;
  bd_dial *read = malloc(size); // so that a refused config leaves dials as they were
  bd_status status = read ? read_head(root, path, err) : bd_fail_memory(err, path);
  if (status == BD_OK) status = match_model(model, path, root, err);
  if (status == BD_OK) status = match_importance(model, path, root, err);
  if (status == BD_OK) status = read_dials(root, path, model, read, err);
  if (status == BD_OK) status = bd_repair_plan_from_json(get(root, "recover"), path, &repair, err);
  if (status == BD_OK) memcpy(dials, read, size - sizeof *dials);
  free(read);
  if (status == BD_OK && plan)
    *plan = repair;
  else
    bd_repair_plan_free(&repair);
  return status;
}

bd_status bd_config_read(const char *path, const bd_model *model, bd_dial *dials,
                         bd_repair_plan *plan, cJSON **kept, bd_error *err) {
  if (kept) *kept = NULL;
  cJSON *root;
  BD_TRY(bd_json_read(path, &root, err));
  bd_status status = bd_config_take(root, path, model, dials, plan, err);
  if (status == BD_OK && kept)
    *kept = root;
  else
    cJSON_Delete(root);
  return status;
}

// --- writing -------------------------------------------------------------------------------------

// Puts an item under a key, where one stood in its place.
static void put(cJSON *object, const char *key, cJSON *item) {
  if (get(object, key))
    cJSON_ReplaceItemInObjectCaseSensitive(object, key, item);
  else
    cJSON_AddItemToObject(object, key, item);
}

// The kept entry of a tensor; *hint is where it stands if nothing was moved.
static const cJSON *kept_layer(const cJSON *kept, const cJSON **hint, const char *tensor) {
  const cJSON *entry = *hint;
  if (!entry || strcmp(bd_json_string(entry, "tensor", ""), tensor) != 0) {
    const cJSON *layers = get(kept, "layers");
    for (entry = layers ? layers->child : NULL; entry; entry = entry->next)
      if (strcmp(bd_json_string(entry, "tensor", ""), tensor) == 0) break;
  }
  if (entry) *hint = entry->next;
  return entry;
}

// Takes the setting's own keys out of an object, so that only foreign ones stay.
static void strip_setting(cJSON *object) {
  for (int field = 0; field < BD_FIELD_COUNT; field++)
    cJSON_DeleteItemFromObjectCaseSensitive(object, bd_setting_field(field)->name);
}

// A fresh object, or a copy of the kept one without the keys that are ours.
static cJSON *start_layer(const cJSON *kept) {
  cJSON *object = kept ? cJSON_Duplicate(kept, 1) : cJSON_CreateObject();
  strip_setting(object);
  cJSON_DeleteItemFromObjectCaseSensitive(object, "locked");
  return object;
}

static bd_status add_layer(cJSON *list, const bd_model *model, int layer, const bd_dial *dial,
                           const bd_setting *defaults, const cJSON *kept, bd_error *err) {
  const bd_layer *about = bd_model_layer(model, layer);
  if (about->refused) return BD_OK;
  char hash[65];
  BD_TRY(bd_model_layer_sha256(model, layer, hash, err));
  cJSON *object = start_layer(kept);
  if (!object) return bd_fail_memory(err, "the config");
  put(object, "tensor", cJSON_CreateString(about->tensor));
  put(object, "node", cJSON_CreateString(about->node));
  put(object, "sha256", cJSON_CreateString(hash));
  bd_setting_json(object, &dial->setting, defaults);
  if (dial->locked) cJSON_AddTrueToObject(object, "locked");
  cJSON_AddItemToArray(list, object);
  return BD_OK;
}

// The object under that key, added where there is none.
static cJSON *part(cJSON *root, const char *key) {
  cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
  if (cJSON_IsObject(item)) return item;
  item = cJSON_CreateObject();
  put(root, key, item);
  return item;
}

static bd_status put_head(cJSON *root, const bd_model *model, const bd_setting *defaults,
                          bd_error *err) {
  char hash[65];
  BD_TRY(bd_model_sha256(model, hash, err));
  put(root, "format", cJSON_CreateString(FORMAT_NAME));
  put(root, "version", cJSON_CreateNumber(FORMAT_VERSION));
  put(part(root, "model"), "file", cJSON_CreateString(bd_model_about(model)->file));
  put(part(root, "model"), "sha256", cJSON_CreateString(hash));
  put(root, "seed", cJSON_CreateNumber((double)defaults->seed));
  strip_setting(part(root, "defaults"));
  bd_setting_json(part(root, "defaults"), defaults, NULL);
  return BD_OK;
}

// What is not known of the calibration data's other keys goes with them.
static void put_repair(cJSON *root, const bd_repair_plan *plan) {
  if (plan && plan->how != BD_RECOVER_NONE)
    put(root, "recover", bd_repair_plan_json(plan));
  else
    cJSON_DeleteItemFromObjectCaseSensitive(root, "recover");
}

static void put_importance(cJSON *root, const bd_model *model) {
  char hash[65];
  bd_importance_sha256(model, hash);
  if (*hash)
    put(part(root, "importance"), "sha256", cJSON_CreateString(hash));
  else
    cJSON_DeleteItemFromObjectCaseSensitive(root, "importance");
}

static bd_status build(cJSON *root, const bd_model *model, const bd_dial *dials,
                       const bd_repair_plan *plan, const bd_totals *totals, const cJSON *kept,
                       bd_error *err) {
  bd_setting defaults = bd_setting_default();
  BD_TRY(put_head(root, model, &defaults, err));
  const cJSON *hint = get(kept, "layers") ? get(kept, "layers")->child : NULL;
  cJSON *layers = cJSON_CreateArray();
  bd_status status = BD_OK;
  for (int i = 0; i < bd_model_layer_count(model) && status == BD_OK; i++) {
    const char *tensor = bd_model_layer(model, i)->tensor;
    status =
        add_layer(layers, model, i, &dials[i], &defaults, kept_layer(kept, &hint, tensor), err);
  }
  put(root, "layers", layers);
  put_repair(root, plan);
  put_importance(root, model);
  bool repairs = plan && plan->how != BD_RECOVER_NONE; // the totals are of other weights then
  if (totals && !repairs)
    put(root, "results", bd_totals_json(totals));
  else
    cJSON_DeleteItemFromObjectCaseSensitive(root, "results");
  cJSON *pins = cJSON_DetachItemFromObjectCaseSensitive(root, "pins"); // stand last
  if (pins) put(root, "pins", pins);
  return status;
}

bd_status bd_config_write(const char *path, const bd_model *model, const bd_dial *dials,
                          const bd_repair_plan *plan, const bd_totals *totals, const cJSON *kept,
                          bd_error *err) {
  if (bd_file_same(path, bd_model_about(model)->file))
    return bd_fail(err, BD_INVALID, "%s: is the model itself: choose another name", path);
  cJSON *root = kept ? cJSON_Duplicate(kept, 1) : cJSON_CreateObject();
  if (!root) return bd_fail_memory(err, path);
  bd_status status = build(root, model, dials, plan, totals, kept, err);
  if (status == BD_OK) status = bd_json_write(path, root, err);
  cJSON_Delete(root);
  return status;
}
