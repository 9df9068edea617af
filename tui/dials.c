#include "tui/dials.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// An edit in the making.
typedef struct draft {
  int *layers;
  bd_dial *dials;
  int count;
} draft;

static bool is_marked(const bd_desk *desk) {
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    if (desk->marks[i]) return true;
  }
  return false;
}

int bd_dials_layers(const bd_desk *desk, int *layers) {
  int count = 0;
  bool marked = is_marked(desk);
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    bool wanted = marked ? desk->marks[i] : i == desk->layer;
    if (wanted && !bd_session_layer(desk->session, i)->refused) layers[count++] = i;
  }
  return count;
}

static char *name_layer(const bd_desk *desk, int layer, char *out, size_t size) {
  return bd_text_escape(out, size, bd_model_layer(bd_session_model(desk->session), layer)->tensor);
}

char *bd_dials_names(const bd_desk *desk, char *out, size_t size) {
  int marked = 0, last = desk->layer;
  for (int i = 0; i < bd_session_count(desk->session); i++) {
    if (!desk->marks[i]) continue;
    marked++;
    last = i;
  }
  if (marked > 1) {
    snprintf(out, size, "%d layers", marked);
    return out;
  }
  if (last >= 0) return name_layer(desk, last, out, size);
  snprintf(out, size, "no layer");
  return out;
}

static void edit_free(draft *edit) {
  free(edit->layers);
  free(edit->dials);
}

static bd_status fail_no_layer(const bd_desk *desk, bd_error *err) {
  if (desk->layer < 0) return bd_fail(err, BD_INVALID, "this model has no layer to set");
  const char *why = bd_session_layer(desk->session, desk->layer)->refused;
  char name[256];
  return bd_fail(err, BD_INVALID, "%s cannot be quantized: %s",
                 bd_dials_names(desk, name, sizeof name), why ? why : "refused");
}

// The dials of the layers to edit, as they are. Release with edit_free in every case.
static bd_status edit_begin(const bd_desk *desk, draft *out, bd_error *err) {
  size_t room = (size_t)bd_session_count(desk->session) + 1;
  *out = (draft){malloc(room * sizeof *out->layers), malloc(room * sizeof *out->dials), 0};
  if (!out->layers || !out->dials) return bd_fail_memory(err, "an edit");
  out->count = bd_dials_layers(desk, out->layers);
  for (int i = 0; i < out->count; i++) {
    out->dials[i] = bd_session_layer(desk->session, out->layers[i])->dial;
  }
  return out->count > 0 ? BD_OK : fail_no_layer(desk, err);
}

// What the target of the network cannot hold of the new setting.
static void warn_target(bd_desk *desk, const draft *edit) {
  char why[160];
  for (int i = 0; desk->target && i < edit->count; i++)
    if (bd_format_warns(desk->target, desk->target_version, &edit->dials[i].setting, why,
                        sizeof why)) {
      bd_desk_say(desk, "%s", why);
      return;
    }
}

// Hands the edit to the session. what: "bits" or the like; value: what it is now, or NULL.
static void edit_end(bd_desk *desk, const draft *edit, const char *what, const char *value) {
  char names[256], step[512];
  bd_dials_names(desk, names, sizeof names);
  snprintf(step, sizeof step, "%s of %s%s%s", what, names, value ? ": " : "", value ? value : "");
  int changed = bd_session_edit(desk->session, edit->layers, edit->dials, edit->count, step);
  if (changed == 0) bd_desk_say(desk, "%s (as it was)", step);
  if (changed > 1) bd_desk_say(desk, "%s", step);
  if (changed > 0) warn_target(desk, edit);
}

static bd_status set_all(draft *edit, int field, const char *text, bd_error *err) {
  for (int i = 0; i < edit->count; i++) {
    BD_TRY(bd_setting_set(&edit->dials[i].setting, field, text, err));
  }
  return BD_OK;
}

bd_status bd_dials_set(bd_desk *desk, int field, const char *text, bd_error *err) {
  draft edit;
  char value[64];
  bd_status status = edit_begin(desk, &edit, err);
  if (status == BD_OK) status = set_all(&edit, field, text, err);
  if (status == BD_OK) {
    bd_setting_get(&edit.dials[0].setting, field, value, sizeof value);
    edit_end(desk, &edit, bd_setting_field(field)->name, value);
  }
  edit_free(&edit);
  return status;
}

// The layer whose choice the others follow: the one in hand where it is edited, else the first.
static int leader(const bd_desk *desk, const draft *edit) {
  for (int i = 0; i < edit->count; i++) {
    if (edit->layers[i] == desk->layer) return i;
  }
  return 0;
}

static void step_all(const bd_desk *desk, draft *edit, int field, int steps) {
  char value[64];
  bd_setting *first = &edit->dials[leader(desk, edit)].setting;
  bool choices = bd_setting_field(field)->choices != NULL;
  if (choices) {
    bd_setting_step(first, field, steps);
    bd_setting_get(first, field, value, sizeof value);
  }
  for (int i = 0; i < edit->count; i++) {
    if (choices) {
      bd_setting_set(&edit->dials[i].setting, field, value, NULL);
    } else {
      bd_setting_step(&edit->dials[i].setting, field, steps);
    }
  }
}

bd_status bd_dials_step(bd_desk *desk, int field, int steps, bd_error *err) {
  draft edit;
  char value[64];
  bd_status status = edit_begin(desk, &edit, err);
  if (status == BD_OK) {
    step_all(desk, &edit, field, steps);
    bd_setting_get(&edit.dials[leader(desk, &edit)].setting, field, value, sizeof value);
    bool same = edit.count == 1 || bd_setting_field(field)->choices;
    edit_end(desk, &edit, bd_setting_field(field)->name, same ? value : NULL);
  }
  edit_free(&edit);
  return status;
}

// Copies the flagged fields; both settings are valid, so that no field is refused.
static void copy_fields(bd_setting *to, const bd_setting *from, const bool fields[BD_FIELD_COUNT]) {
  char value[64];
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    if (fields[field]) {
      bd_setting_set(to, field, bd_setting_get(from, field, value, sizeof value), NULL);
    }
  }
}

bd_status bd_dials_apply(bd_desk *desk, const bd_dial *values, const bool fields[BD_FIELD_COUNT],
                         bool lock, bd_error *err) {
  draft edit;
  bd_status status = edit_begin(desk, &edit, err);
  if (status == BD_OK) {
    for (int i = 0; i < edit.count; i++) {
      copy_fields(&edit.dials[i].setting, &values->setting, fields);
      if (lock) edit.dials[i].locked = values->locked;
    }
    edit_end(desk, &edit, "settings", NULL);
  }
  edit_free(&edit);
  return status;
}

bd_status bd_dials_lock(bd_desk *desk, bd_error *err) {
  draft edit;
  bd_status status = edit_begin(desk, &edit, err);
  if (status == BD_OK) {
    bool locked = !edit.dials[0].locked;
    for (int i = 0; i < edit.count; i++)
      edit.dials[i].locked = locked;
    edit_end(desk, &edit, "lock", locked ? "on" : "off");
  }
  edit_free(&edit);
  return status;
}
