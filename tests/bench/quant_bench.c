// The quantizer alone on synthetic tensors of 2.36 M weights: index, turn (quick), proof, at 1–8
// bits and three prune ratios; how far `pso` and `optimal` are from the proved optimum; and an
// exact divide and conquer over the same values in the same run. Milliseconds of this thread, the
// best of three.
#define NAIVE_FAIL(...) (fprintf(stderr, __VA_ARGS__), exit(1))
#include "tests/unit/naive_quant.h"

#include <time.h>

enum { WEIGHTS = 2359296, REPEATS = 3 };

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double time_index(const float *weights) {
  double best = INFINITY;
  for (int i = 0; i < REPEATS; i++) {
    double start = now_ms();
    bd_index *index = naive_index(weights, WEIGHTS);
    best = fmin(best, now_ms() - start);
    bd_index_free(index);
  }
  return best;
}

// *last gets the result of the last run; the caller frees it.
static double time_run(const bd_index *index, const bd_setting *setting, bd_effort effort,
                       bd_result **last) {
  double best = INFINITY;
  *last = NULL;
  for (int i = 0; i < REPEATS; i++) {
    bd_result_free(*last);
    double start = now_ms();
    *last = naive_run(index, setting, effort);
    best = fmin(best, now_ms() - start);
  }
  return best;
}

static double time_apply(const bd_result *result, const bd_index *index, const float *weights,
                         float *out) {
  double best = INFINITY;
  for (int i = 0; i < REPEATS; i++) {
    double start = now_ms();
    bd_result_apply(result, index, weights, out);
    best = fmin(best, now_ms() - start);
  }
  return best;
}

static void print_row(const bd_index *index, const float *weights, float *out, bd_setting setting) {
  bd_result *quick, *swarm, *optimal;
  setting.init = BD_PSO;
  double turn = time_run(index, &setting, BD_QUICK, &quick);
  bd_result_free(quick);
  swarm = naive_run(index, &setting, BD_PROVED);
  setting.init = BD_OPTIMAL;
  double proof = time_run(index, &setting, BD_PROVED, &optimal);
  double write = time_apply(optimal, index, weights, out);
  printf("  %4.1f %4d %9.2f %9.2f %9.2f   1+%.1e   1+%.1e %s\n", setting.prune, setting.bits, turn,
         proof, write, swarm->optimum_ratio - 1, optimal->optimum_ratio - 1,
         optimal->proved ? "proved" : "not proved");
  fflush(stdout);
  bd_result_free(swarm);
  bd_result_free(optimal);
}

static void print_exact(const bd_index *index) {
  double *values = malloc(WEIGHTS * sizeof *values);
  for (size_t i = 0; i < WEIGHTS; i++)
    values[i] = (double)bd_index_values(index)[i];
  bd_setting setting = naive_setting("method=kmeans,init=optimal,bits=4");
  bd_result *result;
  double ours = time_run(index, &setting, BD_PROVED, &result), start = now_ms();
  double expected = naive_large_optimum(values, WEIGHTS, 16), theirs = now_ms() - start;
  printf("  exact divide and conquer, 16 clusters: %.0f ms, %.0f times ours; SSE ratio 1%+.1e\n",
         theirs, theirs / ours, result->sse_cluster / expected - 1);
  bd_result_free(result);
  free(values);
}

static void print_tensor(const char *name, int shape) {
  float *weights = malloc(WEIGHTS * sizeof *weights), *out = malloc(WEIGHTS * sizeof *out);
  bd_rng rng = bd_rng_seed(1, 0);
  naive_fill(shape, &rng, weights, WEIGHTS);
  printf("%s, %d weights: index %.1f ms\n", name, WEIGHTS, time_index(weights));
  printf("  prune bits  turn(pso)  proof     write     pso       optimal\n");
  bd_index *index = naive_index(weights, WEIGHTS);
  bd_setting setting = naive_setting("method=kmeans");
  const double prunes[] = {0, 0.5, 0.8};
  for (int p = 0; p < 3; p++) {
    for (setting.bits = 1; setting.bits <= 8; setting.bits++) {
      setting.prune = prunes[p];
      print_row(index, weights, out, setting);
    }
  }
  print_exact(index);
  bd_index_free(index);
  free(weights);
  free(out);
}

int main(void) {
  print_tensor("normal", SHAPE_NORMAL);
  print_tensor("Laplace", SHAPE_LAPLACE);
  print_tensor("Student-t (2)", SHAPE_STUDENT);
  return 0;
}
