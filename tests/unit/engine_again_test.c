// A kept run that goes through again after changes: the bits of a whole run, and only the steps
// that the changes touch.
#include "core/base/rng.h"
#include "core/engine/engine.h"
#include "core/study/eval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLASSES = 10, PIXELS = 28 * 28 };

typedef struct fixture {
  bd_model *model;
  bd_engine *engine;
  bd_swap *swap;
  bd_run *kept, *whole;
  bd_tensor input;
  float pixels[PIXELS];
} fixture;

static void must(bd_status status, const bd_error *err) {
  if (status != BD_OK) fail_msg("%s", err->text);
}

static fixture *open_sample(void) {
  fixture *f = calloc(1, sizeof *f);
  bd_error err = {""};
  must(bd_model_open("samples/fashion.onnx", &f->model, &err), &err);
  bd_tensor_shape(&f->input, BD_TYPE_FLOAT, 4, (const int64_t[]){1, 1, 28, 28});
  must(bd_engine_compile(f->model, &f->input, NULL, &f->engine, &err), &err);
  must(bd_swap_new(f->engine, &f->swap, &err), &err);
  must(bd_run_new(f->engine, true, &f->kept, &err), &err);
  must(bd_run_new(f->engine, false, &f->whole, &err), &err);
  bd_rng rng = bd_rng_seed(3, 0);
  for (int i = 0; i < PIXELS; i++)
    f->pixels[i] = (float)(bd_rng_next(&rng) % 256);
  f->input.data = f->pixels;
  return f;
}

static void close_sample(fixture *f) {
  bd_run_free(f->kept);
  bd_run_free(f->whole);
  bd_swap_free(f->swap);
  bd_engine_free(f->engine);
  bd_model_close(f->model);
  free(f);
}

static void scale(fixture *f, int layer, float factor) {
  bd_weights weights;
  bd_error err = {""};
  must(bd_model_weights(f->model, layer, &weights, &err), &err);
  float *values = malloc(weights.count * sizeof *values);
  for (size_t i = 0; i < weights.count; i++)
    values[i] = weights.data[i] * factor;
  must(bd_swap_set(f->swap, layer, values, &err), &err);
  free(values);
  bd_weights_free(&weights);
}

static bool agree(fixture *f) {
  bd_error err = {""};
  must(bd_run_all(f->whole, f->swap, &f->input, NULL, &err), &err);
  return memcmp(bd_run_output(f->kept, 0)->data, bd_run_output(f->whole, 0)->data,
                CLASSES * sizeof(float)) == 0;
}

static void test_any_changes_give_the_bits_of_a_whole_run(void **state) {
  (void)state;
  fixture *f = open_sample();
  bd_error err = {""};
  bd_rng rng = bd_rng_seed(4, 0);
  int layers = bd_model_layer_count(f->model);
  for (int round = 0; round < 200; round++) {
    int changes = (int)(bd_rng_next(&rng) % 3);
    for (int i = 0; i < changes; i++) {
      int layer = (int)(bd_rng_next(&rng) % (uint64_t)layers);
      double shift[256] = {1};
      if (bd_rng_next(&rng) % 4 == 0)
        must(bd_swap_shift(f->swap, layer, shift, &err), &err);
      else
        scale(f, layer, 0.5f + (float)(bd_rng_next(&rng) % 100) / 100);
    }
    if (bd_rng_next(&rng) % 3 == 0) { // cancelled on the way: what was to come is not forgotten
      bd_cancel cancel = true;
      bd_status status = bd_run_again(f->kept, f->swap, &f->input, &cancel, &err);
      assert_true(status == BD_CANCELLED || (status == BD_OK && changes == 0));
      continue;
    }
    if (bd_rng_next(&rng) % 8 == 0)
      must(bd_run_from(f->kept, NULL, layers - 1, NULL, &err), &err); // with other weights
    must(bd_run_again(f->kept, f->swap, &f->input, NULL, &err), &err);
    assert_true(agree(f));
  }
  close_sample(f);
}

// Other pixels are not looked at where only the last layer has changed: what was kept is used.
static void test_what_stands_before_is_not_run(void **state) {
  (void)state;
  fixture *f = open_sample();
  bd_error err = {""};
  bd_tensor other = f->input;
  float zeros[PIXELS] = {0};
  other.data = zeros;
  must(bd_run_all(f->kept, f->swap, &f->input, NULL, &err), &err);
  scale(f, bd_model_layer_count(f->model) - 1, 0.75f);
  must(bd_run_again(f->kept, f->swap, &other, NULL, &err), &err);
  assert_true(agree(f));
  // A new swap has nothing to do with the old one, even at its address.
  bd_swap_free(f->swap);
  must(bd_swap_new(f->engine, &f->swap, &err), &err);
  must(bd_run_again(f->kept, f->swap, &f->input, NULL, &err), &err);
  assert_true(agree(f));
  close_sample(f);
}

static void evaluate(bd_eval *eval, const bd_swap *swap, bd_evaluation *out) {
  bd_error err = {""};
  must(bd_eval_run(eval, swap, 2, NULL, NULL, NULL, out, &err), &err);
}

static void test_evaluation_with_kept_activations(void **state) {
  (void)state;
  fixture *f = open_sample();
  bd_error err = {""};
  bd_data *data;
  bd_eval *keeps[2];
  bd_transform none = bd_transform_none();
  must(bd_data_open(f->model, "samples/fashion_x.npy", &none, 60, &data, &err), &err);
  size_t each = bd_engine_memory_of(f->engine).run_kept;
  for (int i = 0; i < 2; i++)
    must(bd_eval_new(f->engine, data, NULL, 1 << 20, &keeps[i], &err), &err);
  assert_int_equal(bd_eval_keep(keeps[0], 0), 0);
  int64_t held = bd_eval_keep(keeps[1], 40 * each); // some are kept, some are not
  assert_true(held > 0 && held < 60);
  for (int layer = bd_model_layer_count(f->model) - 1; layer >= -1; layer--) {
    bd_evaluation plain, kept;
    if (layer >= 0) scale(f, layer, 0.9f);
    evaluate(keeps[0], layer < 0 ? NULL : f->swap, &plain);
    evaluate(keeps[1], layer < 0 ? NULL : f->swap, &kept);
    assert_memory_equal(&plain, &kept, sizeof plain);
    assert_true(layer < 0 || kept.noise > 0);
  }
  bd_eval_free(keeps[0]);
  bd_eval_free(keeps[1]);
  bd_data_free(data);
  close_sample(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_changes_give_the_bits_of_a_whole_run),
      cmocka_unit_test(test_what_stands_before_is_not_run),
      cmocka_unit_test(test_evaluation_with_kept_activations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
