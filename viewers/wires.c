#include "viewers/wires.h"

#include "viewers/shared.h"
#include "viewers/show.h"

#include <stdio.h>
#include <string.h>

enum { LABEL = 5, NAMES_MOST = 8 };

// A text in the making.
typedef struct text {
  char *out;
  size_t size, used;
} text;

static void add(text *to, const char *first, const char *second) {
  if (to->used >= to->size) return;
  to->used += (size_t)snprintf(to->out + to->used, to->size - to->used, "%s%s", first, second);
}

// "read by relu_1, add_3 and 4 more", without one of them.
static void add_readers(text *to, const bd_graph *graph, const bd_graph_value *value, int without,
                        const char *words, bool ascii) {
  char name[256], more[48];
  int named = 0, left = 0;
  for (int i = 0; i < value->reader_count; i++) {
    if (value->readers[i] == without) continue;
    if (named == NAMES_MOST) {
      left++;
      continue;
    }
    bd_show_name(name, sizeof name, graph->nodes[value->readers[i]].name, ascii);
    add(to, named++ ? ", " : words, name);
  }
  snprintf(more, sizeof more, "%d more", left);
  if (left) add(to, " and ", more);
}

static void add_output(text *to, const bd_graph *graph, const bd_graph_value *value, bool ascii) {
  if (value->output) add(to, "output of the network", value->reader_count ? "; " : "");
  add_readers(to, graph, value, -1, "read by ", ascii);
  if (!value->output && value->reader_count == 0) add(to, "nobody reads it", "");
}

static void add_input(text *to, const bd_graph *graph, const bd_graph_value *value, int node,
                      bool ascii) {
  char name[256], layer[48];
  snprintf(layer, sizeof layer, "layer %d", value->layer + 1);
  switch (value->kind) {
  case BD_VALUE_MADE:
    add(to, "from ", bd_show_name(name, sizeof name, graph->nodes[value->maker].name, ascii));
    break;
  case BD_VALUE_STORED:
    add(to, value->layer < 0 ? "stored" : layer, "");
    break;
  case BD_VALUE_GIVEN:
    add(to, "input of its graph", "");
    break;
  case BD_VALUE_LOST:
    add(to, "nothing makes it", "");
  }
  add_readers(to, graph, value, node, ", also read by ", ascii);
}

static void draw_value(const bd_survey *survey, int node, int value, bool output, bd_area row) {
  bool ascii = bd_canvas_ascii(row.canvas);
  const bd_graph *graph = survey->graph;
  char name[512], brief[512], shape[160], rest[1024] = "";
  text to = {rest, sizeof rest, 0};
  bd_print(row, 0, 0, BD_ROLE_DIM, output ? "out" : "in");
  if (value < 0) {
    bd_print(row, LABEL, 0, BD_ROLE_DIM, "left out");
    return;
  }
  bd_survey_shape(survey, value, shape, sizeof shape);
  if (!*shape) strcpy(shape, "shape not known");
  bd_show_name(name, sizeof name, graph->values[value].said.name, ascii);
  int most = row.columns / 3;
  int at = bd_print(row, LABEL, 0, BD_ROLE_TEXT, bd_show_short(brief, sizeof brief, name, most));
  at = bd_print(row, at + 2, 0, BD_ROLE_LEVEL, shape);
  if (output)
    add_output(&to, graph, &graph->values[value], ascii);
  else
    add_input(&to, graph, &graph->values[value], node, ascii);
  bd_print_start(row, at + 2, 0, BD_ROLE_DIM, rest);
}

static void draw_place(const bd_graph_node *node, bd_area row) {
  char name[512];
  int at = bd_print(row, 0, 0, BD_ROLE_DIM, "in");
  bd_show_name(name, sizeof name, node->branch, bd_canvas_ascii(row.canvas));
  bd_print_start(row, at + LABEL - 2, 0, BD_ROLE_DIM, name);
}

int bd_wires_rows(const bd_survey *survey, int node) {
  const bd_graph_node *of = &survey->graph->nodes[node];
  return of->output_count + of->input_count + of->inner_count + (*of->branch != '\0');
}

void bd_wires_draw(const bd_survey *survey, int node, bd_area area) {
  const bd_graph_node *of = &survey->graph->nodes[node];
  int inputs = of->input_count + of->inner_count, count = of->output_count + inputs;
  int places = area.rows - (*of->branch != '\0'), shown = count > places ? places - 1 : count;
  int row = 0;
  for (int i = 0; i < shown; i++, row++) {
    int in = i - of->output_count;
    int value = in < 0                 ? of->outputs[i]
                : in < of->input_count ? of->inputs[in]
                                       : of->inner[in - of->input_count];
    draw_value(survey, node, value, in < 0, bd_area_part(area, 0, row, area.columns, 1));
  }
  if (shown < count && row < area.rows)
    bd_printf(area, LABEL, row++, BD_ROLE_DIM, "… %d more tensors", count - shown);
  if (*of->branch) draw_place(of, bd_area_part(area, 0, row, area.columns, 1));
}
