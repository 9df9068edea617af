// The columns of the layer table: which ones fit, and where they stand. A pure function.
#ifndef BD_VIEWERS_COLUMNS_H
#define BD_VIEWERS_COLUMNS_H

#include <stdbool.h>

typedef enum bd_column {
  BD_COLUMN_NUMBER,
  BD_COLUMN_TENSOR,
  BD_COLUMN_OP,
  BD_COLUMN_SHAPE,
  BD_COLUMN_WEIGHTS,
  BD_COLUMN_MACS,
  BD_COLUMN_BITS,
  BD_COLUMN_PRUNE,
  BD_COLUMN_SQNR,
  BD_COLUMN_LOCAL,
  BD_COLUMN_OPTIMUM,
  BD_COLUMN_SIZE,
  BD_COLUMN_SPARK,
  BD_COLUMN_COUNT
} bd_column;

const char *bd_column_title(bd_column column);
bool bd_column_right(bd_column column); // numbers stand right

// The longest text in each column whose width depends on the model.
typedef struct bd_longest {
  int number, tensor, op, shape, weights;
  bool local; // there are local errors: without data that column is left out
} bd_longest;

typedef struct bd_plan {
  int at[BD_COLUMN_COUNT];    // first cell
  int width[BD_COLUMN_COUNT]; // 0: dropped
} bd_plan;

// Columns are dropped in one order as `columns` shrinks (screen.md 1: shape and number first; bits,
// prune and SQNR stay to the last), the sparkline shrinks before that, and the name takes what is
// left. What is in the plan never leaves [0, columns).
bd_plan bd_columns_plan(const bd_longest *longest, int columns);

// The column that a cell belongs to, or BD_COLUMN_COUNT.
bd_column bd_columns_at(const bd_plan *plan, int cell);

#endif
