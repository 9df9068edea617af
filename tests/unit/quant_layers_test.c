// The certified optimum of every layer at hand against an exact divide and conquer: the sample, and
// the real networks beside the project where they are.
#include "core/model/model.h"
#include "tests/unit/naive_quant.h"

#include <glob.h>

// What is solved, and up to how many weights divide and conquer can afford it.
static const struct problem {
  size_t most;
  const char *setting;
} problems[] = {
    {SIZE_MAX, "method=kmeans,init=optimal,bits=2"},
    {SIZE_MAX, "method=kmeans,init=optimal,bits=3,prune=0.5"},
    {20000, "method=kmeans,init=optimal,bits=4,prune=0.8,zero=mask"},
    {20000, "method=kmeans,init=optimal,bits=4"},
    {10000, "method=kmeans,init=optimal,bits=6,prune=0.2"},
    {4000, "method=kmeans,init=optimal,bits=8"},
};

typedef struct layer_of {
  const char *file, *tensor;
  bd_weights weights;
  bd_index *index;
} layer_of;

static void check_optimum(const layer_of *one, const char *text) {
  bd_setting setting = naive_setting(text);
  size_t count = one->weights.count;
  bool *pruned = malloc(count * sizeof *pruned);
  double *values = malloc(count * sizeof *values);
  naive_prune(one->weights.data, count, setting.prune, pruned);
  size_t left = naive_survivors(one->weights.data, count, pruned, values);
  int k = (1 << setting.bits) - (setting.zero == BD_CODE && left < count);
  double expected = left > (size_t)k ? naive_large_optimum(values, left, k) : 0;
  bd_result *result = naive_run(one->index, &setting, BD_PROVED);
  bool right =
      near(result->sse_cluster, expected, 1e-9, 1e-15 * bd_index_stats(one->index)->energy);
  if (!right || !result->proved || !(result->optimum_ratio == 1))
    fail_msg("%s: %s: %s: %.17g, expected %.17g, proved %d", one->file, one->tensor, text,
             result->sse_cluster, expected, result->proved);
  bd_result_free(result);
  free(values);
  free(pruned);
}

static void check_layer(const bd_model *model, int number) {
  const bd_layer *layer = bd_model_layer(model, number);
  layer_of one = {.file = bd_model_about(model)->file, .tensor = layer->tensor};
  bd_error err;
  if (layer->refused || bd_model_weights(model, number, &one.weights, &err) != BD_OK) return;
  if (one.weights.count > 0) {
    one.index = naive_index(one.weights.data, one.weights.count);
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
      if (one.weights.count <= problems[i].most) check_optimum(&one, problems[i].setting);
    bd_index_free(one.index);
  }
  bd_weights_free(&one.weights);
}

static void check_model(const char *path) {
  bd_model *model;
  bd_error err = {""};
  if (bd_model_open(path, &model, &err) != BD_OK) fail_msg("%s", err.text);
  for (int i = 0; i < bd_model_layer_count(model); i++)
    check_layer(model, i);
  bd_model_close(model);
}

static void layers_of_the_sample(void **state) {
  (void)state;
  check_model("samples/fashion.onnx");
}

static void layers_of_real_networks(void **state) {
  (void)state;
  glob_t found;
  if (glob("../shared/models/*.onnx", 0, NULL, &found)) skip();
  for (size_t i = 0; i < found.gl_pathc; i++)
    check_model(found.gl_pathv[i]);
  globfree(&found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layers_of_the_sample),
      cmocka_unit_test(layers_of_real_networks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
