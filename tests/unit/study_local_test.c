// core/study/local: a layer's local error is what two whole runs say of its output, however many
// activations fit into memory, and whatever was measured before.
#include "core/study/eval.h"
#include "core/study/local.h"
#include "core/study/study.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka needs those three before it
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

enum { SAMPLES = 5, BITS = 3 };

typedef struct bench {
  bd_model *model;
  bd_data *data;
  bd_engine *apart;
  int layers;
} bench;

static void must(bd_status status, const bd_error *err) {
  if (status != BD_OK) fail_msg("%s", err->text);
}

static bench open_bench(void) {
  bench b;
  bd_error err;
  bd_transform none = bd_transform_none();
  bd_engine_options options = {.apart = true};
  must(bd_model_open("samples/fashion.onnx", &b.model, &err), &err);
  must(bd_data_open(b.model, "samples/fashion_x.npy", &none, 100, &b.data, &err), &err);
  must(bd_engine_compile(b.model, bd_data_inputs(b.data), &options, &b.apart, &err), &err);
  b.layers = bd_model_layer_count(b.model);
  return b;
}

static void close_bench(bench *b) {
  bd_engine_free(b->apart);
  bd_data_free(b->data);
  bd_model_close(b->model);
}

// The layer alone at a few bits.
static bd_swap *swap_of(const bench *b, int layer) {
  bd_error err;
  bd_swap *swap;
  bd_index *index;
  bd_result *result;
  bd_setting setting = bd_setting_default();
  setting.bits = BITS;
  must(bd_swap_new(b->apart, &swap, &err), &err);
  must(bd_study_index(b->model, layer, NULL, &index, &err), &err);
  must(bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err), &err);
  must(bd_eval_set(swap, b->model, layer, index, result, &err), &err);
  bd_result_free(result);
  bd_index_free(index);
  return swap;
}

// By two whole runs of each sample.
static bd_local naive(const bench *b, const bd_swap *swap, int layer) {
  bd_local sum = {0, 0};
  bd_error err;
  bd_run *run;
  bd_tensor real, other, input = bd_data_inputs(b->data)[0];
  input.data = malloc(bd_tensor_bytes(&input));
  must(bd_run_new(b->apart, true, &run, &err), &err);
  for (int64_t i = 0; i < SAMPLES; i++) {
    must(bd_data_read(b->data, i, &input, &err), &err);
    must(bd_run_all(run, NULL, &input, NULL, &err), &err);
    must(bd_run_layer_output(run, layer, &real, &err), &err);
    must(bd_run_all(run, swap, &input, NULL, &err), &err);
    must(bd_run_layer_output(run, layer, &other, &err), &err);
    for (int64_t k = 0; k < real.count; k++) {
      double y = ((float *)real.data)[k], z = ((float *)other.data)[k];
      sum.signal += y * y;
      sum.noise += (y - z) * (y - z);
    }
    free(real.data);
    free(other.data);
  }
  free(input.data);
  bd_run_free(run);
  return sum;
}

static bd_local measured(bd_locals *locals, const bd_swap *swap, int layer, int threads) {
  bd_local sum = {0, 0};
  bd_error err;
  for (int64_t first = 0, held; first < bd_locals_runs(locals); first += held) {
    must(bd_locals_load(locals, first, threads, NULL, &held, &err), &err);
    must(bd_locals_add(locals, swap, layer, threads, NULL, &sum, &err), &err);
  }
  assert_int_equal(bd_locals_runs(locals), SAMPLES);
  assert_int_equal(bd_locals_samples(locals), SAMPLES);
  return sum;
}

static bool near(double a, double b) {
  return fabs(a - b) <= 1e-12 * fabs(b);
}

static void as_two_whole_runs(void **unused) {
  (void)unused;
  bench b = open_bench();
  static const size_t memory[] = {0, 1 << 22, 1 << 30}; // one run at a time; a few; all
  bd_error err;
  for (int m = 0; m < 3; m++) {
    bd_locals *locals;
    must(bd_locals_new(b.apart, b.data, SAMPLES, memory[m], &locals, &err), &err);
    for (int layer = 0; layer < b.layers; layer++) {
      bd_swap *swap = swap_of(&b, layer);
      bd_local real = naive(&b, swap, layer);
      bd_local mine = measured(locals, swap, layer, 1 + layer % 2);
      assert_true(near(mine.signal, real.signal) && near(mine.noise, real.noise));
      assert_true(real.noise > 0);
      bd_swap_free(swap);
    }
    bd_locals_free(locals);
  }
  close_bench(&b);
}

// Loaded once, layers in any order: what is measured never changes what is measured next.
static void the_float_activations_stay(void **unused) {
  (void)unused;
  bench b = open_bench();
  bd_error err;
  bd_locals *locals;
  bd_local first[64];
  int64_t held;
  must(bd_locals_new(b.apart, b.data, SAMPLES, 1 << 30, &locals, &err), &err);
  must(bd_locals_load(locals, 0, 2, NULL, &held, &err), &err);
  assert_int_equal(held, SAMPLES);
  for (int i = 0; i < 2 * b.layers; i++) {
    int layer = i < b.layers ? i : 2 * b.layers - 1 - i;
    bd_local sum = {0, 0};
    bd_swap *swap = swap_of(&b, layer);
    must(bd_locals_add(locals, swap, layer, 2, NULL, &sum, &err), &err);
    if (i < b.layers) first[layer] = sum;
    assert_true(sum.signal == first[layer].signal && sum.noise == first[layer].noise);
    bd_swap_free(swap);
  }
  bd_cancel cancel = true;
  bd_local sum = {0, 0};
  bd_swap *swap = swap_of(&b, 0);
  assert_int_equal(bd_locals_add(locals, swap, 0, 2, &cancel, &sum, &err), BD_CANCELLED);
  assert_int_equal(bd_locals_load(locals, 0, 2, &cancel, &held, &err), BD_CANCELLED);
  bd_swap_free(swap);
  bd_locals_free(locals);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_two_whole_runs),
      cmocka_unit_test(the_float_activations_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
