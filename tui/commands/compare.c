// Two configurations side by side, without a screen: what the compare panel shows.
#include "tui/commands/commands.h"

#include "core/base/json.h"
#include "core/session/live.h"
#include "core/session/seen.h"
#include "core/study/json.h"
#include "tui/commands/progress.h"
#include "viewers/compare.h"
#include "viewers/view.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN, OTHER, SIDES };

// --- as JSON -------------------------------------------------------------------------------------

static cJSON *measured_json(const bd_seen *seen) {
  if (!seen->measured) return cJSON_CreateNull();
  const bd_evaluation *e = &seen->figures;
  cJSON *object = cJSON_CreateObject();
  bd_json_number(object, "samples", (double)e->samples);
  bd_json_number(object, "top1", bd_mean_value(&e->quantized.top1));
  bd_json_number(object, "agreement", bd_mean_value(&e->agreement));
  bd_json_number(object, "kl", bd_mean_value(&e->kl));
  bd_json_number(object, "output_sqnr_db", bd_decibel(e->signal, e->noise));
  return object;
}

static cJSON *side_json(const bd_seen *seen, const char *config) {
  cJSON *object = cJSON_CreateObject();
  if (config)
    cJSON_AddStringToObject(object, "config", config);
  else
    cJSON_AddNullToObject(object, "config");
  cJSON_AddItemToObject(object, "total", bd_totals_json(&seen->totals));
  cJSON_AddItemToObject(object, "measured", measured_json(seen));
  return object;
}

static cJSON *layer_side_json(const bd_seen_layer *layer) {
  cJSON *object = cJSON_CreateObject();
  bd_setting_json(object, &layer->setting, NULL);
  bd_json_number(object, "sse", layer->sse);
  bd_json_number(object, "sqnr_db", layer->sqnr_db);
  bd_json_number(object, "bytes", layer->bytes);
  return object;
}

static cJSON *layers_json(const bd_session *session, const bd_seen *const sides[SIDES]) {
  cJSON *layers = cJSON_CreateArray();
  for (int i = 0; i < bd_session_count(session); i++) {
    if (bd_session_layer(session, i)->refused) continue;
    const bd_seen_layer *own = &sides[OWN]->layers[i], *other = &sides[OTHER]->layers[i];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "tensor", bd_model_layer(bd_session_model(session), i)->tensor);
    cJSON_AddBoolToObject(object, "differs", !bd_setting_equal(&own->setting, &other->setting));
    cJSON_AddItemToObject(object, "own", layer_side_json(own));
    cJSON_AddItemToObject(object, "other", layer_side_json(other));
    cJSON_AddItemToArray(layers, object);
  }
  return layers;
}

static bd_status print_json(const bd_options *options, const bd_session *session,
                            const bd_seen *const sides[SIDES], bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  bd_status status = bd_model_json(bd_session_model(session), root, err);
  cJSON_AddItemToObject(root, "own", side_json(sides[OWN], options->config));
  cJSON_AddItemToObject(root, "other", side_json(sides[OTHER], options->compare));
  cJSON_AddItemToObject(root, "layers", layers_json(session, sides));
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

// --- as text: the panel itself, as tall as it takes ----------------------------------------------

static bd_status print_text(const bd_options *options, bd_session *session, uint64_t other,
                            bd_error *err) {
  bool ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
  bd_desk desk = {.session = session, .layer = -1, .compare = other};
  int rows = bd_session_count(session) + 4;
  bd_canvas *canvas = bd_canvas_new(bd_output_columns(stdout), rows < 8 ? 8 : rows, ascii);
  bd_view *view = bd_compare_view.open();
  char *text = NULL;
  if (canvas && view) {
    bd_compare_view.draw(view, &desk, bd_area_whole(canvas), false);
    text = bd_canvas_text(canvas);
  }
  bd_compare_view.close(view);
  bd_canvas_free(canvas);
  if (!text) return bd_fail_memory(err, "the comparison");
  for (size_t end = strlen(text); end > 1 && text[end - 1] == '\n' && text[end - 2] == '\n'; end--)
    text[end - 1] = '\0';
  fputs(text, stdout);
  free(text);
  return BD_OK;
}

// --- the work ------------------------------------------------------------------------------------

// The network is run under what the session is at: it goes over to the other side and back.
static bd_status measure_other(bd_session *session, uint64_t id, bd_error *err) {
  int count = bd_session_count(session);
  const bd_seen *other = bd_session_seen(session, bd_session_seen_find(session, id));
  bd_dial *dials = calloc((size_t)count + 1, sizeof *dials);
  if (!dials) return bd_fail_memory(err, "the comparison");
  for (int i = 0; i < count; i++)
    dials[i].setting = other->layers[i].setting;
  int changed = bd_session_edit_all(session, dials, NULL, "compare");
  free(dials);
  bd_status status = bd_settle(session, err);
  if (changed) bd_session_undo(session);
  return status == BD_OK ? bd_settle(session, err) : status;
}

// Both sides stand as they are without a repair.
static void leave_repairs(const bd_options *options, bd_session *session, uint64_t id) {
  const bd_repair_plan none = {.how = BD_RECOVER_NONE};
  const bd_seen *other = bd_session_seen(session, bd_session_seen_find(session, id));
  bd_warn_unrepaired(options->config, bd_session_repair(session)->how);
  bd_warn_unrepaired(options->compare, other->recover);
  bd_session_set_repair(session, &none, "compare");
}

static bd_status compare(const bd_options *options, bd_session *session, bd_error *err) {
  uint64_t id;
  BD_TRY(bd_session_take_in(session, options->compare, &id, err));
  leave_repairs(options, session, id);
  if (options->data) BD_TRY(bd_options_go_live(options, session, err));
  BD_TRY(bd_settle(session, err));
  if (options->data) BD_TRY(measure_other(session, id, err));
  int own = bd_session_seen_now(session), other = bd_session_seen_find(session, id);
  if (own < 0 || other < 0)
    return bd_fail(err, BD_INVALID,
                   "the model has no layer that can be quantized: nothing to compare");
  const bd_seen *const sides[SIDES] = {bd_session_seen(session, own),
                                       bd_session_seen(session, other)};
  if (options->json)
    BD_TRY(print_json(options, session, sides, err));
  else
    BD_TRY(print_text(options, session, id, err));
  return bd_flush_output(err);
}

bd_status bd_command_compare(const bd_options *options, bd_error *err) {
  if (!options->compare)
    return bd_fail(err, BD_INVALID, "name the config to compare with: --compare FILE");
  bd_interrupt();
  bd_session *session;
  BD_TRY(bd_options_session(options, &session, err));
  bd_warn_newer(bd_session_model(session));
  bd_status status = compare(options, session, err);
  bd_session_free(session);
  return status;
}
