#include "viewers/trace.h"

#include "viewers/excess.h"
#include "viewers/show.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 8, UNIT_MOST = 4, LLOYD_LEAST = 8 };

// One of the two: the swarm, or Lloyd.
typedef struct phase {
  const double *sse;
  int steps;
  int column, columns; // within the plot
  const char *name;
  bd_role role;
} phase;

typedef struct chart {
  phase swarm, lloyd;
  double optimum;
  bd_excess_axis axis;
} chart;

// Whole cells for each step where they fit, else as many steps to a cell as it takes.
static void share_columns(chart *plot, int columns) {
  phase *swarm = &plot->swarm, *lloyd = &plot->lloyd;
  int wall = swarm->steps > 0 && lloyd->steps > 0, steps = swarm->steps + lloyd->steps;
  int unit = (columns - wall) / steps;
  if (unit > UNIT_MOST) unit = UNIT_MOST;
  lloyd->columns = lloyd->steps * unit;
  swarm->columns = swarm->steps * unit;
  if (unit == 0) {
    int share = (int)((double)lloyd->steps / steps * (columns - wall));
    int least = lloyd->steps < LLOYD_LEAST ? lloyd->steps : LLOYD_LEAST;
    lloyd->columns = share < least ? least : share;
    if (swarm->steps == 0) lloyd->columns = columns;
    swarm->columns = columns - wall - lloyd->columns;
  }
  lloyd->column = swarm->columns + wall;
}

// The last step that a column stands for.
static int step_at(const phase *of, int column) {
  int step = ((column + 1) * of->steps + of->columns - 1) / of->columns - 1;
  return step < of->steps ? step : of->steps - 1;
}

static bd_excess_axis axis_of(const phase *of, double optimum) {
  bd_excess_axis axis = {.low = 0, .high = 1};
  for (int i = 0; i < of->steps; i++) {
    double excess = bd_excess(of->sse[i], optimum);
    axis = bd_excess_axis_join(axis, bd_excess_axis_of(&excess, 1));
  }
  return axis;
}

static void draw_bar(const chart *plot, bd_area area, int column, double excess, bd_role role) {
  int bottom = area.rows - 1;
  if (excess == 0) {
    bd_put(area, column, bottom, bd_glyph_sign(area.canvas, BD_SIGN_CHECK), BD_ROLE_GOOD);
    return;
  }
  int height = (int)lround(bd_excess_place(plot->axis, excess) * area.rows * 8);
  if (height < 1) height = 1;
  for (int row = 0; row * 8 < height; row++)
    bd_put(area, column, bottom - row, bd_glyph_bar(area.canvas, height - row * 8), role);
}

static void draw_phase(const chart *plot, const phase *of, bd_area area, bd_area foot) {
  char label[BD_SHOW_SIZE];
  for (int i = 0; i < of->columns; i++) {
    double excess = bd_excess(of->sse[step_at(of, i)], plot->optimum);
    draw_bar(plot, area, of->column + i, excess, of->role);
  }
  if (of->steps == 0) return;
  snprintf(label, sizeof label, "%s %d", of->name, of->steps);
  if (bd_show_columns(label) > of->columns) snprintf(label, sizeof label, "%s", of->name);
  bd_print(foot, of->column, 0, of->role, label);
}

// Each decade at the row that its bars reach up to.
static void draw_labels(const chart *plot, bd_area area) {
  char label[BD_SHOW_SIZE];
  int last = area.rows;
  if (!plot->axis.used) bd_print_right(area, LABEL - 1, last - 1, BD_ROLE_GOOD, "exact");
  for (int decade = plot->axis.low; decade <= plot->axis.high && plot->axis.used; decade++) {
    double place = bd_excess_place(plot->axis, pow(10, decade));
    int row = area.rows - (int)lround(place * area.rows);
    if (row >= area.rows) row = area.rows - 1;
    if (row >= last) continue;
    bd_print_right(area, LABEL - 1, row, BD_ROLE_DIM, bd_excess_label(label, decade));
    last = row;
  }
}

void bd_trace_draw(const bd_trace *trace, double optimum, bd_area area) {
  if (trace->swarm_count + trace->lloyd_count == 0 || isnan(optimum) ||
      area.rows < BD_TRACE_ROWS_LEAST || area.columns < BD_TRACE_COLUMNS_LEAST)
    return;
  bd_area plot_area = bd_area_part(area, LABEL, 0, area.columns - LABEL, area.rows - 1);
  bd_area foot = bd_area_part(area, LABEL, area.rows - 1, area.columns - LABEL, 1);
  chart plot = {
      .swarm = {trace->swarm, trace->swarm_count, 0, 0, "swarm", BD_ROLE_SPARK},
      .lloyd = {trace->lloyd, trace->lloyd_count, 0, 0, "Lloyd", BD_ROLE_AFTER},
      .optimum = optimum,
  };
  share_columns(&plot, plot_area.columns);
  plot.axis = bd_excess_axis_join(axis_of(&plot.swarm, optimum), axis_of(&plot.lloyd, optimum));
  draw_labels(&plot, bd_area_part(area, 0, 0, LABEL, plot_area.rows));
  draw_phase(&plot, &plot.swarm, plot_area, foot);
  draw_phase(&plot, &plot.lloyd, plot_area, foot);
  if (plot.lloyd.column > plot.swarm.columns)
    bd_rule(plot_area, plot.swarm.columns, 0, plot_area.rows, true, BD_ROLE_RULE);
}

// "swarm 11: +.02% to +.01%", by its first and its last step.
static size_t describe(const phase *of, double optimum, char *out, size_t size) {
  char first[BD_SHOW_SIZE], last[BD_SHOW_SIZE];
  if (of->steps == 0 || size == 0) return 0;
  bd_excess_show(first, bd_excess(of->sse[0], optimum));
  bd_excess_show(last, bd_excess(of->sse[of->steps - 1], optimum));
  bool moved = strcmp(first, last) != 0;
  int used = snprintf(out, size, "%s %d: %s%s%s", of->name, of->steps, first, moved ? " to " : "",
                      moved ? last : "");
  return (size_t)used < size ? (size_t)used : size - 1;
}

char *bd_trace_describe(const bd_trace *trace, double optimum, char *out, size_t size) {
  phase swarm = {.sse = trace->swarm, .steps = trace->swarm_count, .name = "swarm"};
  phase lloyd = {.sse = trace->lloyd, .steps = trace->lloyd_count, .name = "Lloyd"};
  size_t used = describe(&swarm, optimum, out, size);
  if (used > 0 && lloyd.steps > 0) used += (size_t)snprintf(out + used, size - used, " · ");
  if (used < size) used += describe(&lloyd, optimum, out + used, size - used);
  if (used == 0) out[0] = '\0';
  return out;
}
