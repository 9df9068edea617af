// From the command line to one dial a layer.
#include "tui/commands/commands.h"

#include "core/study/importance.h"
#include "core/study/lamp.h"
#include "tui/commands/progress.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bd_status apply_fields(const bd_options *options, bd_setting *setting, bd_error *err) {
  for (int field = 0; field < BD_FIELD_COUNT; field++)
    if (options->fields[field]) BD_TRY(bd_setting_set(setting, field, options->fields[field], err));
  return BD_OK;
}

// The colon that ends the GLOB: the last one before the first '='.
static const char *glob_end(const char *text) {
  const char *equals = strchr(text, '=');
  if (!equals) return NULL;
  const char *colon = NULL;
  for (const char *at = text; at < equals; at++)
    if (*at == ':') colon = at;
  return colon;
}

static bool matches(const char *glob, const char *tensor) {
  return strcmp(glob, tensor) == 0 || fnmatch(glob, tensor, 0) == 0;
}

static bd_status no_match(const char *glob, const bd_model *model, int refused, bd_error *err) {
  if (refused)
    return bd_fail(err, BD_INVALID, "--layer %s: matches only layers that cannot be quantized (%s)",
                   glob, bd_model_layer(model, bd_model_nearest(model, glob))->refused);
  int nearest = bd_model_nearest(model, glob);
  if (nearest < 0) return bd_fail(err, BD_INVALID, "--layer %s: the model has no layers", glob);
  return bd_fail(err, BD_INVALID,
                 "--layer %s: matches no layer, the nearest is %s: `bitdial layers` lists all",
                 glob, bd_model_layer(model, nearest)->tensor);
}

// The field is among those that are set.
static bool sets(const char *fields, const char *field) {
  for (const char *at = fields; (at = strstr(at, field)); at++)
    if ((at == fields || at[-1] == ',') && at[strlen(field)] == '=') return true;
  return false;
}

// held: layers whose prune ratio is their own.
static bd_status apply_glob(const bd_options *options, const char *glob, const char *fields,
                            const bd_model *model, bd_dial *dials, bool *held, bd_error *err) {
  int hits = 0, refused = 0;
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    const bd_layer *layer = bd_model_layer(model, i);
    if (!matches(glob, layer->tensor)) continue;
    refused += layer->refused != NULL;
    hits += layer->refused == NULL;
    bd_error why;
    if (bd_setting_parse(&dials[i].setting, fields, &why) != BD_OK)
      return bd_fail(err, BD_INVALID, "--layer %s: %s", glob, why.text);
    // Where bits are spent, those that are named for a layer are not up for change.
    if (options->command->run == bd_command_tune && sets(fields, "bits")) dials[i].locked = true;
    held[i] = held[i] || sets(fields, "prune");
  }
  return hits ? BD_OK : no_match(glob, model, refused, err);
}

static bd_status apply_layer(const bd_options *options, const char *text, const bd_model *model,
                             bd_dial *dials, bool *held, bd_error *err) {
  const char *colon = glob_end(text);
  if (!colon || colon == text)
    return bd_fail(err, BD_INVALID,
                   "--layer %s: is written GLOB:field=value,… as in 'conv*:bits=3'", text);
  char *glob = strndup(text, (size_t)(colon - text));
  if (!glob) return bd_fail_memory(err, "--layer");
  bd_status status = apply_glob(options, glob, colon + 1, model, dials, held, err);
  free(glob);
  return status;
}

// --force-match: what was taken and what was dropped stands on standard error.
static bd_status adopt(const bd_options *options, const bd_model *model, bd_given *given,
                       bd_error *err) {
  char *said;
  if (!options->config)
    return bd_fail(err, BD_INVALID, "--force-match: needs a config: give --config FILE");
  BD_TRY(bd_config_adopt(options->config, model, given->dials, &given->plan, &given->kept, &said,
                         err));
  for (char *rest = said, *line; (line = strsep(&rest, "\n")) && *line;)
    fprintf(stderr, "bitdial: %s: %s\n", options->config, line);
  free(said);
  return BD_OK;
}

static bd_status apply_config(const bd_options *options, const bd_model *model, bd_given *given,
                              bd_error *err) {
  if (options->force_match) return adopt(options, model, given, err);
  if (!options->config) return BD_OK;
  return bd_config_read(options->config, model, given->dials, &given->plan, &given->kept, err);
}

static bd_status spread(double overall, const bd_layer_study *studies, int count, const bool *held,
                        bd_dial *dials, bd_error *err) {
  bd_lamp_layer *layers = calloc((size_t)count + 1, sizeof *layers);
  if (!layers) return bd_fail_memory(err, "the settings");
  for (int i = 0; i < count; i++)
    layers[i] = (bd_lamp_layer){studies[i].index, held[i], dials[i].setting.prune};
  bd_error why;
  bd_status status = bd_lamp(layers, count, overall, &why);
  for (int i = 0; i < count && status == BD_OK; i++)
    dials[i].setting.prune = layers[i].prune;
  free(layers);
  return status == BD_OK ? BD_OK : bd_fail(err, status, "--prune-overall: %s", why.text);
}

// --prune-overall: over the layers whose ratio is not held.
static bd_status prune_overall(const bd_options *options, const bd_model *model, const bool *held,
                               bd_dial *dials, bd_error *err) {
  bd_pool *pool;
  bd_layer_study *studies;
  bd_setting asked = bd_setting_default();
  if (!options->prune_overall) return BD_OK;
  if (bd_setting_set(&asked, BD_FIELD_PRUNE, options->prune_overall, NULL) != BD_OK)
    return bd_fail(err, BD_INVALID, "--prune-overall %s: takes a ratio from 0 to 1: 0.8 or 80%%",
                   options->prune_overall);
  if (options->fields[BD_FIELD_PRUNE])
    return bd_fail(err, BD_INVALID, "--prune and --prune-overall: give one of them");
  BD_TRY(bd_pool_new(options->threads, &pool, err));
  bd_status status =
      bd_study_all(model, NULL, BD_QUICK, pool, bd_interrupt(), NULL, NULL, &studies, err);
  bd_pool_free(pool);
  BD_TRY(status);
  int count = bd_model_layer_count(model);
  status = spread(asked.prune, studies, count, held, dials, err);
  bd_study_free(studies, count);
  return status;
}

static bd_status apply_all(const bd_options *options, const bd_model *model, bd_given *given,
                           bool *held, bd_error *err) {
  int count = bd_model_layer_count(model);
  for (int i = 0; i < count; i++)
    given->dials[i] = (bd_dial){bd_setting_default(), false};
  BD_TRY(apply_config(options, model, given, err));
  if (options->repairs) given->plan.how = options->recover;
  bool later = options->command->run == bd_command_explore; // R asks for the repair
  if (options->calibration && given->plan.how == BD_RECOVER_NONE && !later)
    return bd_fail(err, BD_INVALID, "--calibration: is for --recover match or reconstruct");
  for (int i = 0; i < count; i++) {
    held[i] = given->dials[i].locked;
    BD_TRY(apply_fields(options, &given->dials[i].setting, err));
  }
  for (int i = 0; i < options->layer_count; i++)
    BD_TRY(apply_layer(options, options->layers[i], model, given->dials, held, err));
  return prune_overall(options, model, held, given->dials, err);
}

// Small groups take memory of their own.
static bd_status fits(const bd_model *model, const bd_dial *dials, bd_error *err) {
  int count = bd_model_layer_count(model);
  bd_setting *settings = calloc((size_t)count + 1, sizeof *settings);
  if (!settings) return bd_fail_memory(err, "the settings");
  for (int i = 0; i < count; i++)
    settings[i] = dials[i].setting;
  bd_status status = bd_study_fits(model, settings, err);
  free(settings);
  return status;
}

bd_status bd_options_given(const bd_options *options, const bd_model *model, bd_given *out,
                           bd_error *err) {
  *out = (bd_given){calloc((size_t)bd_model_layer_count(model) + 1, sizeof *out->dials),
                    {.how = BD_RECOVER_NONE},
                    NULL};
  bool *held = calloc((size_t)bd_model_layer_count(model) + 1, sizeof *held);
  bd_status status = out->dials && held ? apply_all(options, model, out, held, err)
                                        : bd_fail_memory(err, "the settings");
  free(held);
  if (status == BD_OK) status = fits(model, out->dials, err);
  if (status != BD_OK) bd_given_free(out);
  return status;
}

void bd_given_free(bd_given *given) {
  free(given->dials);
  bd_repair_plan_free(&given->plan);
  cJSON_Delete(given->kept);
  *given = (bd_given){.dials = NULL};
}

// The sample stands beside the program: in the source tree, or where it was installed.
bd_status bd_options_sample(const char *file, char *out, size_t size, bd_error *err) {
  static const char *const places[] = {"../samples", "../../samples", "../share/bitdial/samples"};
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length > 0) self[length] = '\0';
  char *slash = length > 0 ? strrchr(self, '/') : NULL;
  if (slash) *slash = '\0';
  for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
    int used = snprintf(out, size, "%s/%s/%s", self, places[i], file);
    if ((size_t)used < size && access(out, R_OK) == 0) return BD_OK;
  }
  return bd_fail(err, BD_INVALID,
                 "no sample beside the program: name a model, `bitdial MODEL.onnx`");
}

bd_status bd_options_model(const bd_options *options, bd_model **model, bd_error *err) {
  char path[PATH_MAX];
  *model = NULL;
  if (!options->model) BD_TRY(bd_options_sample("fashion.onnx", path, sizeof path, err));
  BD_TRY(bd_model_open(options->model ? options->model : path, model, err));
  bd_status status =
      options->importance ? bd_importance_load(*model, options->importance, err) : BD_OK;
  if (status == BD_OK) status = bd_study_fits(*model, NULL, err);
  if (status == BD_OK) return BD_OK;
  bd_model_close(*model);
  *model = NULL;
  return status;
}

static bd_status start_session(const bd_options *options, bd_model *model, bd_given *given,
                               bd_session **session, bd_error *err) {
  BD_TRY(bd_session_new(model, given->dials, options->config, options->threads, session, err));
  if (given->kept) bd_session_keep(*session, given->kept);
  given->kept = NULL;
  bd_status status = bd_session_start_repair(*session, &given->plan, err);
  if (status != BD_OK) bd_session_free(*session);
  return status;
}

bd_status bd_options_session(const bd_options *options, bd_session **session, bd_error *err) {
  bd_model *model;
  bd_given given;
  BD_TRY(bd_options_model(options, &model, err));
  bd_status status = bd_options_given(options, model, &given, err);
  if (status != BD_OK) {
    bd_model_close(model);
    return status;
  }
  status = start_session(options, model, &given, session, err);
  bd_given_free(&given);
  return status;
}
