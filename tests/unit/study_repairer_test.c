// Repair again and again: whatever was repaired before, the bytes are those of a first time.
#include "core/base/rng.h"
#include "core/study/repairer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 16, ROUNDS = 9 };

typedef struct bench {
  bd_model *model;
  bd_data *data;
  bd_layer_study *studies;
  int count;
} bench;

static void check(bd_status status, const bd_error *err) {
  if (status != BD_OK) fail_msg("%s", err->text);
}

static void quantize(bench *b, int layer, int bits, double prune) {
  bd_error err;
  bd_setting setting = bd_setting_default();
  bd_layer_study *study = &b->studies[layer];
  setting.bits = bits;
  setting.prune = prune;
  setting.method = BD_KMEANS;
  bd_result_free(study->result);
  check(bd_quantize(study->index, &setting, bd_effort_for(&setting), NULL, &study->result, &err),
        &err);
}

static bench bench_open(void) {
  bd_error err;
  bench b = {0};
  bd_transform none = bd_transform_none();
  check(bd_model_open("samples/fashion.onnx", &b.model, &err), &err);
  check(bd_data_open(b.model, "samples/fashion_x.npy", &none, SAMPLES, &b.data, &err), &err);
  b.count = bd_model_layer_count(b.model);
  b.studies = calloc((size_t)b.count, sizeof *b.studies);
  for (int i = 0; i < b.count; i++) {
    check(bd_study_index(b.model, i, NULL, &b.studies[i].index, &err), &err);
    quantize(&b, i, 3, 0.4);
  }
  return b;
}

static void bench_close(bench *b) {
  bd_study_free(b->studies, b->count);
  bd_data_free(b->data);
  bd_model_close(b->model);
}

static void assert_same(const bd_repair *a, const bd_repair *b) {
  assert_true(a->before == b->before && a->after == b->after);
  assert_int_equal(a->left, b->left);
  for (int i = 0; i < a->count; i++) {
    const bd_coded *one = a->layers[i].coded, *two = b->layers[i].coded;
    assert_true(!one == !two);
    assert_true(!a->layers[i].why == !b->layers[i].why);
    if (a->layers[i].why) assert_string_equal(a->layers[i].why, b->layers[i].why);
    if (!one) continue;
    size_t channels = (size_t)a->layers[i].channels;
    assert_memory_equal(one->codes, two->codes, one->count * sizeof *one->codes);
    assert_int_equal(bd_coded_levels(one), bd_coded_levels(two));
    assert_memory_equal(one->levels, two->levels, bd_coded_levels(one) * sizeof *one->levels);
    assert_true(!one->scale == !two->scale);
    if (one->scale) assert_memory_equal(one->scale, two->scale, channels * sizeof *one->scale);
    assert_memory_equal(one->shift, two->shift, channels * sizeof *one->shift);
  }
}

static bd_repair *anew(const bench *b, bd_recovery how, int threads) {
  bd_error err;
  bd_repair *repair;
  bd_recover_options options = {.threads = threads};
  check(bd_recover(b->model, b->studies, b->data, how, &options, NULL, NULL, NULL, &repair, &err),
        &err);
  return repair;
}

static void count_progress(void *arg, int done, int total) {
  (void)done;
  *(int *)arg = total;
}

// Cancels when so many layers are done.
typedef struct stop {
  bd_cancel cancel;
  int at;
} stop;

static void stop_there(void *arg, int done, int total) {
  (void)total;
  stop *s = arg;
  if (done == s->at) atomic_store(&s->cancel, true);
}

static bd_repairer *repairer_open(const bench *b, int threads) {
  bd_error err;
  bd_repairer *repairer;
  bd_recover_options options = {.threads = threads};
  check(bd_repairer_new(b->model, b->data, &options, NULL, &repairer, &err), &err);
  return repairer;
}

static bd_repair *again(const bench *b, bd_repairer *repairer, bd_recovery how, int *layers) {
  bd_error err;
  bd_repair *repair;
  *layers = 0;
  check(bd_repairer_run(repairer, b->studies, how, NULL, count_progress, layers, &repair, &err),
        &err);
  return repair;
}

static void turns_give_what_a_first_time_gives(void **state) {
  (void)state;
  bench b = bench_open();
  bd_repairer *repairer = repairer_open(&b, 2);
  bd_rng rng = bd_rng_seed(11, 0);
  bd_recovery how = BD_RECOVER_RECONSTRUCT;
  int spared = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int layer = (int)(bd_rng_unit(&rng) * b.count), bits = 2 + round % 4, layers;
    if (round == 3) how = BD_RECOVER_MATCH;
    if (round == 6) how = BD_RECOVER_RECONSTRUCT;
    if (round == 5 || round == 8) bits = BD_BITS_FLOAT;
    if (round) quantize(&b, layer, bits, bits == BD_BITS_FLOAT ? 0 : 0.1 * round);
    bd_repair *kept = again(&b, repairer, how, &layers), *first = anew(&b, how, 1);
    assert_same(kept, first);
    assert_true(kept->after <= kept->before);
    spared += b.count - layers;
    bd_repair_free(first);
    bd_repair_free(kept);
  }
  assert_true(spared > b.count); // what stands in front was not done again
  bd_repairer_free(repairer);
  bench_close(&b);
}

static void nothing_changed_is_nothing_done(void **state) {
  (void)state;
  bench b = bench_open();
  bd_repairer *repairer = repairer_open(&b, 1);
  int layers;
  bd_repair *one = again(&b, repairer, BD_RECOVER_MATCH, &layers);
  assert_true(layers > 0);
  bd_repair *two = again(&b, repairer, BD_RECOVER_MATCH, &layers);
  assert_int_equal(layers, 0);
  assert_same(one, two);
  bd_repairer_free(repairer); // what it gave lives on
  assert_same(one, two);
  bd_repair_free(one);
  bd_repair_free(two);
  bench_close(&b);
}

static void cancelled_ones_spoil_nothing(void **state) {
  (void)state;
  bench b = bench_open();
  bd_repairer *repairer = repairer_open(&b, 2);
  bd_error err;
  bd_repair *repair;
  for (int at = 1; at < 6; at += 2) {
    stop s = {false, at};
    quantize(&b, at, 2, 0.2);
    assert_int_equal(bd_repairer_run(repairer, b.studies, BD_RECOVER_RECONSTRUCT, &s.cancel,
                                     stop_there, &s, &repair, &err),
                     BD_CANCELLED);
    assert_null(repair);
  }
  int layers;
  quantize(&b, 4, 4, 0);
  bd_repair *kept = again(&b, repairer, BD_RECOVER_RECONSTRUCT, &layers);
  bd_repair *first = anew(&b, BD_RECOVER_RECONSTRUCT, 1);
  assert_same(kept, first);
  bd_repair_free(kept);
  bd_repair_free(first);
  bd_repairer_free(repairer);
  bench_close(&b);
}

static void any_number_of_threads_gives_the_same_bytes(void **state) {
  (void)state;
  bench b = bench_open();
  for (int how = BD_RECOVER_MATCH; how <= BD_RECOVER_RECONSTRUCT; how++) {
    bd_repair *one = anew(&b, (bd_recovery)how, 1);
    for (int threads = 2; threads <= 8; threads *= 4) {
      bd_repair *many = anew(&b, (bd_recovery)how, threads);
      assert_same(one, many);
      bd_repair_free(many);
    }
    bd_repair_free(one);
  }
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(turns_give_what_a_first_time_gives),
      cmocka_unit_test(nothing_changed_is_nothing_done),
      cmocka_unit_test(cancelled_ones_spoil_nothing),
      cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
