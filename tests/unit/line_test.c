// Typing a line: editing by characters, words and ends; history.
#include "tui/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Keys apart by blanks.
static void press(bd_line *line, const char *keys) {
  char copy[256], *rest;
  snprintf(copy, sizeof copy, "%s", keys);
  for (char *key = strtok_r(copy, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
    assert_true(bd_line_key(line, key));
  }
}

// What keys make of a text, with | where the cursor is.
static void expect(const char *text, const char *keys, const char *expected) {
  bd_line line = {0};
  char got[BD_LINE_MAX + 1];
  bd_line_set(&line, text);
  press(&line, keys);
  snprintf(got, sizeof got, "%.*s|%s", (int)line.cursor, line.text, line.text + line.cursor);
  assert_string_equal(got, expected);
}

static void keys_edit(void **state) {
  (void)state;
  expect("", "a b <space> c", "ab c|");
  expect("abc", "<left> <left> x", "ax|bc");
  expect("abc", "<home> x <end> y", "xabcy|");
  expect("abc", "<bs> <c-h>", "a|");
  expect("abc", "<home> <bs> <left>", "|abc");
  expect("abc", "<right> <del>", "abc|");
  expect("abc", "<c-a> <del> <c-d>", "|c");
  expect("bits 3", "<c-w>", "bits |");
  expect("bits  ", "<c-w>", "|");
  expect("bits 3", "<left> <c-u>", "|3");
  expect("bits 3", "<c-a> <right> <c-k>", "b|");
}

static void characters_are_whole(void **state) {
  (void)state;
  expect("größe", "<left> <left> <bs>", "gr|ße");
  expect("größe", "<home> <right> <right> <del>", "gr|ße");
  expect("a", "é <left> €", "a€|é");
  bd_line line = {0};
  bd_line_set(&line, "größe");
  assert_int_equal(bd_line_column(&line), 5);
}

static void other_keys_are_left_alone(void **state) {
  (void)state;
  bd_line line = {0};
  assert_false(bd_line_key(&line, "<up>"));
  assert_false(bd_line_key(&line, "<enter>"));
  assert_false(bd_line_key(&line, "<f1>"));
  assert_string_equal(line.text, "");
}

static void pasted_controls_are_dropped(void **state) {
  (void)state;
  bd_line line = {0};
  assert_true(bd_line_insert(&line, "a\x1b[31mb\n\x7f"));
  assert_string_equal(line.text, "a[31mb");
}

static void a_full_line_takes_no_more(void **state) {
  (void)state;
  bd_line line = {0};
  for (int i = 0; i < 2 * BD_LINE_MAX; i++)
    bd_line_key(&line, "x");
  assert_int_equal(strlen(line.text), BD_LINE_MAX - 1);
  assert_false(bd_line_insert(&line, "é"));
  char longer[2 * BD_LINE_MAX];
  memset(longer, 0xc3, sizeof longer); // é é é …, cut in the middle of none
  for (size_t i = 1; i < sizeof longer; i += 2)
    longer[i] = (char)0xa9;
  longer[sizeof longer - 2] = '\0';
  bd_line_set(&line, longer);
  assert_int_equal(strlen(line.text), BD_LINE_MAX - 2);
  assert_int_equal(line.cursor, BD_LINE_MAX - 2);
}

static void history_recalls(void **state) {
  (void)state;
  bd_history history = {0};
  bd_line line = {0};
  bd_history_add(&history, "bits 3");
  bd_history_add(&history, "bits 3");
  bd_history_add(&history, "");
  bd_history_add(&history, "undo");
  assert_int_equal(history.count, 2);
  bd_line_set(&line, "typed");
  static const struct {
    int step;
    const char *shown;
  } steps[] = {{1, "typed"},   {-1, "undo"}, {-1, "bits 3"},
               {-1, "bits 3"}, {1, "undo"},  {1, "typed"}};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    bd_history_step(&history, &line, steps[i].step);
    assert_string_equal(line.text, steps[i].shown);
  }
  bd_history_clear(&history);
}

static void history_forgets_the_oldest(void **state) {
  (void)state;
  bd_history history = {0};
  for (int i = 0; i < BD_HISTORY_MAX + 10; i++) {
    char text[32];
    snprintf(text, sizeof text, "bits %d", i);
    bd_history_add(&history, text);
  }
  assert_int_equal(history.count, BD_HISTORY_MAX);
  assert_string_equal(history.lines[0], "bits 10");
  bd_history_clear(&history);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_edit),
      cmocka_unit_test(characters_are_whole),
      cmocka_unit_test(other_keys_are_left_alone),
      cmocka_unit_test(pasted_controls_are_dropped),
      cmocka_unit_test(a_full_line_takes_no_more),
      cmocka_unit_test(history_recalls),
      cmocka_unit_test(history_forgets_the_oldest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
