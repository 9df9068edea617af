// The graph panel: lines against who reads what, moving, taking a layer, every size.
#include "tests/unit/model_maker.h"

#include "tests/unit/view_bench.h"
#include "viewers/rails.h"

#include "core/model/neighbours.h"

// A residual block and a choice: x → c1 → r → c2 → (+ c1's) sum → pick.
static bd_session *open_block(void) {
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  make_input(arena, graph, "x");
  make_input(arena, graph, "c");
  make_weight(arena, graph, "w1", "4 4");
  make_weight(arena, graph, "w2", "4 4");
  make_node(arena, graph, "MatMul", "one", "x w1", "a");
  make_node(arena, graph, "Relu", "bend", "a", "b");
  make_node(arena, graph, "MatMul", "two", "b w2", "d");
  make_node(arena, graph, "Add", "sum", "d a", "e");
  Onnx__NodeProto *choice = make_node(arena, graph, "If", "pick", "c", "y");
  const char *const branches[] = {"then_branch", "else_branch"};
  for (int i = 0; i < 2; i++) {
    Onnx__GraphProto *branch = make_branch(arena, choice, branches[i]);
    make_node(arena, branch, i ? "Relu" : "Tanh", i ? "low" : "high", "e", "q");
    branch->output = make_longer(arena, NULL, &branch->n_output, make_port(arena, "q"));
  }
  graph->output = make_longer(arena, NULL, &graph->n_output, make_port(arena, "y"));
  bd_session *session;
  bd_error err;
  if (bd_session_new(make_opened(arena, model), NULL, NULL, 1, &session, &err) != BD_OK)
    fail_msg("%s", err.text);
  bd_arena_free(arena);
  settle(session);
  return session;
}

static void the_block_is_drawn(void **unused) {
  (void)unused;
  bench b = bench_open(open_block(), false);
  const char *text = text_of(&b, GRAPH, 60, 20);
  expect(text, "▸ ●   MatMul w1");
  expect(text, "  ├─○ Relu   bend");
  expect(text, "  │ ● MatMul w2");
  expect(text, "  ○─┘ Add    sum");
  expect(text, "  ├─○ Tanh   high");
  expect(text, "  ○ │ Relu   low");
  expect(text, "  ○─┘ If     pick");
  expect(text, "read by bend, sum");
  expect(text, "w1  4×4  layer 1");
  expect(text, "x  shape not known  input of its graph");
  bench_close(&b);
}

static void nothing_but_ascii_where_it_is_wanted(void **unused) {
  (void)unused;
  bench b = bench_open(open_block(), true);
  const char *text = text_of(&b, GRAPH, 60, 20);
  expect(text, "> *   MatMul w1");
  expect(text, "  +-o Relu   bend");
  expect(text, "w1  4x4  layer 1");
  for (const char *c = text; *c; c++)
    assert_true((unsigned char)*c < 0x80);
  bench_close(&b);
}

static void the_layer_follows_enter(void **unused) {
  (void)unused;
  bench b = bench_open(open_block(), false);
  text_of(&b, GRAPH, 60, 20);
  run(&b, GRAPH, "node-after");
  run(&b, GRAPH, "node-after");
  run(&b, GRAPH, "node-layer");
  assert_int_equal(b.desk.layer, 1);
  expect(text_of(&b, GRAPH, 60, 20), "▸ │ ● MatMul w2");
  run(&b, GRAPH, "node-before");
  run(&b, GRAPH, "node-layer");
  assert_int_equal(b.desk.layer, 1); // bend has none
  expect(b.desk.message, "no layer");
  b.desk.layer = 0; // in the table
  expect(text_of(&b, GRAPH, 60, 20), "▸ ●   MatMul w1");
  run(&b, GRAPH, "node-page-down");
  expect(text_of(&b, GRAPH, 60, 20), "▸ ○─┘ If     pick");
  run(&b, GRAPH, "node-down");
  run(&b, GRAPH, "node-home");
  expect(text_of(&b, GRAPH, 60, 20), "▸ ●   MatMul w1");
  bench_close(&b);
}

static void every_size_is_drawn(void **unused) {
  (void)unused;
  bench b = bench_open(open_block(), false);
  for (int columns = 1; columns < 130; columns += 3)
    for (int rows = 1; rows < 30; rows++) {
      draw(&b, GRAPH, columns, rows);
      run(&b, GRAPH, rows % 2 ? "node-down" : "node-up");
    }
  bench_close(&b);
}

// --- lines ---------------------------------------------------------------------------------------

static bool reads(const bd_graph_node *node, int value) {
  bool found = false;
  for (int i = 0; i < node->input_count; i++)
    found |= node->inputs[i] == value;
  for (int i = 0; i < node->inner_count; i++)
    found |= node->inner[i] == value;
  return found;
}

static bool linked(const bd_graph *graph, int from, int to) {
  const bd_graph_node *maker = &graph->nodes[from];
  for (int i = 0; i < maker->output_count; i++)
    if (maker->outputs[i] >= 0 && reads(&graph->nodes[to], maker->outputs[i])) return true;
  return false;
}

// Every line that leaves a cell arrives in the next one.
static void check_ends(const bd_rails *rails) {
  for (int r = 0; r < rails->count; r++)
    for (int c = 0; c < BD_RAILS_MOST; c++) {
      unsigned sides = rails->rows[r].sides[c];
      unsigned below = r + 1 < rails->count ? rails->rows[r + 1].sides[c] : 0;
      unsigned beside = c + 1 < BD_RAILS_MOST ? rails->rows[r].sides[c + 1] : 0;
      assert_int_equal((sides & BD_EDGE_DOWN) != 0, (below & BD_EDGE_UP) != 0);
      assert_int_equal((sides & BD_EDGE_RIGHT) != 0, (beside & BD_EDGE_LEFT) != 0);
    }
}

// A node has a line from above exactly where one of those drawn above makes what it reads.
static void check_rows(const bd_graph *graph, const bd_rails *rails) {
  for (int r = 0; r < rails->count; r++) {
    const bd_rail_row *row = &rails->rows[r];
    bool wanted = false, above = row->sides[row->column] & BD_EDGE_UP;
    for (int k = 0; k < r; k++)
      wanted |= linked(graph, rails->rows[k].node, row->node);
    unsigned level = row->sides[row->column] & (BD_EDGE_LEFT | BD_EDGE_RIGHT);
    if (wanted) assert_true(above || level);
    if (!wanted) assert_false(above);
  }
}

static void lines_end_where_they_should(void **unused) {
  (void)unused;
  static const char *const files[] = {
      "samples/fashion.onnx", "../shared/models/squeezenet1.1_imagenet.onnx",
      "../shared/models/yolox_nano.onnx", "../shared/models/silero_vad.onnx"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    bd_model *model;
    bd_graph *graph;
    bd_error err;
    if (access(files[i], R_OK) != 0) continue;
    assert_int_equal(bd_model_open(files[i], &model, &err), BD_OK);
    assert_int_equal(bd_graph_new(model, &graph, &err), BD_OK);
    for (int node = 0; node < graph->node_count; node++) {
      int picked[BD_RAIL_ROWS_MOST];
      bd_rails rails;
      bd_rails_make(graph, picked, bd_neighbours(graph, node, 20, picked), &rails);
      check_ends(&rails);
      if (rails.columns < BD_RAILS_MOST) check_rows(graph, &rails);
    }
    bd_graph_free(graph);
    bd_model_close(model);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_block_is_drawn),
      cmocka_unit_test(nothing_but_ascii_where_it_is_wanted),
      cmocka_unit_test(the_layer_follows_enter),
      cmocka_unit_test(every_size_is_drawn),
      cmocka_unit_test(lines_end_where_they_should),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
