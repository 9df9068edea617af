// Themes: those in the program, those of the user, and what is wrong with a wrong one.
#include "tui/theme.h"

#include "core/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void every_theme_of_the_program_loads(void **state) {
  (void)state;
  bd_theme theme;
  bd_error err = {{0}};
  int count = 0;
  for (; bd_theme_name(count); count++) {
    if (bd_theme_load(bd_theme_name(count), &theme, &err) != BD_OK) fail_msg("%s", err.text);
    assert_string_equal(theme.name, bd_theme_name(count));
  }
  assert_int_equal(count, 4);
}

static void the_next_theme_comes_round(void **state) {
  (void)state;
  const char *name = bd_theme_name(0);
  for (int i = 0; bd_theme_name(i); i++)
    name = bd_theme_next(name);
  assert_string_equal(name, bd_theme_name(0));
  assert_string_equal(bd_theme_next("/of/the/user.json"), bd_theme_name(0));
}

static bool plain(const bd_theme *theme, bd_role role) {
  bd_style zero = {0}, style = theme->styles[role];
  style.fg = style.bg = style.fg16 = style.bg16 = zero.fg;
  return memcmp(&style, &zero, sizeof zero) == 0;
}

static void mono_tells_roles_apart_without_colours(void **state) {
  (void)state;
  bd_theme theme;
  assert_int_equal(bd_theme_load("mono", &theme, NULL), BD_OK);
  for (int role = 0; role < BD_ROLE_COUNT; role++) {
    assert_int_equal(bd_theme_fg(&theme, (bd_role)role, 256), -1);
    assert_int_equal(bd_theme_bg(&theme, (bd_role)role, 256), -1);
  }
  static const bd_role shown[] = {BD_ROLE_FOCUS, BD_ROLE_CURSOR, BD_ROLE_MARKED, BD_ROLE_BEFORE,
                                  BD_ROLE_ERROR, BD_ROLE_BAD,    BD_ROLE_CHANGED};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    assert_false(plain(&theme, shown[i]));
}

static bd_theme parse(const char *text) {
  bd_theme theme;
  bd_error err = {{0}};
  if (bd_theme_parse(text, "t", &theme, &err) != BD_OK) fail_msg("%s", err.text);
  return theme;
}

static void colours_of_every_kind(void **state) {
  (void)state;
  bd_theme theme =
      parse("{\"roles\":{\"text\":{\"fg\":\"default\",\"bg\":7},\"good\":{\"fg\":\"#5fafd7\"},"
            "\"bad\":{\"fg\":\"bright-red\",\"bg\":166,\"fg16\":1,\"bold\":true}}}");
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_TEXT, 256), -1);
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_GOOD, 256), 74); // #5fafd7 is xterm's 74 exactly
  assert_int_equal(bd_theme_bg(&theme, BD_ROLE_GOOD, 256), 7);  // that of text
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_BAD, 256), 9);
  assert_int_equal(bd_theme_bg(&theme, BD_ROLE_BAD, 256), 166);
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_BAD, 16), 1);
  assert_true(theme.styles[BD_ROLE_BAD].bold);
}

static void few_colours_get_the_nearest(void **state) {
  (void)state;
  bd_colour white = {BD_COLOUR_RGB, 0xffffff}, red = {BD_COLOUR_PALETTE, 9};
  assert_int_equal(bd_colour_number(white, 256), 231);
  assert_int_equal(bd_colour_number(white, 16), 15);
  assert_int_equal(bd_colour_number(white, 8), 7);
  assert_int_equal(bd_colour_number(red, 8), 1);
  bd_colour grey = {BD_COLOUR_RGB, 0x808080};
  assert_int_equal(bd_colour_number(grey, 16), 8);
  assert_int_equal(bd_colour_number(grey, 8), 7);
  for (int i = 0; i < 256; i++) {
    bd_colour colour = {BD_COLOUR_PALETTE, i};
    assert_int_equal(bd_colour_number(colour, 256), i);
    assert_in_range(bd_colour_number(colour, 16), 0, 15);
    assert_in_range(bd_colour_number(colour, 8), 0, 7);
  }
}

static void a_theme_can_extend_another(void **state) {
  (void)state;
  bd_theme dark, theme = parse("{\"roles\":{\"good\":{\"fg\":1}},\"extends\":\"dark\"}");
  bd_theme_load("dark", &dark, NULL);
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_GOOD, 256), 1);
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_BEFORE, 256),
                   bd_theme_fg(&dark, BD_ROLE_BEFORE, 256));
}

// A wrong theme, and words that its error must hold.
static const char *const wrong[][2] = {
    {"", "t: not JSON"},
    {"{\"roles\":", "t: not JSON"},
    {"[]", "object"},
    {"{\"role\":{}}", "'role'"},
    {"{\"roles\":[]}", "\"roles\""},
    {"{\"roles\":{\"nothing\":{}}}", "'nothing'"},
    {"{\"roles\":{\"good\":3}}", "roles.good"},
    {"{\"roles\":{\"good\":{\"fg\":\"purpel\"}}}", "roles.good.fg"},
    {"{\"roles\":{\"good\":{\"fg\":256}}}", "roles.good.fg"},
    {"{\"roles\":{\"good\":{\"fg\":-1}}}", "roles.good.fg"},
    {"{\"roles\":{\"good\":{\"fg\":1.5}}}", "roles.good.fg"},
    {"{\"roles\":{\"good\":{\"bg16\":\"#12345\"}}}", "roles.good.bg16"},
    {"{\"roles\":{\"good\":{\"fg\":\"#12345g\"}}}", "roles.good.fg"},
    {"{\"roles\":{\"good\":{\"bold\":1}}}", "roles.good.bold"},
    {"{\"roles\":{\"good\":{\"italic\":true}}}", "'italic'"},
    {"{\"extends\":\"no-such\"}", "'no-such'"},
    {"{\"extends\":5}", "\"extends\""},
};

static void what_is_wrong_is_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    bd_theme theme;
    bd_error err = {{0}};
    assert_int_equal(bd_theme_parse(wrong[i][0], "t", &theme, &err), BD_INVALID);
    if (!strstr(err.text, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], err.text);
    assert_null(strchr(err.text, '\n'));
  }
}

static void themes_of_the_user_are_found(void **state) {
  (void)state;
  char folder[] = "/tmp/bitdial-theme-XXXXXX", path[128], command[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/bitdial", folder);
  mkdir(path, 0700);
  strcat(path, "/themes");
  mkdir(path, 0700);
  strcat(path, "/mine.json");
  const char text[] = "{\"extends\": \"dark\", \"roles\": {\"good\": {\"fg\": 99}}}";
  assert_int_equal(bd_file_write(path, text, strlen(text), NULL), BD_OK);
  setenv("XDG_CONFIG_HOME", folder, 1);
  bd_theme theme;
  assert_int_equal(bd_theme_load("mine", &theme, NULL), BD_OK);
  assert_int_equal(bd_theme_fg(&theme, BD_ROLE_GOOD, 256), 99);
  assert_int_equal(bd_theme_load(path, &theme, NULL), BD_OK); // and by its path
  bd_error err = {{0}};
  assert_int_equal(bd_theme_load("./none.json", &theme, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "none.json"));
  snprintf(command, sizeof command, "rm -r %s", folder);
  assert_int_equal(system(command), 0);
}

static void a_theme_that_extends_itself_ends(void **state) {
  (void)state;
  char path[] = "/tmp/bitdial-loop-XXXXXX.json", text[128];
  int file = mkstemps(path, 5);
  assert_true(file >= 0);
  snprintf(text, sizeof text, "{\"extends\": \"%s\"}", path);
  assert_int_equal(bd_file_write(path, text, strlen(text), NULL), BD_OK);
  bd_theme theme;
  bd_error err = {{0}};
  assert_int_equal(bd_theme_load(path, &theme, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "extends itself"));
  remove(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_theme_of_the_program_loads),
      cmocka_unit_test(the_next_theme_comes_round),
      cmocka_unit_test(mono_tells_roles_apart_without_colours),
      cmocka_unit_test(colours_of_every_kind),
      cmocka_unit_test(few_colours_get_the_nearest),
      cmocka_unit_test(a_theme_can_extend_another),
      cmocka_unit_test(what_is_wrong_is_named),
      cmocka_unit_test(themes_of_the_user_are_found),
      cmocka_unit_test(a_theme_that_extends_itself_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
