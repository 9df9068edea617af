#include "tui/layout.h"

enum {
  LOWER_LEAST = 7, // rows of the lower panel on the right, title included: half, but …
  LOWER_MOST = 26,
  ROWS_FOR_THREE = 30, // a narrow screen with as many shows three panels
  TABLE_LEAST = 5,     // rows of the table, title included
  TABLE_COLUMNS_MOST = 110,
};

static int clamp(int value, int least, int most) {
  if (value > most) value = most;
  return value < least ? least : value;
}

static bd_frame frame(bd_rect whole) {
  return (bd_frame){
      .title = {whole.column, whole.row, whole.columns, 1},
      .inside = {whole.column, whole.row + 1, whole.columns, whole.rows - 1},
  };
}

// Panel 1 above the lower one, in the given place; the lower one alone stands in it whole.
static void stack(bd_layout *layout, bd_rect place, int lower) {
  if (lower == 1) {
    layout->panels[1] = frame(place);
    return;
  }
  int lower_rows = clamp(place.rows / 2, LOWER_LEAST, LOWER_MOST);
  int upper_rows = place.rows - lower_rows;
  layout->panels[1] = frame((bd_rect){place.column, place.row, place.columns, upper_rows});
  layout->panels[lower] =
      frame((bd_rect){place.column, place.row + upper_rows, place.columns, lower_rows});
}

// The panel below panel 1: the one chosen, else the next one.
static int lower_panel(bd_layout_wish wish) {
  if (wish.below > 1 && wish.below < wish.panels) return wish.below;
  return wish.panels > 2 ? 2 : 1;
}

static void make_wide(bd_layout *layout, bd_rect body, bd_layout_wish wish) {
  int left = clamp(body.columns * 60 / 100, 0, TABLE_COLUMNS_MOST);
  int right = body.columns - left - 1;
  layout->panels[0] = frame((bd_rect){body.column, body.row, left, body.rows});
  layout->wall = (bd_rect){body.column + left, body.row, 1, body.rows};
  bd_rect place = {body.column + left + 1, body.row, right, body.rows};
  stack(layout, place, lower_panel(wish));
}

static void make_narrow(bd_layout *layout, bd_rect body, bd_layout_wish wish) {
  bool three = body.rows + 2 >= ROWS_FOR_THREE && wish.panels > 2;
  int table = clamp(three ? body.rows * 2 / 5 : body.rows / 2, TABLE_LEAST, body.rows);
  table = clamp(wish.table_rows + 1, TABLE_LEAST, table);
  layout->panels[0] = frame((bd_rect){body.column, body.row, body.columns, table});
  bd_rect place = {body.column, body.row + table, body.columns, body.rows - table};
  if (three) {
    stack(layout, place, lower_panel(wish));
  } else {
    int shown = clamp(wish.detail, 1, wish.panels - 1);
    layout->panels[shown] = frame(place);
  }
}

bd_layout bd_layout_make(int columns, int rows, bd_layout_wish wish) {
  bd_layout layout = {.fits = columns >= BD_COLUMNS_LEAST && rows >= BD_ROWS_LEAST};
  if (!layout.fits) return layout;
  layout.header = (bd_rect){0, 0, columns, 1};
  layout.footer = (bd_rect){0, rows - 1, columns, 1};
  bd_rect body = {0, 1, columns, rows - 2};
  if (wish.panels < 2) {
    layout.panels[0] = frame(body);
  } else if (columns >= BD_COLUMNS_WIDE) {
    make_wide(&layout, body, wish);
  } else {
    make_narrow(&layout, body, wish);
  }
  return layout;
}
