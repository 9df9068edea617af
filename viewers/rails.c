#include "viewers/rails.h"

#include "viewers/canvas.h"

#include <string.h>

enum { FREE = -1 };

typedef struct layer_out {
  const bd_graph *graph;
  const int *nodes;
  int count;
  int rail[BD_RAILS_MOST]; // the value that runs down the column, or FREE
  bd_rails *out;
} layer_out;

static bool reads(const bd_graph_node *node, int value) {
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i] == value) return true;
  for (int i = 0; i < node->inner_count; i++)
    if (node->inner[i] == value) return true;
  return false;
}

// The last row after `row` that reads the value, or -1.
static int last_reader(const layer_out *lay, int value, int row) {
  for (int r = lay->count - 1; r > row; r--)
    if (reads(&lay->graph->nodes[lay->nodes[r]], value)) return r;
  return -1;
}

static int free_column(const layer_out *lay, int from) {
  while (from < BD_RAILS_MOST && lay->rail[from] != FREE)
    from++;
  return from;
}

// Below the first rail that ends in the node; beside the first that goes on; else where there is
// room.
static int column_of(const layer_out *lay, const bd_graph_node *node, int row) {
  int beside = -1;
  for (int c = 0; c < BD_RAILS_MOST; c++) {
    if (lay->rail[c] == FREE || !reads(node, lay->rail[c])) continue;
    if (last_reader(lay, lay->rail[c], row) < 0) return c;
    if (beside < 0) beside = c;
  }
  int column = free_column(lay, beside + 1);
  return column < BD_RAILS_MOST ? column : BD_RAILS_MOST - 1;
}

// A level line between two columns of a row.
static void join(bd_rail_row *row, int from, int to) {
  int left = from < to ? from : to, right = from < to ? to : from;
  for (int c = left; c < right; c++) {
    row->sides[c] |= BD_EDGE_RIGHT;
    row->sides[c + 1] |= BD_EDGE_LEFT;
  }
}

// Lines that come from above: past the node, into it, or both.
static void take_in(layer_out *lay, bd_rail_row *row, int index) {
  const bd_graph_node *node = &lay->graph->nodes[row->node];
  for (int c = 0; c < BD_RAILS_MOST; c++) {
    if (lay->rail[c] == FREE) continue;
    bool on = last_reader(lay, lay->rail[c], index) >= 0;
    row->sides[c] |= BD_EDGE_UP | (on ? BD_EDGE_DOWN : 0);
    if (reads(node, lay->rail[c])) join(row, c, row->column);
    if (!on) lay->rail[c] = FREE;
  }
}

// Each value that is read further down leaves the node: the first straight, others beside it.
static void give_out(layer_out *lay, bd_rail_row *row, int index) {
  const bd_graph_node *node = &lay->graph->nodes[row->node];
  int column = row->column;
  for (int i = 0; i < node->output_count; i++) {
    if (node->outputs[i] < 0 || last_reader(lay, node->outputs[i], index) < 0) continue;
    if (lay->rail[column] != FREE || row->sides[column] & BD_EDGE_DOWN) {
      column = free_column(lay, row->column + 1);
      while (column < BD_RAILS_MOST && row->sides[column])
        column = free_column(lay, column + 1);
    }
    if (column >= BD_RAILS_MOST) return;
    lay->rail[column] = node->outputs[i];
    row->sides[column] |= BD_EDGE_DOWN;
    join(row, row->column, column);
  }
}

static void add_row(layer_out *lay, int index) {
  bd_rail_row *row = &lay->out->rows[index];
  row->node = lay->nodes[index];
  row->column = column_of(lay, &lay->graph->nodes[row->node], index);
  take_in(lay, row, index);
  give_out(lay, row, index);
  for (int c = 0; c < BD_RAILS_MOST; c++)
    if ((row->sides[c] || c == row->column) && c >= lay->out->columns) lay->out->columns = c + 1;
}

void bd_rails_make(const bd_graph *graph, const int *nodes, int count, bd_rails *out) {
  memset(out, 0, sizeof *out);
  out->count = count < BD_RAIL_ROWS_MOST ? count : BD_RAIL_ROWS_MOST;
  layer_out lay = {.graph = graph, .nodes = nodes, .count = out->count, .out = out};
  for (int c = 0; c < BD_RAILS_MOST; c++)
    lay.rail[c] = FREE;
  for (int i = 0; i < out->count; i++)
    add_row(&lay, i);
}
