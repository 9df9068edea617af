#include "core/study/survey.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_type type_named(const char *name) {
  for (int type = BD_TYPE_FLOAT; type <= BD_TYPE_BFLOAT16; type++)
    if (bd_type_size((bd_type)type) && strcmp(bd_type_name((bd_type)type), name) == 0)
      return (bd_type)type;
  return BD_TYPE_NONE;
}

// The shape that an input declares, for a batch of one; false where it is not fixed.
static bool declared(const bd_port *port, bd_tensor *out) {
  int64_t dims[BD_DIMS_MAX];
  if (port->rank < 0 || port->rank > BD_DIMS_MAX) return false;
  for (int i = 0; i < port->rank; i++) {
    dims[i] = i == 0 && port->dims[i] < 0 ? 1 : port->dims[i];
    if (dims[i] < 0) return false;
  }
  bd_type type = type_named(port->type);
  return type != BD_TYPE_NONE && bd_tensor_shape(out, type, port->rank, dims);
}

static bd_status compile(const bd_model *model, bd_engine **out, bd_error *err) {
  const bd_model_info *info = bd_model_about(model);
  bd_engine_options shapes = {.shapes = true};
  bd_tensor *inputs = calloc((size_t)info->input_count + 1, sizeof *inputs);
  bd_status status = inputs ? BD_OK : bd_fail_memory(err, "the shapes");
  for (int i = 0; i < info->input_count && status == BD_OK; i++)
    if (!declared(&info->inputs[i], &inputs[i]))
      status = bd_fail(err, BD_INVALID, "input %s: its shape is not fixed in the file",
                       info->inputs[i].name);
  if (status == BD_OK) status = bd_engine_compile(model, inputs, &shapes, out, err);
  free(inputs);
  return status;
}

static bool reserve(bd_survey *survey, const bd_model *model) {
  int layers = bd_model_layer_count(model);
  survey->shapes = calloc((size_t)survey->graph->value_count + 1, sizeof *survey->shapes);
  survey->macs = malloc(((size_t)layers + 1) * sizeof *survey->macs);
  for (int i = 0; survey->macs && i < layers; i++)
    survey->macs[i] = NAN;
  return survey->shapes && survey->macs;
}

static bd_status fill(bd_survey *survey, const bd_model *model, const bd_engine *engine,
                      bd_error *err) {
  bd_engine *own = NULL;
  BD_TRY(bd_graph_new(model, &survey->graph, err));
  if (!reserve(survey, model)) return bd_fail_memory(err, "the shapes");
  if (!engine) {
    bd_status status = compile(model, &own, &survey->why);
    if (status == BD_FAILED) *err = survey->why;
    if (status == BD_FAILED) return status;
    if (status == BD_OK) survey->why.text[0] = '\0';
    engine = own;
  }
  bool done = !engine || (bd_engine_shapes(engine, survey->graph, survey->shapes) &&
                          bd_engine_macs(engine, survey->macs));
  bd_engine_free(own);
  return done ? BD_OK : bd_fail_memory(err, "the shapes");
}

bd_status bd_survey_new(const bd_model *model, const bd_engine *engine, bd_survey **out,
                        bd_error *err) {
  *out = NULL;
  bd_survey *survey = calloc(1, sizeof *survey);
  if (!survey) return bd_fail_memory(err, "the shapes");
  bd_status status = fill(survey, model, engine, err);
  if (status == BD_OK)
    *out = survey;
  else
    bd_survey_free(survey);
  return status;
}

void bd_survey_free(bd_survey *survey) {
  if (!survey) return;
  bd_graph_free(survey->graph);
  free(survey->shapes);
  free(survey->macs);
  free(survey);
}

double bd_survey_total(const bd_survey *survey, int layers, int *known) {
  double sum = 0;
  *known = 0;
  for (int i = 0; i < layers; i++) {
    if (isnan(survey->macs[i])) continue;
    sum += survey->macs[i];
    ++*known;
  }
  return sum;
}

// A dimension as text, after `used` characters.
static size_t add_dimension(char *out, size_t size, size_t used, int64_t dim, const char *name) {
  const char *times = used ? "×" : "";
  char safe[64];
  bd_text_escape(safe, sizeof safe, name && *name ? name : "?");
  int added = dim >= 0 ? snprintf(out + used, size - used, "%s%" PRId64, times, dim)
                       : snprintf(out + used, size - used, "%s%s", times, safe);
  return used + (size_t)added;
}

char *bd_survey_shape(const bd_survey *survey, int value, char *out, size_t size) {
  const bd_tensor *known = &survey->shapes[value];
  const bd_port *said = &survey->graph->values[value].said;
  bool sure = known->type != BD_TYPE_NONE;
  int rank = sure ? known->rank : said->rank;
  size_t used = 0;
  snprintf(out, size, "%s", rank == 0 ? "scalar" : "");
  for (int i = 0; i < rank && used < size; i++)
    used = sure
               ? add_dimension(out, size, used, known->dims[i], NULL)
               : add_dimension(out, size, used, said->dims[i], said->names ? said->names[i] : NULL);
  return out;
}
