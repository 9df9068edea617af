// The one key table: no key means two things in one place, every command has a name of its own.
#include "tui/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Calls `each` with every key of every row.
static void for_every_key(void (*each)(bd_binding row, const char *key)) {
  for (int i = 0; bd_key_row(i).command; i++) {
    char keys[128], *rest;
    snprintf(keys, sizeof keys, "%s", bd_key_row(i).command->keys);
    for (char *key = strtok_r(keys, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
      each(bd_key_row(i), key);
    }
  }
}

static void expect_valid(bd_binding row, const char *key) {
  if (!bd_key_valid(key)) fail_msg("%s has a key that does not exist: %s", row.command->name, key);
}

static void every_key_exists(void **state) {
  (void)state;
  for_every_key(expect_valid);
}

static void expect_one_meaning(bd_binding row, const char *key) {
  int meanings = 0;
  for (int i = 0; bd_key_row(i).command; i++) {
    bd_binding other = bd_key_row(i);
    if (other.panel == row.panel && bd_key_among(key, other.command->keys)) meanings++;
  }
  if (meanings != 1) fail_msg("%s means %d things in panel %d", key, meanings, row.panel);
}

static void no_key_means_two_things(void **state) {
  (void)state;
  for_every_key(expect_one_meaning);
}

static void every_name_is_unique_and_has_help(void **state) {
  (void)state;
  for (int i = 0; bd_key_row(i).command; i++) {
    const bd_command *command = bd_key_row(i).command;
    assert_ptr_equal(bd_key_command(command->name).command, command); // the first of that name
    assert_null(strchr(command->name, ' '));
    assert_true(command->help && strlen(command->help) > 3);
  }
}

// A panel's own key comes first in that panel, and what all share comes before other panels' keys.
static void expect_reachable(bd_binding row, const char *key) {
  int focus = row.panel < 0 ? 0 : row.panel;
  bd_binding found = bd_key_lookup(key, focus);
  if (row.panel >= 0) assert_ptr_equal(found.command, row.command);
  if (row.panel < 0) assert_true(found.command == row.command || found.panel == focus);
}

static void the_focused_panel_is_asked_first(void **state) {
  (void)state;
  for_every_key(expect_reachable);
}

static void moves_work_from_every_panel(void **state) {
  (void)state;
  bd_binding down = bd_key_lookup("<down>", 0);
  assert_int_equal(down.panel, 0);
  for (int panel = 1; panel < bd_view_count(); panel++) {
    bd_binding there = bd_key_lookup("<down>", panel);
    assert_true(there.panel == panel || there.command == down.command);
  }
}

static void an_unknown_key_or_name_is_nothing(void **state) {
  (void)state;
  assert_null(bd_key_lookup("é", 0).command);
  assert_null(bd_key_lookup("", 0).command);
  assert_null(bd_key_command("no-such").command);
  assert_null(bd_key_command("").command);
}

static void short_names_work(void **state) {
  (void)state;
  assert_string_equal(bd_key_command("w").command->name, "write");
  assert_string_equal(bd_key_command("q").command->name, "quit");
  assert_string_equal(bd_key_command("q!").command->name, "quit!");
}

static void key_names(void **state) {
  (void)state;
  static const char *const good[] = {"j", "é", "<", "<enter>", "<c-r>", "<f12>", "?"};
  static const char *const bad[] = {"",       "jj",  "<f13>", "<f0>", "<c-R>",
                                    "<enter", "<up", " ",     "\x1b"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_true(bd_key_valid(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(bd_key_valid(bad[i]));
}

static void names_for_people(void **state) {
  (void)state;
  char out[16];
  assert_string_equal(bd_key_show("<c-r>", out, sizeof out), "^R");
  assert_string_equal(bd_key_show("<enter> x", out, sizeof out), "Enter");
  assert_string_equal(bd_key_show("+ =", out, sizeof out), "+");
  assert_string_equal(bd_key_show("<f1>", out, sizeof out), "F1");
}

static void the_nearest_names_are_given(void **state) {
  (void)state;
  char out[128];
  assert_non_null(strstr(bd_key_nearest("undp", out, sizeof out), "undo"));
  assert_non_null(strstr(bd_key_nearest("bits-", out, sizeof out), "bits-up"));
  assert_string_equal(bd_key_nearest("xyzxyzxyzxyzxyzxyzxyz", out, sizeof out), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_exists),
      cmocka_unit_test(no_key_means_two_things),
      cmocka_unit_test(every_name_is_unique_and_has_help),
      cmocka_unit_test(the_focused_panel_is_asked_first),
      cmocka_unit_test(moves_work_from_every_panel),
      cmocka_unit_test(an_unknown_key_or_name_is_nothing),
      cmocka_unit_test(short_names_work),
      cmocka_unit_test(key_names),
      cmocka_unit_test(names_for_people),
      cmocka_unit_test(the_nearest_names_are_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
