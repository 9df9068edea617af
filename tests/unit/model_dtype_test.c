// core/model: element types. Every 16-bit pattern against its definition, rounding against a
// search.
#include "tests/unit/model_maker.h"

#include "core/model/dtype.h"

#include <math.h>

// The value of a 16-bit pattern by the definition of its format.
static double by_definition(unsigned pattern, int mantissa_bits, int bias) {
  int exponent_bits = 15 - mantissa_bits;
  unsigned mantissa = pattern & ((1u << mantissa_bits) - 1);
  unsigned exponent = pattern >> mantissa_bits & ((1u << exponent_bits) - 1);
  double sign = pattern & 0x8000 ? -1 : 1;
  if (exponent == (1u << exponent_bits) - 1) return mantissa ? NAN : sign * INFINITY;
  double fraction = ldexp((double)mantissa, -mantissa_bits);
  if (exponent == 0) return sign * ldexp(fraction, 1 - bias);
  return sign * ldexp(1 + fraction, (int)exponent - bias);
}

static void every_pattern(bd_dtype type, int mantissa_bits, int bias) {
  for (unsigned pattern = 0; pattern < 0x10000; pattern++) {
    uint16_t stored = (uint16_t)pattern, back;
    double expected = by_definition(pattern, mantissa_bits, bias);
    float value;
    bd_dtype_to_float(type, &stored, 1, &value);
    if (isnan(expected)) {
      assert_true(isnan(value));
      continue;
    }
    assert_true((double)value == expected && !signbit(value) == !signbit(expected));
    bd_dtype_from_float(type, &value, 1, &back);
    assert_int_equal(back, stored);
    assert_true(bd_dtype_round(type, expected) == expected);
  }
}

static void float16_patterns(void **state) {
  (void)state;
  every_pattern(BD_FLOAT16, 10, 15);
}

static void bfloat16_patterns(void **state) {
  (void)state;
  every_pattern(BD_BFLOAT16, 7, 127);
}

// Between two neighbours: below the middle down, above it up, in the middle to the even pattern.
static void every_gap(bd_dtype type, int mantissa_bits, int bias) {
  unsigned infinity = 0x7fffu >> mantissa_bits << mantissa_bits;
  for (unsigned pattern = 0; pattern + 1 < infinity; pattern++) {
    double low = by_definition(pattern, mantissa_bits, bias);
    double high = by_definition(pattern + 1, mantissa_bits, bias);
    double middle = (low + high) / 2, even = pattern % 2 ? high : low;
    assert_true(bd_dtype_round(type, middle) == even);
    assert_true(bd_dtype_round(type, -middle) == -even);
    assert_true(bd_dtype_round(type, nextafter(middle, low)) == low);
    assert_true(bd_dtype_round(type, nextafter(middle, high)) == high);
  }
  double largest = by_definition(infinity - 1, mantissa_bits, bias);
  double step = largest - by_definition(infinity - 2, mantissa_bits, bias);
  assert_true(bd_dtype_round(type, largest + step / 2) == INFINITY);
  assert_true(bd_dtype_round(type, nextafter(largest + step / 2, 0)) == largest);
  assert_true(bd_dtype_round(type, -1e300) == -INFINITY);
}

static void rounds_to_nearest_even(void **state) {
  (void)state;
  every_gap(BD_FLOAT16, 10, 15);
  every_gap(BD_BFLOAT16, 7, 127);
}

static void wide_types_stay(void **state) {
  (void)state;
  double third = 1.0 / 3, tiny = 1e-310;
  assert_true(bd_dtype_round(BD_FLOAT32, third) == third);
  assert_true(bd_dtype_round(BD_FLOAT64, tiny) == tiny);
  assert_true(isnan(bd_dtype_round(BD_FLOAT16, NAN)));
  assert_true(isinf(bd_dtype_round(BD_BFLOAT16, INFINITY)));
  assert_true(signbit(bd_dtype_round(BD_FLOAT16, -0.0)));
  float values[] = {1.5f, -2.25f, 0}, back[3];
  double wide[3];
  bd_dtype_from_float(BD_FLOAT64, values, 3, wide);
  bd_dtype_to_float(BD_FLOAT64, wide, 3, back);
  assert_memory_equal(values, back, sizeof values);
}

static void names(void **state) {
  (void)state;
  assert_string_equal(bd_dtype_name(BD_FLOAT32), "float32");
  assert_string_equal(bd_dtype_name(BD_FLOAT16), "float16");
  assert_string_equal(bd_dtype_name(BD_BFLOAT16), "bfloat16");
  assert_string_equal(bd_dtype_name(BD_FLOAT64), "float64");
  assert_string_equal(bd_element_name(7), "int64");
  assert_string_equal(bd_element_name(22), "int4");
  assert_null(bd_element_name(0));
  assert_null(bd_element_name(-1));
  assert_null(bd_element_name(INT32_MAX));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(float16_patterns),
      cmocka_unit_test(bfloat16_patterns),
      cmocka_unit_test(rounds_to_nearest_even),
      cmocka_unit_test(wide_types_stay),
      cmocka_unit_test(names),
  };
  return cmocka_run_group_tests_name("model_dtype", tests, NULL, NULL);
}
