// The canvas: clipping, UTF-8, ASCII twins, what it says as text.
#include "core/base/text.h"
#include "viewers/canvas.h"
#include "viewers/glyphs.h"

#include <limits.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

static void expect_text(const bd_canvas *canvas, const char *expected) {
  char *text = bd_canvas_text(canvas);
  assert_non_null(text);
  assert_string_equal(text, expected);
  free(text);
}

static void expect_roles(const bd_canvas *canvas, const char *expected) {
  char *roles = bd_canvas_roles(canvas);
  assert_non_null(roles);
  assert_string_equal(roles, expected);
  free(roles);
}

static void test_drawing_never_leaves_its_area(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(6, 3, false);
  bd_area middle = bd_area_part(bd_area_whole(canvas), 2, 1, 2, 1);
  bd_print(middle, -3, 0, BD_ROLE_GOOD, "abcdefghij");
  bd_print(middle, 0, -1, BD_ROLE_GOOD, "no");
  bd_print(middle, 0, 1, BD_ROLE_GOOD, "no");
  bd_put(middle, 2, 0, 'x', BD_ROLE_GOOD);
  bd_tint(middle, -5, 1, 50, BD_ROLE_BAD);
  expect_text(canvas, "\n  de\n\n");
  expect_roles(canvas, "......\n..gg..\n......\n");
  bd_tint(middle, INT_MIN, 0, INT_MAX, BD_ROLE_BAD);
  bd_tint(middle, 1, 0, INT_MAX, BD_ROLE_WARN);
  expect_roles(canvas, "......\n..gw..\n......\n");
  bd_canvas_free(canvas);
}

static void test_an_area_is_cut_to_its_parent(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(10, 4, false);
  bd_area whole = bd_area_whole(canvas);
  static const int cases[][8] = {
      // asked: column, row, columns, rows; given: the same
      {2, 1, 5, 2, 2, 1, 5, 2},
      {8, 3, 5, 5, 8, 3, 2, 1},
      {-2, -1, 5, 3, 0, 0, 3, 2},
      {20, 20, 5, 5, 10, 4, 0, 0},
      {0, 0, -1, -1, 0, 0, 0, 0},
      {-9, 0, 3, 1, 0, 0, 0, 1},
      {5, 2, INT_MAX, INT_MAX, 5, 2, 5, 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int *c = cases[i];
    bd_area part = bd_area_part(whole, c[0], c[1], c[2], c[3]);
    assert_int_equal(part.column, c[4]);
    assert_int_equal(part.row, c[5]);
    assert_int_equal(part.columns, c[6]);
    assert_int_equal(part.rows, c[7]);
  }
  bd_canvas_free(canvas);
}

static void test_print_returns_the_column_after(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(8, 2, false);
  bd_area area = bd_area_whole(canvas);
  assert_int_equal(bd_print(area, 1, 0, BD_ROLE_TEXT, "é≤x"), 4);
  assert_int_equal(bd_print(area, 6, 0, BD_ROLE_TEXT, "long"), 8);
  bd_print_right(area, 8, 1, BD_ROLE_TEXT, "−0.5");
  bd_printf(area, 0, 1, BD_ROLE_TEXT, "%d%c", 7, '%');
  expect_text(canvas, " é≤x  lo\n7%  −0.5\n");
  bd_canvas_free(canvas);
}

static void test_fit_keeps_both_ends(void **state) {
  (void)state;
  static const struct {
    int width, end;
    const char *utf8, *ascii;
  } cases[] = {
      {20, 9, "conv1/wéé\n", "conv1/w??\n"},
      {9, 9, "conv1/wéé\n", "conv1/w??\n"},
      {8, 8, "conv…wéé\n", "conv~w??\n"},
      {3, 3, "c…é\n", "c~?\n"},
      {2, 2, "c…\n", "c~\n"},
      {1, 1, "…\n", "~\n"},
      {0, 0, "\n", "\n"},
      {-4, 0, "\n", "\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int ascii = 0; ascii < 2; ascii++) {
      bd_canvas *canvas = bd_canvas_new(12, 1, ascii);
      int end =
          bd_print_fit(bd_area_whole(canvas), 0, 0, cases[i].width, BD_ROLE_TEXT, "conv1/wéé");
      assert_int_equal(end, cases[i].end);
      expect_text(canvas, ascii ? cases[i].ascii : cases[i].utf8);
      bd_canvas_free(canvas);
    }
  }
}

static void test_what_would_break_a_screen_is_a_question_mark(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(24, 1, false);
  // escape, a lone continuation byte, a combining accent, a wide letter, an emoji, right-to-left
  // mark
  bd_print(bd_area_whole(canvas), 0, 0, BD_ROLE_TEXT,
           "a\x1b[b\x80"
           "c\xcc\x81"
           "d日e\xf0\x9f\x94\x92"
           "f\xe2\x80\x8fg\xff");
  expect_text(canvas, "a?[b?c?d?e?f?g?\n");
  bd_canvas_free(canvas);
}

static void test_every_glyph_has_an_ascii_twin(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(BD_SIGN_COUNT, 1, true);
  bd_canvas *rich = bd_canvas_new(1, 1, false);
  for (int i = 0; i < BD_SIGN_COUNT; i++) {
    assert_in_range(bd_glyph_sign(canvas, (bd_sign)i), 0x21, 0x7e);
    assert_true(bd_glyph_narrow(bd_glyph_sign(rich, (bd_sign)i)));
    // a Unicode glyph that is put on an ASCII canvas becomes the same twin
    bd_put(bd_area_whole(canvas), i, 0, bd_glyph_sign(rich, (bd_sign)i), BD_ROLE_TEXT);
    assert_int_equal(bd_canvas_at(canvas, i, 0).glyph, bd_glyph_sign(canvas, (bd_sign)i));
  }
  for (int i = -1; i <= 9; i++) {
    assert_in_range(bd_glyph_bar(canvas, i), 0x20, 0x7e);
    assert_in_range(bd_glyph_row(canvas, i), 0x20, 0x7e);
    assert_in_range(bd_glyph_shade(canvas, i), 0x20, 0x7e);
  }
  for (unsigned i = 1; i < 16; i++) {
    assert_in_range(bd_glyph_edge(canvas, i), 0x21, 0x7e);
    bd_put(bd_area_whole(canvas), 0, 0, bd_glyph_edge(rich, i), BD_ROLE_TEXT);
    assert_int_equal(bd_canvas_at(canvas, 0, 0).glyph, bd_glyph_edge(canvas, i));
  }
  assert_int_equal(bd_glyph_bar(rich, 0), ' ');
  for (int i = 1; i <= 8; i++) {
    assert_int_equal(bd_glyph_bar(rich, i), 0x2580 + i);
    assert_int_equal(bd_glyph_row(rich, i), 0x2590 - i);
  }
  bd_canvas_free(rich);
  bd_canvas_free(canvas);
}

// The C library's own width table is the second opinion.
static void test_allowed_characters_take_one_column(void **state) {
  (void)state;
  if (!setlocale(LC_CTYPE, "C.UTF-8")) skip();
  int allowed = 0;
  for (uint32_t code = 0; code < 0x30000; code++) {
    if (!bd_glyph_narrow(code)) continue;
    if (wcwidth((wchar_t)code) != 1)
      fail_msg("U+%04X takes %d columns", code, wcwidth((wchar_t)code));
    allowed++;
  }
  assert_true(allowed > 2000);
  assert_true(bd_glyph_narrow(0xe9) && bd_glyph_narrow(0x3b1) && bd_glyph_narrow(0x436));
  setlocale(LC_CTYPE, "C");
}

static void test_reset_erases_and_resizes(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(3, 1, false);
  bd_print(bd_area_whole(canvas), 0, 0, BD_ROLE_BAD, "abc");
  assert_true(bd_canvas_reset(canvas, 2, 2));
  expect_text(canvas, "\n\n");
  expect_roles(canvas, "..\n..\n");
  assert_true(bd_canvas_reset(canvas, -1, 5));
  assert_int_equal(bd_canvas_columns(canvas), 0);
  expect_text(canvas, "\n\n\n\n\n");
  assert_true(bd_canvas_reset(canvas, 0, 0));
  expect_text(canvas, "");
  bd_put(bd_area_whole(canvas), 0, 0, 'x', BD_ROLE_TEXT);
  bd_canvas_free(canvas);
}

static void test_rules(void **state) {
  (void)state;
  bd_canvas *canvas = bd_canvas_new(4, 3, true);
  bd_rule(bd_area_whole(canvas), -1, 0, 3, false, BD_ROLE_RULE);
  bd_rule(bd_area_whole(canvas), 3, 1, INT_MAX, true, BD_ROLE_RULE);
  expect_text(canvas, "--\n   |\n   |\n");
  expect_roles(canvas, "--..\n...-\n...-\n");
  bd_canvas_free(canvas);
}

static void test_roles_are_told_apart(void **state) {
  (void)state;
  for (int i = 0; i < BD_ROLE_COUNT; i++)
    for (int j = 0; j < i; j++) {
      assert_string_not_equal(bd_role_name((bd_role)i), bd_role_name((bd_role)j));
      assert_int_not_equal(bd_role_letter((bd_role)i), bd_role_letter((bd_role)j));
    }
  assert_string_equal(bd_role_name(BD_ROLE_COUNT), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_drawing_never_leaves_its_area),
      cmocka_unit_test(test_an_area_is_cut_to_its_parent),
      cmocka_unit_test(test_print_returns_the_column_after),
      cmocka_unit_test(test_fit_keeps_both_ends),
      cmocka_unit_test(test_what_would_break_a_screen_is_a_question_mark),
      cmocka_unit_test(test_every_glyph_has_an_ascii_twin),
      cmocka_unit_test(test_allowed_characters_take_one_column),
      cmocka_unit_test(test_reset_erases_and_resizes),
      cmocka_unit_test(test_rules),
      cmocka_unit_test(test_roles_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
