// The graph that is walked: makers and readers against a naive search, layers, subgraphs, and the
// neighbourhood of a node.
#include "core/model/graph.h"
#include "core/model/neighbours.h"

#include "tests/unit/model_maker.h"

static bd_graph *graph_of(const bd_model *model) {
  bd_graph *graph;
  bd_error err;
  if (bd_graph_new(model, &graph, &err) != BD_OK) fail_msg("%s", err.text);
  return graph;
}

static int node_named(const bd_graph *graph, const char *name) {
  for (int i = 0; i < graph->node_count; i++)
    if (strcmp(graph->nodes[i].name, name) == 0) return i;
  fail_msg("no node %s", name);
  return -1;
}

static bool reads(const bd_graph_node *node, int value) {
  for (int i = 0; i < node->input_count; i++)
    if (node->inputs[i] == value) return true;
  for (int i = 0; i < node->inner_count; i++)
    if (node->inner[i] == value) return true;
  return false;
}

// Every link from both ends: what a value says of its maker and readers is what the nodes say.
static void check_links(const bd_graph *graph) {
  for (int v = 0; v < graph->value_count; v++) {
    const bd_graph_value *value = &graph->values[v];
    assert_int_equal(value->kind == BD_VALUE_MADE, value->maker >= 0);
    if (value->maker >= 0) assert_int_equal(graph->nodes[value->maker].outputs[value->place], v);
    int next = 0;
    for (int n = 0; n < graph->node_count; n++) {
      if (!reads(&graph->nodes[n], v)) continue;
      assert_true(next < value->reader_count);
      assert_int_equal(value->readers[next++], n);
      assert_true(value->maker < n);
    }
    assert_int_equal(next, value->reader_count);
  }
}

static bd_model *open_file(const char *path) {
  bd_model *model;
  bd_error err;
  if (bd_model_open(path, &model, &err) != BD_OK) fail_msg("%s", err.text);
  return model;
}

static void links_agree_from_both_ends(void **unused) {
  (void)unused;
  static const char *const files[] = {
      "samples/fashion.onnx", "tests/fuzz/seeds/model/branches.onnx",
      "../shared/models/silero_vad.onnx", "../shared/models/yolox_nano.onnx"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    if (access(files[i], R_OK) != 0) continue;
    bd_model *model = open_file(files[i]);
    bd_graph *graph = graph_of(model);
    check_links(graph);
    for (int layer = 0; layer < bd_model_layer_count(model); layer++) {
      int node = graph->layer_nodes[layer];
      assert_true(node >= 0);
      assert_string_equal(graph->nodes[node].name, bd_model_layer(model, layer)->node);
      assert_string_equal(graph->nodes[node].op, bd_model_layer(model, layer)->op);
    }
    bd_graph_free(graph);
    bd_model_close(model);
  }
}

// x → first → a; If c: then (reads a and w) or else (reads a) → y.
static bd_model *branching(bd_arena *arena) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  make_input(arena, graph, "x");
  make_input(arena, graph, "c");
  make_weight(arena, graph, "w", "2 2");
  make_node(arena, graph, "MatMul", "first", "x w", "a");
  Onnx__NodeProto *choice = make_node(arena, graph, "If", "choice", "c", "y");
  Onnx__GraphProto *then = make_branch(arena, choice, "then_branch");
  make_weight(arena, then, "inner", "2 2");
  make_node(arena, then, "Transpose", "turn", "inner", "turned");
  make_node(arena, then, "MatMul", "deep", "a turned", "q");
  then->output = make_longer(arena, NULL, &then->n_output, make_port(arena, "q"));
  Onnx__GraphProto *other = make_branch(arena, choice, "else_branch");
  make_node(arena, other, "Relu", "easy", "a", "q");
  other->output = make_longer(arena, NULL, &other->n_output, make_port(arena, "q"));
  make_node(arena, graph, "Relu", NULL, "y", "z");
  graph->output = make_longer(arena, NULL, &graph->n_output, make_port(arena, "z"));
  return make_opened(arena, model);
}

static void subgraphs_stand_before_their_node(void **unused) {
  (void)unused;
  bd_arena *arena = bd_arena_new();
  bd_model *model = branching(arena);
  bd_graph *graph = graph_of(model);
  check_links(graph);
  static const char *const order[] = {"first", "turn", "deep", "easy", "choice", "Relu_2"};
  assert_int_equal(graph->node_count, 6);
  for (int i = 0; i < 6; i++)
    assert_string_equal(graph->nodes[i].name, order[i]);
  const bd_graph_node *deep = &graph->nodes[2], *choice = &graph->nodes[4];
  assert_string_equal(deep->branch, "choice/then_branch");
  assert_string_equal(choice->branch, "");
  assert_int_equal(choice->inner_count, 2);
  assert_int_equal(choice->inner[0], deep->outputs[0]);
  assert_int_equal(graph->values[deep->inputs[0]].reader_count, 2); // deep and easy
  assert_int_equal(deep->layer_count, 1);                           // through the Transpose
  assert_string_equal(bd_model_layer(model, deep->layers[0])->tensor, "inner");
  int inner = graph->nodes[1].inputs[0];
  assert_int_equal(graph->values[inner].kind, BD_VALUE_STORED);
  assert_int_equal(graph->values[inner].layer, deep->layers[0]);
  assert_true(graph->values[graph->nodes[5].outputs[0]].output);
  bd_graph_free(graph);
  bd_model_close(model);
  bd_arena_free(arena);
}

static void a_damaged_model_is_walked(void **unused) {
  (void)unused;
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto *model = make_model(arena);
  make_node(arena, model->graph, "Add", "lost", "nowhere - nowhere", "a a");
  make_node(arena, model->graph, "Relu", "self", "b", "b");
  make_node(arena, model->graph, "Constant", "empty", "", "k");
  bd_model *opened = make_opened(arena, model);
  bd_graph *graph = graph_of(opened);
  const bd_graph_node *lost = &graph->nodes[0], *self = &graph->nodes[1];
  assert_int_equal(graph->values[lost->inputs[0]].kind, BD_VALUE_LOST);
  assert_int_equal(lost->inputs[1], -1);
  assert_int_equal(graph->values[lost->inputs[0]].reader_count, 1);
  assert_int_equal(graph->values[self->inputs[0]].kind, BD_VALUE_LOST);
  bd_graph_free(graph);
  bd_model_close(opened);
  bd_arena_free(arena);
}

// --- neighbours ----------------------------------------------------------------------------------

enum { CHAIN = 10000, MANY = 3000 };

// n0 → n1 → … ; `many` readers of n5's output besides.
static bd_model *chain(bd_arena *arena, int many) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  size_t total = (size_t)(CHAIN + many);
  make_input(arena, graph, "v0");
  Onnx__NodeProto **nodes = make(arena, total, sizeof *nodes);
  for (size_t i = 0; i < total; i++) {
    bool more = i >= CHAIN;
    char *in = bd_arena_text(arena, "v%zu", more ? 6 : i);
    graph->n_node = 0;
    graph->node = NULL;
    nodes[i] = make_node(arena, graph, "Relu", bd_arena_text(arena, "n%zu", i), in,
                         bd_arena_text(arena, "%s%zu", more ? "m" : "v", i + 1));
  }
  graph->node = nodes;
  graph->n_node = total;
  return make_opened(arena, model);
}

static void neighbours_of_a_chain_lie_on_both_sides(void **unused) {
  (void)unused;
  bd_arena *arena = bd_arena_new();
  bd_model *model = chain(arena, 0);
  bd_graph *graph = graph_of(model);
  int picked[9];
  assert_int_equal(bd_neighbours(graph, 5000, 9, picked), 9);
  for (int i = 0; i < 9; i++)
    assert_int_equal(picked[i], 4996 + i);
  assert_int_equal(bd_neighbours(graph, 0, 4, picked), 4);
  assert_int_equal(picked[3], 3);
  assert_int_equal(bd_neighbours(graph, CHAIN - 1, 1, picked), 1);
  assert_int_equal(picked[0], CHAIN - 1);
  bd_graph_free(graph);
  bd_model_close(model);
  bd_arena_free(arena);
}

static void few_of_many_readers_are_picked(void **unused) {
  (void)unused;
  bd_arena *arena = bd_arena_new();
  bd_model *model = chain(arena, MANY);
  bd_graph *graph = graph_of(model);
  int picked[12];
  assert_int_equal(bd_neighbours(graph, node_named(graph, "n5"), 12, picked), 12);
  assert_int_equal(picked[0] < 5, true); // those before are not crowded out
  int hub = node_named(graph, "n10500");
  assert_int_equal(bd_neighbours(graph, hub, 12, picked), 12);
  bool near = false;
  for (int i = 0; i < 12; i++)
    near |= picked[i] == hub + 1;
  assert_true(near);
  bd_graph_free(graph);
  bd_model_close(model);
  bd_arena_free(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(links_agree_from_both_ends),
      cmocka_unit_test(subgraphs_stand_before_their_node),
      cmocka_unit_test(a_damaged_model_is_walked),
      cmocka_unit_test(neighbours_of_a_chain_lie_on_both_sides),
      cmocka_unit_test(few_of_many_readers_are_picked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
