// The layout at every size: nothing overlaps, nothing leaves the screen, nothing is negative.
#include "tui/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { COLUMNS = 200, ROWS = 60 };

static char cells[ROWS][COLUMNS];

// Fills a rectangle; fails where it leaves the screen or meets another one.
static void fill(bd_rect rect, int columns, int rows) {
  assert_true(rect.column >= 0 && rect.row >= 0 && rect.columns >= 0 && rect.rows >= 0);
  assert_true(rect.column + rect.columns <= columns && rect.row + rect.rows <= rows);
  for (int row = rect.row; row < rect.row + rect.rows; row++) {
    for (int column = rect.column; column < rect.column + rect.columns; column++) {
      assert_int_equal(cells[row][column], 0);
      cells[row][column] = 1;
    }
  }
}

static int filled(void) {
  int count = 0;
  for (int row = 0; row < ROWS; row++) {
    for (int column = 0; column < COLUMNS; column++)
      count += cells[row][column];
  }
  return count;
}

static void check(int columns, int rows, bd_layout_wish wish) {
  bd_layout layout = bd_layout_make(columns, rows, wish);
  assert_int_equal(layout.fits, columns >= 60 && rows >= 16);
  if (!layout.fits) return;
  memset(cells, 0, sizeof cells);
  fill(layout.header, columns, rows);
  fill(layout.footer, columns, rows);
  fill(layout.wall, columns, rows);
  for (int i = 0; i < BD_PANELS_MAX; i++) {
    bd_frame frame = layout.panels[i];
    fill(frame.title, columns, rows);
    fill(frame.inside, columns, rows);
    assert_true(i < wish.panels || frame.title.rows == 0);
    if (frame.title.rows == 0) continue;
    assert_int_equal(frame.title.rows, 1);
    assert_true(frame.inside.rows >= 4 && frame.inside.columns >= 39);
  }
  assert_int_equal(filled(), columns * rows); // and nothing is left over
}

static void every_size_is_tiled(void **state) {
  (void)state;
  static const int table_rows[] = {0, 3, 14, 1000};
  for (int rows = 1; rows <= ROWS; rows++) {
    for (int columns = 1; columns <= COLUMNS; columns++) {
      for (int i = 0; i < 4; i++) {
        for (int panels = 1; panels <= 7; panels++) {
          check(columns, rows, (bd_layout_wish){panels, i, table_rows[i], (i * 3 + panels) % 8});
        }
      }
    }
  }
}

static void the_table_is_always_shown(void **state) {
  (void)state;
  for (int detail = 0; detail < 3; detail++) {
    bd_layout narrow = bd_layout_make(80, 24, (bd_layout_wish){3, detail, 14, 0});
    bd_layout wide = bd_layout_make(120, 40, (bd_layout_wish){3, detail, 14, 0});
    assert_true(narrow.panels[0].inside.rows > 0 && wide.panels[0].inside.rows > 0);
  }
}

static void a_narrow_screen_shows_the_detail_that_was_chosen(void **state) {
  (void)state;
  bd_layout histogram = bd_layout_make(80, 24, (bd_layout_wish){3, 1, 14, 0});
  bd_layout error = bd_layout_make(80, 24, (bd_layout_wish){3, 2, 14, 0});
  assert_int_equal(histogram.wall.columns, 0);
  assert_true(histogram.panels[1].inside.rows > 0 && histogram.panels[2].inside.rows == 0);
  assert_true(error.panels[1].inside.rows == 0 && error.panels[2].inside.rows > 0);
  // Below the table, never above it.
  assert_true(error.panels[2].title.row > error.panels[0].inside.row);
}

static void many_rows_show_three_panels(void **state) {
  (void)state;
  bd_layout layout = bd_layout_make(80, 40, (bd_layout_wish){3, 1, 14, 0});
  for (int i = 0; i < 3; i++)
    assert_true(layout.panels[i].inside.rows > 0);
}

static void a_wide_screen_has_two_columns(void **state) {
  (void)state;
  bd_layout layout = bd_layout_make(120, 40, (bd_layout_wish){3, 1, 14, 0});
  assert_int_equal(layout.wall.columns, 1);
  assert_true(layout.panels[0].inside.column + layout.panels[0].inside.columns <=
              layout.wall.column);
  assert_true(layout.panels[1].inside.column > layout.wall.column);
  assert_true(layout.panels[2].title.row > layout.panels[1].inside.row);
}

// The one that was chosen last stays below panel 1, also while panel 1 has the keys.
static void the_lower_panel_is_the_one_chosen_last(void **state) {
  (void)state;
  for (int below = 2; below < 5; below++) {
    bd_layout wide = bd_layout_make(120, 40, (bd_layout_wish){5, 1, 14, below});
    bd_layout tall = bd_layout_make(80, 40, (bd_layout_wish){5, 1, 14, below});
    for (int i = 2; i < 5; i++) {
      assert_int_equal(wide.panels[i].inside.rows > 0, i == below);
      assert_int_equal(tall.panels[i].inside.rows > 0, i == below);
    }
  }
}

static void a_short_table_leaves_its_rows_to_the_others(void **state) {
  (void)state;
  bd_layout shorter = bd_layout_make(80, 40, (bd_layout_wish){3, 1, 5, 0});
  bd_layout longer = bd_layout_make(80, 40, (bd_layout_wish){3, 1, 100, 0});
  assert_true(shorter.panels[0].inside.rows < longer.panels[0].inside.rows);
  assert_true(shorter.panels[1].inside.rows > longer.panels[1].inside.rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_size_is_tiled),
      cmocka_unit_test(the_table_is_always_shown),
      cmocka_unit_test(a_narrow_screen_shows_the_detail_that_was_chosen),
      cmocka_unit_test(many_rows_show_three_panels),
      cmocka_unit_test(a_wide_screen_has_two_columns),
      cmocka_unit_test(the_lower_panel_is_the_one_chosen_last),
      cmocka_unit_test(a_short_table_leaves_its_rows_to_the_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
