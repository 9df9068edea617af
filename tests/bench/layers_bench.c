// The quantizer on every layer at hand, the sample's and those of the networks beside the project:
// at 1–8 bits and three prune ratios, the time of all turns and all proofs (milliseconds of this
// thread), how far `pso` and `optimal` are from the proved optimum at worst, and what is not
// proved.
#define NAIVE_FAIL(...) (fprintf(stderr, __VA_ARGS__), exit(1))
#include "core/model/model.h"
#include "tests/bench/cpu_clock.h"
#include "tests/unit/naive_quant.h"

#include <glob.h>

enum { PRUNES = 3 };
static const double prunes[PRUNES] = {0, 0.5, 0.8};

// Sums over the layers of a model at one bit width and ratio.
typedef struct row {
  double turn, proof, pso, optimal;
  int unproved;
} row;

typedef struct table {
  row rows[PRUNES][BD_BITS_MAX + 1];
  int layers;
  size_t weights;
} table;

static void measure(const bd_index *index, bd_setting setting, row *out) {
  double start = cpu_ms();
  bd_result *quick = naive_run(index, &setting, BD_QUICK);
  out->turn += cpu_ms() - start;
  bd_result *swarm = naive_run(index, &setting, BD_PROVED);
  setting.init = BD_OPTIMAL;
  start = cpu_ms();
  bd_result *optimal = naive_run(index, &setting, BD_PROVED);
  out->proof += cpu_ms() - start;
  out->pso = fmax(out->pso, swarm->optimum_ratio - 1);
  out->optimal = fmax(out->optimal, optimal->optimum_ratio - 1);
  out->unproved += !optimal->proved;
  bd_result_free(quick);
  bd_result_free(swarm);
  bd_result_free(optimal);
}

static void add_layer(const bd_model *model, int number, table *all) {
  bd_weights weights;
  bd_error err;
  if (bd_model_weights(model, number, &weights, &err) != BD_OK || weights.count == 0) return;
  bd_index *index = naive_index(weights.data, weights.count);
  bd_setting setting = naive_setting("method=kmeans");
  for (int p = 0; p < PRUNES; p++)
    for (setting.bits = 1; setting.bits <= BD_BITS_MAX; setting.bits++) {
      setting.prune = prunes[p];
      measure(index, setting, &all->rows[p][setting.bits]);
    }
  all->layers++;
  all->weights += weights.count;
  bd_index_free(index);
  bd_weights_free(&weights);
}

static void print_model(const char *path) {
  bd_model *model;
  bd_error err = {""};
  if (bd_model_open(path, &model, &err) != BD_OK) NAIVE_FAIL("%s\n", err.text);
  table *all = calloc(1, sizeof *all);
  for (int i = 0; i < bd_model_layer_count(model); i++)
    if (!bd_model_layer(model, i)->refused) add_layer(model, i, all);
  bd_model_close(model);
  printf("%s: %d layers, %zu weights\n", path, all->layers, all->weights);
  printf("  prune bits  turns(pso)  proofs    pso at worst  optimal at worst\n");
  for (int p = 0; p < PRUNES; p++)
    for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
      const row *one = &all->rows[p][bits];
      printf("  %4.1f %4d %10.2f %10.2f   1+%.1e      1+%.1e, %d not proved\n", prunes[p], bits,
             one->turn, one->proof, one->pso, one->optimal, one->unproved);
    }
  free(all);
}

int main(void) {
  glob_t found;
  print_model("samples/fashion.onnx");
  if (glob("../shared/models/*.onnx", 0, NULL, &found)) return 0;
  for (size_t i = 0; i < found.gl_pathc; i++)
    print_model(found.gl_pathv[i]);
  globfree(&found);
  return 0;
}
