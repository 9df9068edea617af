#include "viewers/spread.h"

#include "viewers/excess.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 8, EXACT = 3, STRIP_LEAST = 12, STRIP_MOST = 60, MARGIN = 2 };

// The seeds of one init, best first.
typedef struct seeds {
  double excess[BD_SPREAD_SEEDS];
  int exact; // how many found the optimum
  bool known;
} seeds;

// Where things stand in a row: name, best, median, worst, exact, strip.
typedef struct plan {
  int best; // 0: dropped
  int median, worst, exact, strip, strip_columns;
} plan;

static const bd_field *inits(void) {
  return bd_setting_field(BD_FIELD_INIT);
}

int bd_spread_rows(void) {
  return 1 + inits()->choice_count;
}

static int ascending(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static seeds seeds_of(const bd_insight *insight, int init, double optimum) {
  seeds out = {.known = true};
  for (int i = 0; i < BD_SPREAD_SEEDS; i++) {
    out.excess[i] = init < BD_INITS_MAX ? bd_excess(insight->spread[init][i], optimum) : NAN;
    out.known &= !isnan(out.excess[i]);
    out.exact += out.excess[i] == 0;
  }
  if (out.known) qsort(out.excess, BD_SPREAD_SEEDS, sizeof *out.excess, ascending);
  return out;
}

static double median(const seeds *of) {
  return of->excess[(BD_SPREAD_SEEDS - 1) / 2]; // one of them, so that "exact" is
}

// One axis for all inits.
static bd_excess_axis axis_of(const bd_insight *insight, double optimum) {
  double all[BD_INITS_MAX * BD_SPREAD_SEEDS];
  int count = 0;
  for (int i = 0; i < inits()->choice_count && i < BD_INITS_MAX; i++)
    for (int j = 0; j < BD_SPREAD_SEEDS; j++)
      all[count++] = bd_excess(insight->spread[i][j], optimum);
  return bd_excess_axis_of(all, count);
}

static plan plan_of(int columns) {
  int name = 0, at;
  for (int i = 0; i < inits()->choice_count; i++) {
    int length = bd_show_columns(inits()->choices[i].name);
    name = length > name ? length : name;
  }
  name = (name < 8 ? 8 : name) + MARGIN;
  plan out = {0};
  bool best = columns - name - 3 * NUMBER - EXACT - 1 >= STRIP_LEAST;
  at = name;
  if (best) out.best = at += NUMBER;
  out.median = at += NUMBER;
  out.worst = at += NUMBER;
  out.exact = at += EXACT;
  out.strip = at + 1;
  out.strip_columns = columns - out.strip - 1;
  if (out.strip_columns > STRIP_MOST) out.strip_columns = STRIP_MOST;
  return out;
}

static int cell_of(const plan *to, bd_excess_axis axis, double excess) {
  int cell = (int)(bd_excess_place(axis, excess) * to->strip_columns);
  return cell < to->strip_columns ? cell : to->strip_columns - 1;
}

// The decades, at the cells where they begin.
static void draw_axis(const plan *to, bd_excess_axis axis, bd_area row) {
  char label[BD_SHOW_SIZE];
  int free = 0;
  for (int decade = axis.low; decade <= axis.high; decade++) {
    int columns = bd_show_columns(bd_excess_label(label, decade));
    int cell = cell_of(to, axis, pow(10, decade));
    if (decade == axis.high) cell = to->strip_columns - columns; // before the edge
    if (cell < free || cell + columns > to->strip_columns) continue;
    bd_print(row, to->strip + 1 + cell, 0, BD_ROLE_DIM, label);
    free = cell + columns + 1;
  }
}

static void draw_head(const plan *to, bd_excess_axis axis, bd_area row) {
  bd_print(row, MARGIN, 0, BD_ROLE_HEADER, "20 seeds");
  bd_tint(row, 0, 0, to->exact, BD_ROLE_HEADER);
  if (to->best) bd_print_right(row, to->best, 0, BD_ROLE_HEADER, "best");
  bd_print_right(row, to->median, 0, BD_ROLE_HEADER, "median");
  bd_print_right(row, to->worst, 0, BD_ROLE_HEADER, "worst");
  bd_print_right(row, to->exact, 0, BD_ROLE_GOOD, "✓");
  bd_put(row, to->strip, 0, bd_glyph_sign(row.canvas, BD_SIGN_WALL), BD_ROLE_RULE);
  if (axis.used) draw_axis(to, axis, row);
}

static void draw_number(bd_area row, int end, double excess) {
  char text[BD_SHOW_SIZE];
  if (end > 0)
    bd_print_right(row, end, 0,
                   isnan(excess) ? BD_ROLE_DIM
                   : excess == 0 ? BD_ROLE_GOOD
                                 : BD_ROLE_TEXT,
                   bd_excess_show(text, excess));
}

// A bar in each cell, as high as there are seeds in it; those that are exact stand before the wall.
static void draw_strip(const plan *to, const seeds *of, bd_excess_axis axis, bd_area row) {
  int counts[STRIP_MOST] = {0};
  for (int i = of->exact; i < BD_SPREAD_SEEDS; i++)
    counts[cell_of(to, axis, of->excess[i])]++;
  for (int decade = axis.low; decade <= axis.high && axis.used; decade++)
    bd_put(row, to->strip + 1 + cell_of(to, axis, pow(10, decade)), 0,
           bd_glyph_sign(row.canvas, BD_SIGN_DOT), BD_ROLE_DIM);
  for (int i = 0; i < to->strip_columns; i++)
    if (counts[i] > 0)
      bd_put(row, to->strip + 1 + i, 0,
             bd_glyph_bar(row.canvas, 2 + counts[i] * 6 / BD_SPREAD_SEEDS), BD_ROLE_SPARK);
}

static void draw_init(const plan *to, const seeds *of, bd_excess_axis axis, const char *name,
                      bd_area row) {
  char count[BD_SHOW_SIZE];
  bd_print(row, MARGIN, 0, BD_ROLE_TEXT, name);
  draw_number(row, to->best, of->known ? of->excess[0] : NAN);
  draw_number(row, to->median, of->known ? median(of) : NAN);
  draw_number(row, to->worst, of->known ? of->excess[BD_SPREAD_SEEDS - 1] : NAN);
  bd_put(row, to->strip, 0, bd_glyph_sign(row.canvas, BD_SIGN_WALL), BD_ROLE_RULE);
  if (!of->known) return;
  snprintf(count, sizeof count, "%d", of->exact);
  bd_print_right(row, to->exact, 0, of->exact ? BD_ROLE_GOOD : BD_ROLE_DIM, count);
  if (to->strip_columns > 0) draw_strip(to, of, axis, row);
}

void bd_spread_draw(const bd_insight *insight, double optimum, int init, bd_area area) {
  plan to = plan_of(area.columns);
  bd_excess_axis axis = axis_of(insight, optimum);
  for (int i = 0; i < inits()->choice_count; i++) {
    bd_area row = bd_area_part(area, 0, 1 + i, area.columns, 1);
    seeds of = seeds_of(insight, i, optimum);
    draw_init(&to, &of, axis, inits()->choices[i].name, row);
    if (i == init) bd_put(row, 0, 0, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_TITLE);
  }
  draw_head(&to, axis, bd_area_part(area, 0, 0, area.columns, 1));
}
