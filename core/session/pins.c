// Pins in the config file: "pins":[{"pin":"A","name","layers":[{"tensor", the setting where it
// differs from the defaults}]}]. Their figures are computed again.
#include "core/session/internal.h"

#include "core/base/json.h"
#include "core/study/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *pin_json(const bd_session *session, const bd_seen *seen) {
  const bd_setting usual = bd_setting_default();
  const char letter[2] = {seen->pin, '\0'};
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "pin", letter);
  if (seen->name[0]) cJSON_AddStringToObject(object, "name", seen->name);
  cJSON *layers = cJSON_AddArrayToObject(object, "layers");
  for (int i = 0; i < session->count; i++) {
    if (session->states[i].refused || bd_setting_equal(&seen->layers[i].setting, &usual)) continue;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "tensor", bd_model_layer(session->model, i)->tensor);
    bd_setting_json(entry, &seen->layers[i].setting, &usual);
    cJSON_AddItemToArray(layers, entry);
  }
  return object;
}

void bd_pins_store(bd_session *session) {
  cJSON *pins = cJSON_CreateArray();
  for (char letter = 'A'; letter < 'A' + BD_PINS_MOST; letter++)
    for (int i = 0; i < session->seen.count; i++)
      if (session->seen.items[i].pin == letter)
        cJSON_AddItemToArray(pins, pin_json(session, &session->seen.items[i]));
  if (!session->kept && cJSON_GetArraySize(pins)) session->kept = cJSON_CreateObject();
  cJSON_DeleteItemFromObjectCaseSensitive(session->kept, "pins");
  if (cJSON_GetArraySize(pins))
    cJSON_AddItemToObject(session->kept, "pins", pins);
  else
    cJSON_Delete(pins);
}

static bd_status read_pin(const bd_session *session, const cJSON *pin, bd_setting *settings,
                          bd_error *err) {
  const cJSON *entry;
  for (int i = 0; i < session->count; i++)
    settings[i] = bd_setting_default();
  cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(pin, "layers")) {
    const char *tensor = bd_json_string(entry, "tensor", NULL);
    int layer = tensor ? bd_model_find(session->model, tensor) : -1;
    if (layer >= 0) BD_TRY(bd_setting_from_json(entry, tensor, &settings[layer], err));
  }
  return BD_OK;
}

// A pin that cannot be read is said, and left out.
static void take(bd_session *session, const cJSON *pin, bd_setting *settings) {
  bd_error err;
  uint64_t id;
  const char *letter = bd_json_string(pin, "pin", "?");
  bd_status status = read_pin(session, pin, settings, &err);
  if (status == BD_OK)
    status = bd_seen_add(session, settings, *letter, bd_json_string(pin, "name", ""), &id, &err);
  if (status == BD_OK) return;
  char said[sizeof err.text + 64];
  snprintf(said, sizeof said, "pin %.8s of the config is left out: %s", letter, err.text);
  bd_session_say(session, said);
}

void bd_pins_fetch(bd_session *session) {
  const cJSON *pins = cJSON_GetObjectItemCaseSensitive(session->kept, "pins"), *pin;
  bd_setting *settings = calloc((size_t)session->count + 1, sizeof *settings);
  int taken = 0;
  cJSON_ArrayForEach(pin, pins) if (settings && taken++ < BD_PINS_MOST)
      take(session, pin, settings);
  free(settings);
  bd_jobs_dispatch(session);
}
