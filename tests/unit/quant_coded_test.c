// Codes and parts of a quantized tensor, against the values that the result itself gives and
// against parts counted one weight after the other.
#include "core/quant/coded.h"
#include "tests/unit/naive_quant.h"

enum { COUNT = 600, ROUNDS = 300 };

static bd_setting draw_setting(bd_rng *rng) {
  bd_setting setting = bd_setting_default();
  setting.bits = 1 + (int)(bd_rng_next(rng) % 8);
  setting.prune = (double)(bd_rng_next(rng) % 3) * 0.4;
  for (int field = BD_FIELD_METHOD; field <= BD_FIELD_SCALE; field++)
    if (field != BD_FIELD_GRANULARITY)
      bd_setting_step(&setting, field, (int)(bd_rng_next(rng) % 7));
  return setting;
}

static void check_values(const bd_coded *coded, const float *expected) {
  float values[COUNT];
  bd_coded_values(coded, values);
  for (size_t i = 0; i < COUNT; i++) {
    assert_true(coded->codes[i] < coded->books[0].count);
    assert_true(values[i] == expected[i]);
  }
}

static void check_book(const bd_book *book) {
  for (int i = 1; i < book->count; i++)
    assert_true(book->levels[i] > book->levels[i - 1]);
  for (int i = 0; book->step > 0 && i < book->count; i++) {
    double place = book->levels[i] / book->step;
    assert_true(fabs(place - round(place)) < 1e-3);
  }
}

static void codes_stand_for_the_values(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(3, 0);
  for (int number = 0; number < ROUNDS; number++) {
    float weights[COUNT], expected[COUNT];
    bd_error err;
    bd_index *index;
    bd_result *result;
    bd_coded *coded;
    naive_fill(number % SHAPE_COUNT, &rng, weights, COUNT);
    bd_setting setting = draw_setting(&rng);
    assert_int_equal(bd_index_new(weights, COUNT, NULL, NULL, &index, &err), BD_OK);
    assert_int_equal(bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err), BD_OK);
    assert_int_equal(bd_coded_of(result, index, weights, (bd_axes){1, 1, COUNT}, &coded, &err),
                     BD_OK);
    bd_result_apply(result, index, weights, expected);
    check_values(coded, expected);
    check_book(&coded->books[0]);
    bd_coded_free(coded);
    bd_result_free(result);
    bd_index_free(index);
  }
}

static void scale_counts_by_channel(void **state) {
  (void)state;
  const float weights[] = {1, 2, 3, 4, -1, -2, -3, -4};
  const double scale[] = {2, 0.5};
  bd_error err;
  bd_index *index;
  bd_result *result;
  bd_coded *coded;
  bd_setting setting = bd_setting_default();
  setting.method = BD_KMEANS;
  assert_int_equal(bd_index_new(weights, 8, NULL, NULL, &index, &err), BD_OK);
  assert_int_equal(bd_quantize(index, &setting, BD_QUICK, NULL, &result, &err), BD_OK);
  assert_int_equal(bd_coded_of(result, index, weights, (bd_axes){2, 2, 2}, &coded, &err), BD_OK);
  coded->scale = malloc(sizeof scale);
  memcpy(coded->scale, scale, sizeof scale);
  const double expected[] = {2, 4, 1.5, 2, -2, -4, -1.5, -2};
  for (size_t i = 0; i < 8; i++)
    assert_true(bd_coded_value(coded, i) == expected[i]);
  bd_coded_free(coded);
  bd_result_free(result);
  bd_index_free(index);
}

// Walks channel by channel, along each channel's weights, and starts a new part where one is full.
static void parts_are_groups_along_a_channel(void **state) {
  (void)state;
  const bd_axes shapes[] = {{1, 4, 9}, {3, 5, 2}, {7, 3, 1}, {1, 1, 10}, {2, 1, 3}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    bd_axes axes = shapes[s];
    for (size_t group = 1; group <= 12; group++) {
      bd_parts parts = bd_parts_of(axes, group);
      size_t part = (size_t)-1;
      for (size_t c = 0; c < axes.channels; c++)
        for (size_t within = 0; within < axes.outer * axes.inner; within++) {
          size_t o = within / axes.inner, i = within % axes.inner;
          part += within % group == 0;
          size_t place = (o * axes.channels + c) * axes.inner + i;
          assert_int_equal(bd_parts_find(&parts, place), part);
          assert_int_equal(bd_axes_channel(&axes, place), c);
        }
      assert_int_equal(parts.count, part + 1);
    }
    assert_int_equal(bd_parts_of(axes, 0).count, 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(codes_stand_for_the_values),
      cmocka_unit_test(scale_counts_by_channel),
      cmocka_unit_test(parts_are_groups_along_a_channel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
