#include "viewers/columns.h"

#include <stddef.h>

enum {
  SIGNS = 2, // cursor and mark stand before the first column
  NAME_LEAST = 8,
  NAME_WANTED = 24,
  SPARK_LEAST = 3,
  SPARK_USUAL = 8,
  SPARK_MOST = 24,
};

static const struct {
  const char *title;
  bool right;
  int width; // 0: depends on the model
} table[BD_COLUMN_COUNT] = {
    [BD_COLUMN_NUMBER] = {"#", true, 0},
    [BD_COLUMN_TENSOR] = {"tensor", false, 0},
    [BD_COLUMN_OP] = {"op", false, 0},
    [BD_COLUMN_SHAPE] = {"shape", false, 0},
    [BD_COLUMN_WEIGHTS] = {"weights", true, 0},
    [BD_COLUMN_MACS] = {"MACs", true, 5},
    [BD_COLUMN_BITS] = {"bits", true, 4},
    [BD_COLUMN_PRUNE] = {"prune", true, 5},
    [BD_COLUMN_SQNR] = {"SQNR", true, 6},
    [BD_COLUMN_LOCAL] = {"local", true, 6},
    [BD_COLUMN_OPTIMUM] = {"opt", true, 6},
    [BD_COLUMN_SIZE] = {"size", true, 5},
    [BD_COLUMN_SPARK] = {"", false, SPARK_LEAST},
};

static const bd_column dropped_first[] = {
    BD_COLUMN_SHAPE,   BD_COLUMN_MACS,  BD_COLUMN_NUMBER,  BD_COLUMN_SIZE,
    BD_COLUMN_LOCAL,   BD_COLUMN_OP,    BD_COLUMN_WEIGHTS, BD_COLUMN_SPARK,
    BD_COLUMN_OPTIMUM, BD_COLUMN_PRUNE, BD_COLUMN_BITS,    BD_COLUMN_SQNR,
};

const char *bd_column_title(bd_column column) {
  return table[column].title;
}

bool bd_column_right(bd_column column) {
  return table[column].right;
}

static int clamp(int value, int least, int most) {
  return value < least ? least : value > most ? most : value;
}

static int total(const bd_plan *plan, int gap) {
  int sum = SIGNS - gap;
  for (int i = 0; i < BD_COLUMN_COUNT; i++)
    if (plan->width[i]) sum += gap + plan->width[i];
  return sum;
}

static void natural_widths(const bd_longest *longest, bd_plan *plan) {
  for (int i = 0; i < BD_COLUMN_COUNT; i++)
    plan->width[i] = table[i].width;
  if (!longest->local) plan->width[BD_COLUMN_LOCAL] = 0;
  plan->width[BD_COLUMN_NUMBER] = clamp(longest->number, 2, 9);
  plan->width[BD_COLUMN_TENSOR] = clamp(longest->tensor, 6, NAME_WANTED);
  plan->width[BD_COLUMN_OP] = clamp(longest->op, 4, 9);
  plan->width[BD_COLUMN_SHAPE] = clamp(longest->shape, 5, 20);
  plan->width[BD_COLUMN_WEIGHTS] = clamp(longest->weights, 7, 15);
}

// Gives what is free to a column, up to `most`.
static void grow(bd_plan *plan, bd_column column, int most, int gap, int columns) {
  int *width = &plan->width[column];
  int free = columns - total(plan, gap);
  if (*width && free > 0 && most > *width) *width = clamp(*width + free, *width, most);
}

static void place(bd_plan *plan, int gap) {
  int at = SIGNS;
  for (int i = 0; i < BD_COLUMN_COUNT; i++) {
    plan->at[i] = at;
    if (plan->width[i]) at += plan->width[i] + gap;
  }
}

// Drops columns until the rest fits. Once only the three most wanted are left, the name shrinks
// too.
static void drop(bd_plan *plan, int columns) {
  int *name = &plan->width[BD_COLUMN_TENSOR];
  for (size_t i = 0; i < sizeof dropped_first / sizeof *dropped_first; i++) {
    if (dropped_first[i] == BD_COLUMN_PRUNE)
      *name = clamp(columns - total(plan, 1) + *name, NAME_LEAST, *name);
    if (total(plan, 1) <= columns) return;
    plan->width[dropped_first[i]] = 0;
  }
  *name = clamp(columns - SIGNS, 0, *name);
}

bd_plan bd_columns_plan(const bd_longest *longest, int columns) {
  bd_plan plan = {0};
  natural_widths(longest, &plan);
  drop(&plan, columns);
  grow(&plan, BD_COLUMN_TENSOR, longest->tensor, 1, columns);
  grow(&plan, BD_COLUMN_SPARK, SPARK_USUAL, 1, columns);
  int gap = total(&plan, 2) <= columns ? 2 : 1;
  grow(&plan, BD_COLUMN_SPARK, SPARK_MOST, gap, columns);
  place(&plan, gap);
  return plan;
}

bd_column bd_columns_at(const bd_plan *plan, int cell) {
  for (int i = 0; i < BD_COLUMN_COUNT; i++)
    if (plan->width[i] && cell >= plan->at[i] && cell <= plan->at[i] + plan->width[i])
      return (bd_column)i;
  return BD_COLUMN_COUNT;
}
