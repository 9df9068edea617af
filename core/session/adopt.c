// A config of another model, taken by the names of its layers.
#include "core/session/config.h"

#include "core/base/json.h"
#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A list of names as text: "a, b, c".
typedef struct list {
  char *text;
  size_t size;
  FILE *out;
  int count;
} list;

typedef struct lists {
  list taken, differing, dropped, unlisted;
} lists;

static bool open_list(list *to) {
  to->out = open_memstream(&to->text, &to->size);
  return to->out != NULL;
}

static void add(list *to, const char *name) {
  char shown[512];
  fprintf(to->out, "%s%s", to->count++ ? ", " : "", bd_text_escape(shown, sizeof shown, name));
}

// Writes the list as a line, where it holds something, and frees it.
static void put(list *from, FILE *out, const char *what) {
  if (!from->out) return;
  fclose(from->out);
  if (from->count && out) fprintf(out, "%s: %s\n", what, from->text);
  free(from->text);
}

static bool open_lists(lists *all) {
  return open_list(&all->taken) && open_list(&all->differing) && open_list(&all->dropped) &&
         open_list(&all->unlisted);
}

static char *close_lists(lists *all, bool wanted) {
  char *text = NULL;
  size_t size;
  FILE *out = wanted ? open_memstream(&text, &size) : NULL;
  put(&all->taken, out, "taken by name");
  put(&all->differing, out, "with other weights now");
  put(&all->dropped, out, "dropped, no such layer here");
  put(&all->unlisted, out, "not in the config, left at its defaults");
  if (out) fclose(out);
  return text;
}

// The layer of an entry, or -1.
static int layer_of(const bd_model *model, const cJSON *entry) {
  const char *tensor = bd_json_string(entry, "tensor", NULL);
  int layer = tensor ? bd_model_find(model, tensor) : -1;
  return layer >= 0 && !bd_model_layer(model, layer)->refused ? layer : -1;
}

// Keeps the entries whose names the model has, without the hashes that tie them to their model.
static bd_status keep_known(cJSON *entries, const bd_model *model, bool *listed, lists *said,
                            bd_error *err) {
  cJSON *next;
  for (cJSON *entry = entries ? entries->child : NULL; entry; entry = next) {
    next = entry->next;
    int layer = layer_of(model, entry);
    const char *tensor = bd_json_string(entry, "tensor", "(none)");
    if (layer < 0) {
      add(&said->dropped, tensor);
      cJSON_Delete(cJSON_DetachItemViaPointer(entries, entry));
      continue;
    }
    char own[65];
    BD_TRY(bd_model_layer_sha256(model, layer, own, err));
    listed[layer] = true;
    add(&said->taken, tensor);
    if (strcmp(own, bd_json_string(entry, "sha256", own)) != 0) add(&said->differing, tensor);
    cJSON_DeleteItemFromObjectCaseSensitive(entry, "sha256");
  }
  return BD_OK;
}

static bd_status untie(cJSON *root, const bd_model *model, lists *said, bd_error *err) {
  int count = bd_model_layer_count(model);
  bool *listed = calloc((size_t)count + 1, sizeof *listed);
  if (!listed) return bd_fail_memory(err, "the config");
  cJSON *entries = cJSON_GetObjectItemCaseSensitive(root, "layers");
  cJSON *file = cJSON_GetObjectItemCaseSensitive(root, "model");
  bd_status status = cJSON_IsArray(entries) ? keep_known(entries, model, listed, said, err) : BD_OK;
  for (int i = 0; i < count; i++)
    if (!listed[i] && !bd_model_layer(model, i)->refused)
      add(&said->unlisted, bd_model_layer(model, i)->tensor);
  cJSON_DeleteItemFromObjectCaseSensitive(file, "sha256");
  cJSON_DeleteItemFromObjectCaseSensitive(root, "importance"); // of the other model's weights
  free(listed);
  return status;
}

bd_status bd_config_adopt(const char *path, const bd_model *model, bd_dial *dials,
                          bd_repair_plan *plan, cJSON **kept, char **said, bd_error *err) {
  lists all = {.taken = {.count = 0}};
  cJSON *root;
  *said = NULL;
  if (kept) *kept = NULL;
  BD_TRY(bd_json_read(path, &root, err));
  bd_status status = open_lists(&all) ? untie(root, model, &all, err) : bd_fail_memory(err, path);
  if (status == BD_OK) status = bd_config_take(root, path, model, dials, plan, err);
  bool news = all.differing.count || all.dropped.count || all.unlisted.count;
  *said = close_lists(&all, status == BD_OK && news);
  if (status == BD_OK && kept)
    *kept = root;
  else
    cJSON_Delete(root);
  return status;
}
