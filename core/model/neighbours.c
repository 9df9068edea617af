#include "core/model/neighbours.h"

#include <stdlib.h>

enum { FAN = 6 }; // readers of one value that are followed

// What is picked so far, in the order of the steps that lead there.
typedef struct pick {
  const bd_graph *graph;
  int *nodes;
  int count, most;
} pick;

static void add(pick *to, int node) {
  for (int i = 0; i < to->count; i++)
    if (to->nodes[i] == node) return;
  if (to->count < to->most) to->nodes[to->count++] = node;
}

static void add_maker(pick *to, int value) {
  if (value >= 0 && to->graph->values[value].maker >= 0) add(to, to->graph->values[value].maker);
}

// The first reader from `node` on.
static int place_after(const bd_graph_value *value, int node) {
  int low = 0, high = value->reader_count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (value->readers[middle] < node)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void add_readers(pick *to, int value, int around) {
  if (value < 0) return;
  const bd_graph_value *read = &to->graph->values[value];
  int last = place_after(read, around) + FAN / 2;
  if (last < FAN) last = FAN;
  if (last > read->reader_count) last = read->reader_count;
  for (int i = last > FAN ? last - FAN : 0; i < last; i++)
    add(to, read->readers[i]);
}

static void add_around(pick *to, int node, int around) {
  const bd_graph_node *from = &to->graph->nodes[node];
  for (int i = 0; i < from->input_count; i++)
    add_maker(to, from->inputs[i]);
  for (int i = 0; i < from->inner_count; i++)
    add_maker(to, from->inner[i]);
  for (int i = 0; i < from->output_count; i++)
    add_readers(to, from->outputs[i], around);
}

static int by_order(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

int bd_neighbours(const bd_graph *graph, int node, int most, int *out) {
  pick to = {graph, out, 0, most};
  add(&to, node);
  for (int i = 0; i < to.count && to.count < most; i++)
    add_around(&to, out[i], node);
  qsort(out, (size_t)to.count, sizeof *out, by_order);
  return to.count;
}
