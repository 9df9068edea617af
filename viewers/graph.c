// The graph panel: a picture of the nodes around the one in hand, a row each (rails.h), and what
// goes in and out of it (wires.h).
#include "viewers/graph.h"

#include "core/base/text.h"
#include "core/model/neighbours.h"
#include "viewers/rails.h"
#include "viewers/shared.h"
#include "viewers/show.h"
#include "viewers/wires.h"

#include <stdlib.h>
#include <string.h>

enum {
  MARGIN = 2,        // cursor and a blank
  BESIDE = 96,       // columns from which the wires stand beside the picture
  PICTURE_LEAST = 5, // rows of the picture before wires are shown
  HINTS_FROM = 6,    // rows from which it says how many nodes are left out
  NAME_LEAST = 8,
};

struct bd_view {
  int layer; // that the node was taken for
  int node;  // in hand; -1: none
  bd_rails rails;
  int top; // row of the picture's first node, as drawn last
  bool focused;
};

enum { UP, DOWN, BEFORE, AFTER, PAGE_UP, PAGE_DOWN, HOME, TAKE };

static const bd_command commands[] = {
    {"node-up", "<up> k", NULL, "the node above", UP},
    {"node-down", "<down> j", "node", "the node below", DOWN},
    {"node-before", "<left> h", "before", "the node that makes the first input", BEFORE},
    {"node-after", "<right> l", "after", "the node that reads the output first", AFTER},
    {"node-page-up", "<pgup> <c-u>", NULL, "a picture of nodes up", PAGE_UP},
    {"node-page-down", "<pgdn> <c-d>", NULL, "a picture of nodes down", PAGE_DOWN},
    {"node-home", "<home> g", NULL, "back to the node of the layer in hand", HOME},
    {"node-layer", "<enter>", "layer", "take the layer of the node in hand", TAKE},
};

static bd_view *open_graph(void) {
  bd_view *view = calloc(1, sizeof *view);
  if (view) view->layer = view->node = -1;
  return view;
}

static void close_graph(bd_view *view) {
  free(view);
}

// The graph, and the node in hand brought up to date with the layer in hand; NULL until it is read.
static const bd_graph *take_graph(bd_view *view, const bd_desk *desk) {
  const bd_survey *survey = bd_session_survey(desk->session);
  if (!survey || survey->graph->node_count == 0) return NULL;
  const bd_graph *graph = survey->graph;
  bool layer = desk->layer >= 0 && desk->layer < bd_session_count(desk->session);
  if (layer && view->layer != desk->layer) view->node = graph->layer_nodes[desk->layer];
  view->layer = desk->layer;
  if (view->node < 0 || view->node >= graph->node_count) view->node = 0;
  return graph;
}

// --- the picture --------------------------------------------------------------------------------

static void draw_rails(const bd_rail_row *row, int columns, bd_area area, int at) {
  for (int c = 0; c < columns; c++) {
    if (row->sides[c] && c != row->column)
      bd_put(area, MARGIN + 2 * c, at, bd_glyph_line(area.canvas, row->sides[c]), BD_ROLE_RULE);
    if (row->sides[c] & BD_EDGE_RIGHT)
      bd_put(area, MARGIN + 2 * c + 1, at, bd_glyph_line(area.canvas, BD_EDGE_LEFT | BD_EDGE_RIGHT),
             BD_ROLE_RULE);
  }
}

// What a node is called: by its layer's tensor, which the table knows, or by its own name.
static const char *called(const bd_desk *desk, const bd_graph_node *node) {
  if (node->layer_count == 0) return node->name;
  return bd_model_layer(bd_session_model(desk->session), node->layers[0])->tensor;
}

static bool is_in_hand(const bd_desk *desk, const bd_graph_node *node) {
  for (int i = 0; i < node->layer_count; i++)
    if (node->layers[i] == desk->layer) return true;
  return false;
}

// Operator, name, and the shape that comes out.
static void draw_node(const bd_desk *desk, const bd_graph_node *node, int op_columns, bd_area area,
                      int at, int row) {
  const bd_survey *survey = bd_session_survey(desk->session);
  bool ascii = bd_canvas_ascii(area.canvas), layer = node->layer_count > 0;
  char text[512], brief[512], shape[160] = "";
  bd_role role = is_in_hand(desk, node) ? BD_ROLE_TITLE : layer ? BD_ROLE_TEXT : BD_ROLE_DIM;
  bd_print_fit(area, at, row, op_columns, role, bd_show_name(text, sizeof text, node->op, ascii));
  at += op_columns + 1;
  if (node->output_count > 0 && node->outputs[0] >= 0)
    bd_survey_shape(survey, node->outputs[0], shape, sizeof shape);
  if (!*shape) strcpy(shape, "–");
  int end = area.columns - bd_show_columns(shape) - 1;
  if (end - at < NAME_LEAST) end = area.columns; // no room for both
  bd_show_name(text, sizeof text, called(desk, node), ascii);
  bd_print(area, at, row, role, bd_show_short(brief, sizeof brief, text, end - at));
  if (end < area.columns) bd_print_right(area, area.columns, row, BD_ROLE_DIM, shape);
}

static int widest_op(const bd_graph *graph, const bd_rails *rails, int most) {
  int widest = 4;
  for (int i = 0; i < rails->count; i++) {
    int columns = bd_show_columns(graph->nodes[rails->rows[i].node].op);
    if (columns > widest) widest = columns;
  }
  return widest < most ? widest : most;
}

static void draw_rows(const bd_view *view, const bd_desk *desk, const bd_graph *graph,
                      bd_area area) {
  const bd_rails *rails = &view->rails;
  int start = MARGIN + 2 * rails->columns;
  int op = widest_op(graph, rails, (area.columns - start) / 3);
  for (int i = 0; i < rails->count; i++) {
    const bd_rail_row *row = &rails->rows[i];
    const bd_graph_node *node = &graph->nodes[row->node];
    bd_sign sign = node->layer_count ? BD_SIGN_MARK : BD_SIGN_NODE;
    draw_rails(row, rails->columns, area, i);
    bd_put(area, MARGIN + 2 * row->column, i, bd_glyph_sign(area.canvas, sign),
           node->layer_count ? BD_ROLE_LEVEL : BD_ROLE_TEXT);
    draw_node(desk, node, op, area, start, i);
    if (row->node != view->node) continue;
    if (view->focused)
      bd_put(area, 0, i, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
    bd_tint(area, start, i, area.columns - start, BD_ROLE_CURSOR);
  }
}

static void draw_hint(bd_area row, int nodes, const char *where) {
  if (nodes > 0)
    bd_printf(row, MARGIN, 0, BD_ROLE_DIM, "… %d node%s %s", nodes, nodes == 1 ? "" : "s", where);
}

static void draw_picture(bd_view *view, const bd_desk *desk, const bd_graph *graph, bd_area area) {
  int picked[BD_RAIL_ROWS_MOST];
  bool hints = area.rows >= HINTS_FROM && graph->node_count > area.rows;
  int most = area.rows - 2 * hints < BD_RAIL_ROWS_MOST ? area.rows - 2 * hints : BD_RAIL_ROWS_MOST;
  int count = most > 0 ? bd_neighbours(graph, view->node, most, picked) : 0;
  view->top = hints;
  bd_rails_make(graph, picked, count, &view->rails);
  draw_rows(view, desk, graph, bd_area_part(area, 0, hints, area.columns, count));
  if (!hints || !count) return;
  draw_hint(bd_area_part(area, 0, 0, area.columns, 1), picked[0], "above");
  draw_hint(bd_area_part(area, 0, hints + count, area.columns, 1),
            graph->node_count - 1 - picked[count - 1], "below");
}

// --- the panel ----------------------------------------------------------------------------------

static void draw_all(bd_view *view, const bd_desk *desk, const bd_graph *graph, bd_area area) {
  const bd_survey *survey = bd_session_survey(desk->session);
  if (area.columns >= BESIDE) {
    int left = area.columns * 55 / 100;
    draw_picture(view, desk, graph, bd_area_part(area, 0, 0, left, area.rows));
    bd_wires_draw(survey, view->node,
                  bd_area_part(area, left + 2, 0, area.columns - left - 2, area.rows));
    return;
  }
  int wires = bd_wires_rows(survey, view->node), most = area.rows * 2 / 5;
  if (area.rows - most < PICTURE_LEAST) most = area.rows - PICTURE_LEAST;
  if (wires > most) wires = most > 0 ? most : 0;
  int rows = area.rows - wires;
  draw_picture(view, desk, graph, bd_area_part(area, 0, 0, area.columns, rows));
  bd_wires_draw(survey, view->node, bd_area_part(area, 0, rows, area.columns, wires));
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  view->focused = focused;
  if (area.columns <= 0 || area.rows <= 0) return;
  const bd_graph *graph = take_graph(view, desk);
  if (graph)
    draw_all(view, desk, graph, area);
  else
    bd_print_wrapped(area, BD_ROLE_DIM,
                     bd_session_survey(desk->session) ? "the graph has no nodes"
                                                      : "reading the graph …");
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  const bd_graph *graph = take_graph(view, desk);
  char place[64], name[512];
  if (size > 0) out[0] = '\0';
  if (!graph) return;
  const bd_graph_node *node = &graph->nodes[view->node];
  int taken = snprintf(place, sizeof place, "  node %d of %d", view->node + 1, graph->node_count);
  char brief[512];
  bd_show_name(name, sizeof name, node->name, ascii);
  snprintf(out, size, "%s%s", bd_show_short(brief, sizeof brief, name, columns - taken), place);
}

// --- moving -------------------------------------------------------------------------------------

// The place of the node in hand in the picture; -1 where it was not drawn.
static int place_of(const bd_view *view) {
  for (int i = 0; i < view->rails.count; i++)
    if (view->rails.rows[i].node == view->node) return i;
  return -1;
}

// To the next node of the picture; past its end to the next of the graph.
static void step(bd_view *view, int direction) {
  int place = place_of(view);
  int next = place < 0 ? -1 : place + direction;
  view->node =
      next >= 0 && next < view->rails.count ? view->rails.rows[next].node : view->node + direction;
}

static void go_before(bd_view *view, const bd_graph *graph) {
  const bd_graph_node *node = &graph->nodes[view->node];
  for (int i = 0; i < node->input_count; i++) {
    int maker = node->inputs[i] < 0 ? -1 : graph->values[node->inputs[i]].maker;
    if (maker < 0) continue;
    view->node = maker;
    return;
  }
}

static void go_after(bd_view *view, const bd_graph *graph) {
  const bd_graph_node *node = &graph->nodes[view->node];
  for (int i = 0; i < node->output_count; i++) {
    if (node->outputs[i] < 0) continue;
    const bd_graph_value *value = &graph->values[node->outputs[i]];
    if (value->reader_count == 0) continue;
    view->node = value->readers[0];
    return;
  }
}

// The node's layer; where it has several and one is in hand, the one after that.
static void take_layer(bd_view *view, bd_desk *desk, const bd_graph *graph) {
  const bd_graph_node *node = &graph->nodes[view->node];
  int next = 0;
  if (node->layer_count == 0) {
    bd_desk_say(desk, "the node has no weights: no layer");
    return;
  }
  for (int i = 0; i < node->layer_count; i++)
    if (node->layers[i] == desk->layer) next = (i + 1) % node->layer_count;
  desk->layer = view->layer = node->layers[next];
}

static void command(bd_view *view, bd_desk *desk, int id) {
  const bd_graph *graph = take_graph(view, desk);
  if (!graph) return;
  int page = view->rails.count > 1 ? view->rails.count - 1 : 1;
  if (id == UP) step(view, -1);
  if (id == DOWN) step(view, 1);
  if (id == BEFORE) go_before(view, graph);
  if (id == AFTER) go_after(view, graph);
  if (id == PAGE_UP) view->node -= page;
  if (id == PAGE_DOWN) view->node += page;
  if (id == HOME && desk->layer >= 0) view->node = graph->layer_nodes[desk->layer];
  if (id == TAKE) take_layer(view, desk, graph);
  if (view->node < 0) view->node = 0;
  if (view->node >= graph->node_count) view->node = graph->node_count - 1;
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)column;
  int place = row - view->top;
  if (wheel)
    command(view, desk, wheel < 0 ? UP : DOWN);
  else if (place >= 0 && place < view->rails.count)
    view->node = view->rails.rows[place].node;
}

// The name of what the node makes.
static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  const bd_graph *graph = take_graph(view, desk);
  const bd_graph_node *node = graph ? &graph->nodes[view->node] : NULL;
  bool made = node && node->output_count > 0 && node->outputs[0] >= 0;
  snprintf(out, size, "%s", made ? graph->values[node->outputs[0]].said.name : "");
}

const bd_view_class bd_graph_view = {
    .name = "graph",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_graph,
    .close = close_graph,
    .draw = draw,
    .title = title,
    .command = command,
    .mouse = mouse,
    .copy = copy,
    .signs = "A node a row, in the order of the file: ● one with a layer's weights, ○ any other. "
             "Lines lead down from the node that makes a tensor to those that read it. On the "
             "right is the shape that comes out, – where it is not known before the network runs.",
};
