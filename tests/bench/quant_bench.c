// The quantizer alone on synthetic tensors of 2.36 M and 25 M weights: index, turn (quick), proof,
// at 1–8 bits and three prune ratios; how far `pso` and `optimal` are from the proved optimum; and,
// on the smaller ones, an exact divide and conquer over the same values in the same run.
// Milliseconds of this thread, the best of three (of one at 25 M).
#define NAIVE_FAIL(...) (fprintf(stderr, __VA_ARGS__), exit(1))
#include "tests/unit/naive_quant.h"

#include "tests/bench/cpu_clock.h"

// A tensor under test, and how often each figure is taken.
typedef struct bench {
  float *weights, *out;
  size_t count;
  int repeats;
  bd_index *index;
} bench;

static double time_index(const bench *one) {
  double best = INFINITY;
  for (int i = 0; i < one->repeats; i++) {
    double start = cpu_ms();
    bd_index *index = naive_index(one->weights, one->count);
    best = fmin(best, cpu_ms() - start);
    bd_index_free(index);
  }
  return best;
}

// *last gets the result of the last run; the caller frees it.
static double time_run(const bench *one, const bd_setting *setting, bd_effort effort,
                       bd_result **last) {
  double best = INFINITY;
  *last = NULL;
  for (int i = 0; i < one->repeats; i++) {
    bd_result_free(*last);
    double start = cpu_ms();
    *last = naive_run(one->index, setting, effort);
    best = fmin(best, cpu_ms() - start);
  }
  return best;
}

static double time_apply(const bench *one, const bd_result *result) {
  double best = INFINITY;
  for (int i = 0; i < one->repeats; i++) {
    double start = cpu_ms();
    bd_result_apply(result, one->index, one->weights, one->out);
    best = fmin(best, cpu_ms() - start);
  }
  return best;
}

static void print_row(const bench *one, bd_setting setting) {
  bd_result *quick, *swarm, *optimal;
  setting.init = BD_PSO;
  double turn = time_run(one, &setting, BD_QUICK, &quick);
  bd_result_free(quick);
  swarm = naive_run(one->index, &setting, BD_PROVED);
  setting.init = BD_OPTIMAL;
  double proof = time_run(one, &setting, BD_PROVED, &optimal);
  double write = time_apply(one, optimal);
  printf("  %4.1f %4d %9.2f %9.2f %9.2f   1+%.1e   1+%.1e %s\n", setting.prune, setting.bits, turn,
         proof, write, swarm->optimum_ratio - 1, optimal->optimum_ratio - 1,
         optimal->proved ? "proved" : "not proved");
  fflush(stdout);
  bd_result_free(swarm);
  bd_result_free(optimal);
}

static void print_exact(const bench *one) {
  double *values = malloc(one->count * sizeof *values);
  for (size_t i = 0; i < one->count; i++)
    values[i] = (double)bd_index_value(one->index, i);
  bd_setting setting = naive_setting("method=kmeans,init=optimal,bits=4");
  bd_result *result;
  double ours = time_run(one, &setting, BD_PROVED, &result), start = cpu_ms();
  double expected = naive_large_optimum(values, one->count, 16), theirs = cpu_ms() - start;
  printf("  exact divide and conquer, 16 clusters: %.0f ms, %.0f times ours; SSE ratio 1%+.1e\n",
         theirs, theirs / ours, result->sse_cluster / expected - 1);
  bd_result_free(result);
  free(values);
}

static void print_tensor(const char *name, int shape, size_t count, int repeats) {
  bench one = {.weights = malloc(count * sizeof(float)),
               .out = malloc(count * sizeof(float)),
               .count = count,
               .repeats = repeats};
  bd_rng rng = bd_rng_seed(1, 0);
  naive_fill(shape, &rng, one.weights, count);
  printf("%s, %zu weights: index %.1f ms\n", name, count, time_index(&one));
  printf("  prune bits  turn(pso)  proof     write     pso       optimal\n");
  one.index = naive_index(one.weights, count);
  bd_setting setting = naive_setting("method=kmeans");
  const double prunes[] = {0, 0.5, 0.8};
  for (int p = 0; p < 3; p++) {
    for (setting.bits = 1; setting.bits <= 8; setting.bits++) {
      setting.prune = prunes[p];
      print_row(&one, setting);
    }
  }
  if (repeats > 1) print_exact(&one);
  bd_index_free(one.index);
  free(one.weights);
  free(one.out);
}

int main(void) {
  const struct {
    const char *name;
    int shape;
  } shapes[] = {
      {"normal", SHAPE_NORMAL}, {"Laplace", SHAPE_LAPLACE}, {"Student-t (2)", SHAPE_STUDENT}};
  for (int i = 0; i < 3; i++)
    print_tensor(shapes[i].name, shapes[i].shape, 2359296, 3);
  for (int i = 0; i < 3; i++)
    print_tensor(shapes[i].name, shapes[i].shape, 25000000, 1);
  return 0;
}
