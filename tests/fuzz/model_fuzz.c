// The model reader: layers, weights, hashes, the index, writing it again.
#include "tests/fuzz/target.h"

#include "core/model/model.h"
#include "core/model/neighbours.h"
#include "core/quant/quantize.h"
#include "core/study/study.h"
#include "core/study/survey.h"

#include <stdlib.h>
#include <string.h>

enum { WEIGHTS_MOST = 1 << 16 }; // quantizing larger layers finds nothing more

static void quantize(const bd_model *model, int layer) {
  bd_index *index;
  bd_error err = {""};
  bd_status status = bd_study_index(model, layer, NULL, &index, &err);
  if (status != BD_OK) {
    fuzz_check_line(err.text);
    return;
  }
  bd_setting setting = bd_setting_default();
  setting.bits = 3;
  bd_result *result;
  if (bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err) == BD_OK) bd_result_free(result);
  bd_index_free(index);
}

static void look_at(const bd_model *model, int layer) {
  const bd_layer *about = bd_model_layer(model, layer);
  char hash[65];
  bd_weights weights;
  bd_error err = {""};
  bd_status status = bd_model_layer_sha256(model, layer, hash, &err);
  if (about->refused && status == BD_OK) abort();
  if (status != BD_OK) fuzz_check_line(err.text);
  if (bd_model_weights(model, layer, &weights, &err) == BD_OK) {
    if ((int64_t)weights.count != about->weights) abort();
    bd_weights_free(&weights);
  }
  if (!about->refused && about->weights <= WEIGHTS_MOST) quantize(model, layer);
  if (bd_model_find(model, about->tensor) != layer) abort();
}

static void survey(const bd_model *model) {
  bd_survey *survey;
  bd_error err = {""};
  char shape[64];
  int picked[16], known;
  if (bd_survey_new(model, NULL, &survey, &err) != BD_OK) {
    fuzz_check_line(err.text);
    return;
  }
  if (*survey->why.text) fuzz_check_line(survey->why.text);
  bd_survey_total(survey, bd_model_layer_count(model), &known);
  for (int i = 0; i < survey->graph->value_count; i++)
    bd_survey_shape(survey, i, shape, sizeof shape);
  for (int i = 0; i < survey->graph->node_count; i++)
    bd_neighbours(survey->graph, i, 16, picked);
  bd_survey_free(survey);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bd_model *model;
  bd_error err = {""};
  if (bd_model_open(fuzz_file(data, size), &model, &err) != BD_OK) {
    fuzz_check_line(err.text);
    return 0;
  }
  for (int i = 0; i < bd_model_layer_count(model); i++)
    look_at(model, i);
  bd_model_nearest(model, "conv1.weight");
  survey(model);
  if (bd_model_save(model, NULL, 0, "/dev/null", &err) != BD_OK) fuzz_check_line(err.text);
  if (bd_model_check(model, &err) != BD_OK) fuzz_check_line(err.text);
  bd_model_close(model);
  return 0;
}
