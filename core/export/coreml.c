// A template for coremltools' palettizer (optimize/coreml/_config.py). Its mode `unique` packs the
// distinct values of a tensor as they are; operations are named otherwise there than in ONNX.
#include "core/export/job.h"

#include <ctype.h>
#include <string.h>

static char letter_of(char letter) {
  return isalnum((unsigned char)letter) ? letter : '_';
}

// What the converter usually makes of an ONNX name.
static void put_name(bd_page *page, const char *name) {
  if (isdigit((unsigned char)*name) || !*name) bd_page_put(page, "_");
  for (; *name; name++)
    bd_page_put(page, "%c", letter_of(*name));
}

static bool looks_same(const char *a, const char *b) {
  while (*a && letter_of(*a) == letter_of(*b)) {
    a++;
    b++;
  }
  return !*a && !*b;
}

// Would an earlier layer have the same key?
static bool is_taken(const bd_model *model, int layer) {
  for (int i = 0; i < layer; i++)
    if (looks_same(bd_model_layer(model, i)->tensor, bd_model_layer(model, layer)->tensor))
      return true;
  return false;
}

static void put_quoted(bd_page *page, const char *text) {
  cJSON *string = cJSON_CreateString(text);
  bd_page_json_line(page, string);
  cJSON_Delete(string);
}

static void put_layer(bd_page *page, const bd_export_plan *plan, int number) {
  const bd_layer *layer = bd_model_layer(plan->tuned->model, number);
  int width = plan->fits[number].width;
  bool palette = plan->tuned->layers[number].coded && width < BD_BITS_FLOAT;
  bd_page_put(page, "  # ");
  put_quoted(page, layer->tensor);
  if (palette)
    bd_page_put(page, ": %d bits\n  ", width);
  else
    bd_page_put(page, ": stays float\n  ");
  if (is_taken(plan->tuned->model, number)) bd_page_put(page, "# the name of another, too: ");
  put_name(page, layer->tensor);
  bd_page_put(page, ": %s\n", palette ? "{mode: unique, weight_threshold: 0}" : "null");
}

static void put_file(bd_page *page, const bd_export_plan *plan) {
  bd_page_put(page,
              "# For coremltools.optimize.coreml.OptimizationConfig.from_yaml, on a Core ML model\n"
              "# converted from the network of `bitdial export --format fake`.\n"
              "# A template: Core ML names operations in its own way. Rename the keys below to\n"
              "# those of the converted model; without them the global line takes every layer.\n"
              "config_type: OpPalettizerConfig\n"
              "global_config: {mode: unique, weight_threshold: 0}\n");
  if (plan->tuned->count) bd_page_put(page, "op_name_configs:\n");
  for (int i = 0; i < plan->tuned->count; i++)
    put_layer(page, plan, i);
}

bd_status bd_export_coreml(bd_export *job, bd_error *err) {
  bd_page page = {0};
  put_file(&page, job->plan);
  return bd_export_page(job, &page, NULL, err);
}
