#include "tui/commands/commands.h"

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/study/json.h"
#include "core/study/survey.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// A dynamic dimension is its name; without a name, null.
static cJSON *port_json(const bd_port *port) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "name", port->name);
  cJSON_AddStringToObject(object, "type", port->type);
  if (port->rank < 0) {
    cJSON_AddNullToObject(object, "shape");
    return object;
  }
  cJSON *shape = cJSON_AddArrayToObject(object, "shape");
  for (int i = 0; i < port->rank; i++) {
    const char *name = port->names[i];
    if (port->dims[i] >= 0)
      cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)port->dims[i]));
    else
      cJSON_AddItemToArray(shape, name && *name ? cJSON_CreateString(name) : cJSON_CreateNull());
  }
  return object;
}

static void add_ports(cJSON *root, const char *key, const bd_port *ports, int count) {
  cJSON *list = cJSON_AddArrayToObject(root, key);
  for (int i = 0; i < count; i++)
    cJSON_AddItemToArray(list, port_json(&ports[i]));
}

static void add_stats(cJSON *object, const bd_index *index) {
  static const bd_stats unknown = {.min = NAN, .max = NAN, .mean = NAN, .deviation = NAN};
  const bd_stats *stats = index ? bd_index_stats(index) : &unknown;
  bd_json_number(object, "min", stats->min);
  bd_json_number(object, "max", stats->max);
  bd_json_number(object, "mean", stats->mean);
  bd_json_number(object, "std", stats->deviation);
  bd_json_number(object, "zeros", index ? (double)stats->zeros : NAN);
}

static cJSON *layer_json(const bd_work *work, const bd_survey *survey, int i) {
  const bd_layer *layer = bd_model_layer(work->model, i);
  cJSON *object = cJSON_CreateObject();
  cJSON_AddNumberToObject(object, "index", i);
  cJSON_AddStringToObject(object, "tensor", layer->tensor);
  cJSON_AddStringToObject(object, "node", layer->node);
  cJSON_AddStringToObject(object, "op", layer->op);
  cJSON *shape = cJSON_AddArrayToObject(object, "shape");
  for (int d = 0; d < layer->rank; d++)
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)layer->shape[d]));
  cJSON_AddNumberToObject(object, "weights", (double)layer->weights);
  cJSON_AddStringToObject(object, "type", bd_dtype_name(layer->type));
  add_stats(object, work->studies[i].index);
  bd_json_number(object, "macs", survey->macs[i]);
  cJSON *users = cJSON_AddArrayToObject(object, "users");
  for (int u = 0; u < layer->user_count; u++)
    cJSON_AddItemToArray(users, cJSON_CreateString(layer->users[u]));
  if (work->studies[i].refused)
    cJSON_AddStringToObject(object, "refused", work->studies[i].refused);
  else
    cJSON_AddNullToObject(object, "refused");
  return object;
}

static bd_status print_json(const bd_work *work, const bd_survey *survey, bd_error *err) {
  const bd_model_info *about = bd_model_about(work->model);
  cJSON *root = cJSON_CreateObject();
  bd_status status = bd_model_json(work->model, root, err);
  add_ports(root, "inputs", about->inputs, about->input_count);
  add_ports(root, "outputs", about->outputs, about->output_count);
  cJSON *layers = cJSON_AddArrayToObject(root, "layers");
  for (int i = 0; i < bd_model_layer_count(work->model); i++)
    cJSON_AddItemToArray(layers, layer_json(work, survey, i));
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

static void shape_text(const bd_layer *layer, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int d = 0; d < layer->rank && used < size; d++)
    used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, d ? "x" : "", layer->shape[d]);
}

static int name_width(const bd_model *model) {
  size_t widest = 20;
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    char name[512];
    size_t length = strlen(bd_text_escape(name, sizeof name, bd_model_layer(model, i)->tensor));
    if (length > widest) widest = length;
  }
  return (int)widest;
}

static const char *macs_text(double macs, char *out, size_t size) {
  return macs < 1e18 ? bd_text_count(out, size, (int64_t)macs) : "-"; // NaN: not known
}

// Multiply–accumulates of all layers, and of how many they are not known.
static void print_total(const bd_survey *survey, int layers) {
  char count[32], why[1024];
  int known;
  double total = bd_survey_total(survey, layers, &known);
  if (known) printf("%s multiply-accumulates a run", macs_text(total, count, sizeof count));
  if (known && known < layers)
    printf(", without %d layers where they are not known", layers - known);
  if (!known && layers)
    printf("multiply-accumulates are not known: %s",
           *survey->why.text ? bd_text_escape(why, sizeof why, survey->why.text)
                             : "the run finds the shapes");
  if (layers) putchar('\n');
}

// Numbered from 1, as in the explorer.
static void print_table(const bd_work *work, const bd_survey *survey) {
  int width = name_width(work->model);
  printf("%5s  %-*s  %-14s %-18s %12s %16s %10s %10s %10s\n", "#", width, "tensor", "op", "shape",
         "weights", "MACs", "min", "max", "std");
  for (int i = 0; i < bd_model_layer_count(work->model); i++) {
    const bd_layer *layer = bd_model_layer(work->model, i);
    const bd_layer_study *study = &work->studies[i];
    char name[512], shape[96], count[32], macs[32];
    bd_text_escape(name, sizeof name, layer->tensor);
    shape_text(layer, shape, sizeof shape);
    printf("%5d  %-*s  %-14s %-18s %12s %16s ", i + 1, width, name, layer->op, shape,
           bd_text_count(count, sizeof count, layer->weights),
           macs_text(survey->macs[i], macs, sizeof macs));
    if (study->index) {
      const bd_stats *s = bd_index_stats(study->index);
      printf("%10.4g %10.4g %10.4g\n", s->min, s->max, s->deviation);
    } else {
      printf("refused: %s\n", study->refused);
    }
  }
  print_total(survey, bd_model_layer_count(work->model));
}

bd_status bd_command_layers(const bd_options *options, bd_error *err) {
  bd_work work;
  bd_survey *survey = NULL;
  BD_TRY(bd_work_open(options, false, &work, err));
  bd_status status = bd_survey_new(work.model, NULL, &survey, err);
  if (status == BD_OK && options->json) status = print_json(&work, survey, err);
  if (status == BD_OK && !options->json) print_table(&work, survey);
  if (status == BD_OK) status = bd_flush_output(err);
  if (status == BD_OK) bd_warn_refused(&work, "cannot be quantized: ", "");
  bd_survey_free(survey);
  bd_work_close(&work);
  return status;
}
