// Where each panel stands: a pure function of the screen's size and of what is in hand.
#ifndef BD_TUI_LAYOUT_H
#define BD_TUI_LAYOUT_H

#include <stdbool.h>

enum { BD_PANELS_MAX = 16, BD_COLUMNS_LEAST = 60, BD_ROWS_LEAST = 16, BD_COLUMNS_WIDE = 100 };

typedef struct bd_rect {
  int column, row, columns, rows; // none of either: nothing is there
} bd_rect;

typedef struct bd_frame {
  bd_rect title, inside; // no rows where the panel is not shown
} bd_frame;

typedef struct bd_layout {
  bool fits; // false: the screen is smaller than 60×16, and nothing else is set
  bd_rect header, footer;
  bd_frame panels[BD_PANELS_MAX];
  bd_rect wall; // between the left and the right column; nothing in a narrow layout
} bd_layout;

typedef struct bd_layout_wish {
  int panels;     // how many there are, the table (panel 0) first
  int detail;     // the panel last chosen among 1..panels-1: it is shown where not all fit
  int table_rows; // rows that the table can use; more are given to the others
  int below;      // the panel last chosen among 2..panels-1: it is shown below panel 1; 0 none yet
} bd_layout_wish;

// Wide (from 100 columns): the table left, panel 1 above another one on the right. Narrower: the
// table above the detail, or above panel 1 and another one where the rows are many.
bd_layout bd_layout_make(int columns, int rows, bd_layout_wish wish);

#endif
