// Breaking texts into lines.
#include "tui/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// The lines of a text, with | between them.
static void expect(const char *text, int columns, const char *expected) {
  char got[256] = "";
  int lines = bd_wrap_lines(text, columns);
  for (const char *rest = text; *rest; lines--) {
    int taken = bd_wrap(rest, columns);
    assert_true(taken > 0);
    size_t length = strlen(got);
    snprintf(got + length, sizeof got - length, "%s%.*s", length > 0 ? "|" : "", taken, rest);
    rest = bd_wrap_next(rest, taken);
  }
  assert_string_equal(got, expected);
  assert_int_equal(lines, 0);
}

static void words_stay_whole(void **state) {
  (void)state;
  expect("one two three", 20, "one two three");
  expect("one two three", 13, "one two three");
  expect("one two three", 12, "one two|three");
  expect("one two three", 7, "one two|three");
  expect("one two three", 6, "one|two|three");
  expect("one  two", 4, "one|two");
}

static void long_words_are_cut(void **state) {
  (void)state;
  expect("abcdef gh", 4, "abcd|ef|gh");
  expect("abc", 1, "a|b|c");
  expect("abc", 0, "a|b|c"); // never stuck
  expect("abc", -5, "a|b|c");
}

static void characters_are_whole(void **state) {
  (void)state;
  expect("größe größe", 5, "größe|größe");
  expect("→→→", 2, "→→|→");
}

static void nothing_is_no_line(void **state) {
  (void)state;
  assert_int_equal(bd_wrap_lines("", 10), 0);
  assert_int_equal(bd_wrap("", 10), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_stay_whole),
      cmocka_unit_test(long_words_are_cut),
      cmocka_unit_test(characters_are_whole),
      cmocka_unit_test(nothing_is_no_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
