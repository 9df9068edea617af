// core/model: which layers a graph has, what they are called, why one is refused.
#include "tests/unit/model_maker.h"

static bd_arena *arena;
static Onnx__ModelProto *model;
static bd_model *opened;

static int begin(void **state) {
  (void)state;
  arena = bd_arena_new();
  model = arena ? make_model(arena) : NULL;
  opened = NULL;
  return model ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  bd_model_close(opened);
  bd_arena_free(arena);
  return 0;
}

static const bd_layer *layer(int index) {
  assert_true(index < bd_model_layer_count(opened));
  return bd_model_layer(opened, index);
}

static void open_with(int layers) {
  opened = make_opened(arena, model);
  if (bd_model_layer_count(opened) != layers)
    for (int i = 0; i < bd_model_layer_count(opened); i++)
      print_message("# %d %s\n", i, layer(i)->tensor);
  assert_int_equal(bd_model_layer_count(opened), layers);
}

static void assert_refused(int index, const char *tensor, const char *why) {
  assert_string_equal(layer(index)->tensor, tensor);
  assert_non_null(layer(index)->refused);
  if (!strstr(layer(index)->refused, why)) fail_msg("%s: %s", tensor, layer(index)->refused);
  bd_error err;
  bd_weights weights;
  assert_int_equal(bd_model_weights(opened, index, &weights, &err), BD_INVALID);
  assert_non_null(strstr(err.text, why));
}

static void shared_weight(void **state) {
  (void)state;
  make_weight(arena, model->graph, "w", "4 2");
  make_weight(arena, model->graph, "v", "2 4");
  make_node(arena, model->graph, "MatMul", "first", "x w", "a");
  make_node(arena, model->graph, "MatMul", "second", "a v", "b");
  make_node(arena, model->graph, "MatMul", NULL, "b w", "c");
  make_node(arena, model->graph, "MatMul", "both", "v v", "d");
  open_with(2);
  assert_string_equal(layer(0)->tensor, "w");
  assert_string_equal(layer(0)->node, "first");
  assert_string_equal(layer(0)->op, "MatMul");
  assert_int_equal(layer(0)->user_count, 2);
  assert_string_equal(layer(0)->users[1], "MatMul_2");
  assert_int_equal(layer(1)->user_count, 2);
  assert_string_equal(layer(1)->users[1], "both");
  assert_int_equal(layer(0)->weights, 8);
  assert_int_equal(layer(0)->shape[0], 4);
  assert_int_equal(bd_model_about(opened)->weights, 16);
  assert_int_equal(bd_model_find(opened, "v"), 1);
  assert_int_equal(bd_model_find(opened, "nothing"), -1);
  assert_int_equal(bd_model_nearest(opened, "vv"), 1);
}

static void operators(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  const char *all[] = {"Conv", "ConvTranspose", "Gemm", "LSTM", "GRU", "RNN", "Gather", "Einsum"};
  make_weight(arena, graph, "flat", "6");
  make_weight(arena, graph, "table", "3 2");
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    make_weight(arena, graph, bd_arena_text(arena, "%s.w", all[i]), "1 2 3");
    make_weight(arena, graph, bd_arena_text(arena, "%s.r", all[i]), "1 2 3");
    make_node(arena, graph, all[i], all[i], bd_arena_text(arena, "x %s.w %s.r", all[i], all[i]),
              "y");
  }
  make_node(arena, graph, "Gather", "embedding", "table x", "e");
  make_node(arena, graph, "Gather", "vector", "flat x", "f");
  make_node(arena, graph, "Conv", "foreign", "x flat", "h")->domain = bd_arena_text(arena, "mine");
  const char *expected[] = {"Conv.w", "ConvTranspose.w", "Gemm.w", "LSTM.w", "LSTM.r",
                            "GRU.w",  "GRU.r",           "RNN.w",  "RNN.r",  "table"};
  open_with(10);
  for (int i = 0; i < 10; i++)
    assert_string_equal(layer(i)->tensor, expected[i]);
}

static void channel_axes(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  const char *ops[] = {"Conv", "ConvTranspose", "Gemm", "Gemm", "MatMul", "LSTM", "Gather"};
  const int axes[] = {0, 1, 1, 0, 2, 1, 0};
  for (int i = 0; i < 7; i++) {
    const char *name = bd_arena_text(arena, "w%d", i);
    bool first = strcmp(ops[i], "Gather") == 0;
    make_weight(arena, graph, name, "2 3 4");
    Onnx__NodeProto *node = make_node(arena, graph, ops[i], name,
                                      bd_arena_text(arena, first ? "%s x" : "x %s", name), "y");
    if (i != 3) continue;
    Onnx__AttributeProto *trans =
        make_attribute(arena, node, "transB", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    trans->has_i = 1;
    trans->i = 1;
  }
  open_with(7);
  for (int i = 0; i < 7; i++)
    assert_int_equal(layer(i)->channel_axis, axes[i]);
}

static void through_reshaping(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_weight(arena, graph, "w", "2 3");
  make_node(arena, graph, "Transpose", NULL, "w", "a");
  make_node(arena, graph, "Reshape", NULL, "a shape", "b");
  make_node(arena, graph, "Unsqueeze", NULL, "b axes", "c");
  make_node(arena, graph, "Squeeze", NULL, "c axes", "d");
  make_node(arena, graph, "Cast", NULL, "d", "e");
  make_node(arena, graph, "Identity", NULL, "e", "f");
  make_node(arena, graph, "MatMul", "m", "x f", "y");
  open_with(1);
  assert_string_equal(layer(0)->tensor, "w");
  assert_string_equal(layer(0)->node, "m");
  assert_int_equal(layer(0)->channel_axis, -1);
  assert_int_equal(layer(0)->rank, 2);
  assert_null(layer(0)->refused);
}

static void computed_and_run(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_input(arena, graph, "x");
  make_weight(arena, graph, "w", "2 3");
  make_node(arena, graph, "Neg", NULL, "w", "n");
  make_node(arena, graph, "Transpose", NULL, "n", "nt");
  make_node(arena, graph, "MatMul", "m", "x nt", "a");
  make_node(arena, graph, "Relu", NULL, "x", "r");
  make_node(arena, graph, "MatMul", "none", "x r", "b");
  make_node(arena, graph, "Gather", "none", "r x", "c");
  make_node(arena, graph, "Conv", "c", "a r", "d");
  make_node(arena, graph, "Conv", "d", "a x", "e");
  make_node(arena, graph, "LSTM", "l", "a nowhere -", "f");
  make_node(arena, graph, "RandomNormalLike", NULL, "w", "noise");
  make_node(arena, graph, "MatMul", "none", "x noise", "g");
  open_with(4);
  assert_refused(0, "n", "computed from constants by Neg");
  assert_refused(1, "r", "while the network runs");
  assert_refused(2, "x", "an input of its graph");
  assert_refused(3, "nowhere", "not defined");
  assert_int_equal(bd_model_about(opened)->weights, 0);
}

static void constant_nodes(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  Onnx__NodeProto *node = make_node(arena, graph, "Constant", NULL, "", "k");
  Onnx__AttributeProto *value =
      make_attribute(arena, node, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
  value->t = make_tensor(arena, "inner name", 1, "2 1");
  float two[] = {5, 6};
  make_raw(value->t, two, sizeof two);
  node = make_node(arena, graph, "Constant", NULL, "", "list");
  value =
      make_attribute(arena, node, "value_floats", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
  value->n_floats = 2;
  value->floats = two;
  node = make_node(arena, graph, "Constant", NULL, "", "one");
  value = make_attribute(arena, node, "value_float", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  value->has_f = 1;
  value->f = 7;
  node = make_node(arena, graph, "Constant", NULL, "", "whole");
  value = make_attribute(arena, node, "value_ints", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
  const char *names[] = {"k", "list", "one", "whole"};
  for (int i = 0; i < 4; i++)
    make_node(arena, graph, "MatMul", names[i], bd_arena_text(arena, "x %s", names[i]), "y");
  open_with(4);
  for (int i = 0; i < 3; i++) {
    bd_weights weights;
    assert_string_equal(layer(i)->tensor, names[i]);
    assert_int_equal(layer(i)->rank, 2 - i);
    assert_int_equal(bd_model_weights(opened, i, &weights, NULL), BD_OK);
    assert_int_equal(weights.count, i == 2 ? 1 : 2);
    assert_true(weights.data[0] == (i == 2 ? 7 : 5));
    bd_weights_free(&weights);
  }
  assert_refused(3, "whole", "int64");
}

static void subgraph_names(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_weight(arena, graph, "outer", "2 2");
  make_node(arena, graph, "MatMul", "m", "x outer", "y");
  Onnx__NodeProto *node = make_node(arena, graph, "If", NULL, "c", "z");
  Onnx__GraphProto *yes = make_branch(arena, node, "then_branch");
  Onnx__GraphProto *no = make_branch(arena, node, "else_branch");
  make_weight(arena, yes, "w", "2 2");
  make_weight(arena, yes, "own", "2 2");
  make_weight(arena, no, "w", "2 2");
  make_node(arena, yes, "MatMul", "t", "x w", "a");
  make_node(arena, yes, "MatMul", NULL, "a own", "b");
  make_node(arena, yes, "MatMul", "u", "b outer", "q");
  make_node(arena, no, "MatMul", "e", "x w", "a");
  Onnx__NodeProto *loop = make_node(arena, no, "Loop", "deep", "x", "l");
  Onnx__GraphProto *body = make_branch(arena, loop, "body");
  make_weight(arena, body, "w", "2 2");
  make_weight(arena, body, "outer", "2 2"); // hides the one of the main graph
  make_node(arena, body, "MatMul", "d", "x w", "a");
  make_node(arena, body, "MatMul", "f", "x outer", "g");
  open_with(6);
  const char *names[] = {"outer",
                         "If_1/then_branch/w",
                         "own",
                         "If_1/else_branch/w",
                         "If_1/else_branch/deep/body/w",
                         "If_1/else_branch/deep/body/outer"};
  for (int i = 0; i < 6; i++)
    assert_string_equal(layer(i)->tensor, names[i]);
  assert_string_equal(layer(2)->node, "MatMul_1");
  assert_int_equal(layer(0)->user_count, 2);
  assert_string_equal(layer(0)->users[1], "u");
  assert_int_equal(bd_model_about(opened)->node_count, 9);
}

// Names are unique even where the graph gives one node name twice and takes ours besides.
static void names_stay_unique(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_weight(arena, graph, "i/then_branch/w", "2 2");
  make_node(arena, graph, "MatMul", "m", "x i/then_branch/w", "y");
  for (int i = 0; i < 3; i++) {
    Onnx__NodeProto *node = make_node(arena, graph, "If", "i", "c", "z");
    Onnx__GraphProto *branch = make_branch(arena, node, "then_branch");
    make_weight(arena, branch, "w", "2 2");
    make_node(arena, branch, "MatMul", "n", "x w", "y");
  }
  open_with(4);
  for (int i = 0; i < 4; i++)
    assert_int_equal(bd_model_find(opened, layer(i)->tensor), i);
  assert_string_equal(layer(0)->tensor, "i/then_branch/w");
}

static void bad_tensors(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  float values[4] = {0};
  Onnx__TensorProto *tensor;
#define BAD(name, type, dims, bytes)                                                               \
  tensor = make_initializer(arena, graph, make_tensor(arena, name, type, dims));                   \
  make_raw(tensor, values, bytes);                                                                 \
  make_node(arena, graph, "MatMul", name, "x " name, "y")
  BAD("short", 1, "2 2", 12);
  BAD("odd", 1, "2 2", 15);
  BAD("huge", 1, "2147483648 2147483648 2", 16);
  BAD("product", 1, "4294967296 4294967296", 16);
  BAD("negative", 1, "-2 -2", 16);
  BAD("empty", 1, "2 0", 0);
  BAD("ranks", 1, "1 1 1 1 1 1 1 1 4", 16);
  BAD("int", 6, "2 2", 16);
  BAD("tiny", 22, "2 2", 2);
  BAD("unknown", 99, "2 2", 16);
  BAD("away", 1, "2 2", 0);
  tensor->has_data_location = 1;
  tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  BAD("parts", 1, "2 2", 16);
  Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
  tensor->segment = &segment;
#undef BAD
  Onnx__SparseTensorProto sparse = ONNX__SPARSE_TENSOR_PROTO__INIT;
  sparse.values = make_tensor(arena, "few", 1, "1");
  int64_t dims[] = {5, 6};
  sparse.n_dims = 2;
  sparse.dims = dims;
  graph->sparse_initializer = make_longer(arena, NULL, &graph->n_sparse_initializer, &sparse);
  make_node(arena, graph, "MatMul", "few", "x few", "y");
  open_with(13);
  assert_refused(0, "short", "holds 12 bytes");
  assert_refused(1, "odd", "holds 15 bytes");
  assert_refused(2, "huge", "dimension 2");
  assert_refused(3, "product", "dimension 1");
  assert_refused(4, "negative", "-2");
  assert_refused(5, "empty", "no weights");
  assert_refused(6, "ranks", "9 dimensions");
  assert_refused(7, "int", "int32");
  assert_refused(8, "tiny", "int4");
  assert_refused(9, "unknown", "99");
  assert_refused(10, "away", "its data file");
  assert_refused(11, "parts", "segments");
  assert_refused(12, "few", "sparse");
  assert_int_equal(layer(12)->shape[1], 6);
  assert_int_equal(layer(2)->weights, 0);
  assert_int_equal(bd_model_about(opened)->weights, 0);
}

static void typed_fields(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  float floats[] = {0.5f, -1, 2};
  double doubles[] = {0.5, -1, 2};
  int32_t halves[] = {0x3800, 0xbc00, 0x4000}, brains[] = {0x3f00, -16512, 0x4000}; // 0xbf80
  const char *names[] = {"f", "d", "h", "b"};
  int32_t types[] = {1, 11, 10, 16};
  for (int i = 0; i < 4; i++) {
    Onnx__TensorProto *tensor =
        make_initializer(arena, graph, make_tensor(arena, names[i], types[i], "3 1"));
    if (i == 0) tensor->n_float_data = 3, tensor->float_data = floats;
    if (i == 1) tensor->n_double_data = 3, tensor->double_data = doubles;
    if (i >= 2) tensor->n_int32_data = 3, tensor->int32_data = i == 2 ? halves : brains;
    make_node(arena, graph, "MatMul", names[i], bd_arena_text(arena, "x %s", names[i]), "y");
  }
  open_with(4);
  const bd_dtype expected[] = {BD_FLOAT32, BD_FLOAT64, BD_FLOAT16, BD_BFLOAT16};
  for (int i = 0; i < 4; i++) {
    bd_weights weights;
    assert_null(layer(i)->refused);
    assert_int_equal(layer(i)->type, expected[i]);
    assert_int_equal(bd_model_weights(opened, i, &weights, NULL), BD_OK);
    assert_memory_equal(weights.data, floats, sizeof floats);
    bd_weights_free(&weights);
  }
  uint16_t packed[] = {0x3800, 0xbc00, 0x4000};
  char wide[65], plain[65];
  assert_int_equal(bd_model_layer_sha256(opened, 2, wide, NULL), BD_OK);
  bd_sha256(packed, sizeof packed, plain);
  assert_string_equal(wide, plain);
}

static void depthwise(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  const char *shapes[] = {"6 1 3 3", "6 2 3 3", "1 1 3 3"};
  const int64_t groups[] = {6, 3, 1};
  for (int i = 0; i < 3; i++) {
    const char *name = bd_arena_text(arena, "w%d", i);
    make_weight(arena, graph, name, shapes[i]);
    Onnx__NodeProto *node =
        make_node(arena, graph, "Conv", name, bd_arena_text(arena, "x %s", name), "y");
    Onnx__AttributeProto *group =
        make_attribute(arena, node, "group", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    group->has_i = 1;
    group->i = groups[i];
  }
  open_with(3);
  assert_true(layer(0)->depthwise);
  assert_false(layer(1)->depthwise);
  assert_false(layer(2)->depthwise);
}

static void shape_of_constant_of_shape(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  int64_t dims[] = {3, 4};
  make_raw(make_initializer(arena, graph, make_tensor(arena, "s", 7, "2")), dims, sizeof dims);
  make_node(arena, graph, "ConstantOfShape", NULL, "s", "w");
  make_node(arena, graph, "MatMul", "m", "x w", "y");
  make_node(arena, graph, "Gather", "g", "w x", "z");
  open_with(1);
  assert_refused(0, "w", "ConstantOfShape");
  assert_int_equal(layer(0)->rank, 2);
  assert_int_equal(layer(0)->weights, 12);
  assert_int_equal(layer(0)->user_count, 2);
}

static void ports(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_weight(arena, graph, "w", "2 2");
  make_input(arena, graph, "w");
  make_input(arena, graph, "x");
  Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
  Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
  Onnx__TensorShapeProto shape = ONNX__TENSOR_SHAPE_PROTO__INIT;
  Onnx__TensorShapeProto__Dimension dims[3];
  for (int i = 0; i < 3; i++) {
    onnx__tensor_shape_proto__dimension__init(&dims[i]);
    shape.dim = make_longer(arena, shape.dim, &shape.n_dim, &dims[i]);
  }
  dims[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
  dims[0].dim_param = bd_arena_text(arena, "N");
  dims[1].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
  dims[1].dim_value = 28;
  tensor.has_elem_type = 1;
  tensor.elem_type = 1;
  tensor.shape = &shape;
  type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  type.tensor_type = &tensor;
  graph->input[1]->type = &type;
  graph->output = make_longer(arena, NULL, &graph->n_output, make_port(arena, "y"));
  open_with(0);
  const bd_model_info *about = bd_model_about(opened);
  assert_int_equal(about->input_count, 1);
  const bd_port *x = about->inputs;
  assert_string_equal(x->name, "x");
  assert_string_equal(x->type, "float32");
  assert_int_equal(x->rank, 3);
  assert_true(x->dims[0] == -1 && x->dims[1] == 28 && x->dims[2] == -1);
  assert_string_equal(x->names[0], "N");
  assert_null(x->names[1]);
  assert_string_equal(x->names[2], "");
  assert_int_equal(about->output_count, 1);
  assert_int_equal(about->outputs->rank, -1);
  assert_int_equal(about->opset, 13);
  assert_int_equal(about->ir_version, 8);
}

// What no valid model has must neither crash nor run for ever.
static void odd_graphs(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_node(arena, graph, "Identity", "loop", "a", "b");
  make_node(arena, graph, "Identity", "loop", "b", "a");
  make_node(arena, graph, "Identity", "self", "s", "s");
  make_node(arena, graph, "Conv", "c", "x a", "y");
  make_node(arena, graph, "Conv", "s", "x s", "y");
  make_node(arena, graph, "Conv", "", "- -", "-");
  make_node(arena, graph, "Conv", "bare", "", "");
  make_node(arena, graph, "Identity", "bare", "", "z");
  make_node(arena, graph, "", "", "", "");
  make_node(arena, graph, "Constant", "nothing", "", "k");
  make_node(arena, graph, "Conv", "k", "x k", "y");
  make_weight(arena, graph, "twice", "1 2");
  make_weight(arena, graph, "twice", "3 4");
  make_node(arena, graph, "MatMul", "t", "x twice", "twice");
  make_node(arena, graph, "MatMul", "u", "x twice", "v");
  make_weight(arena, graph, "", "2 2");
  open_with(4);
  assert_refused(0, "a", "while the network runs");
  assert_refused(1, "s", "while the network runs");
  assert_refused(2, "k", "while the network runs");
  assert_int_equal(layer(3)->user_count, 2);
}

static void input_left_out(void **state) {
  (void)state;
  make_weight(arena, model->graph, "w", "2 2");
  make_node(arena, model->graph, "ConstantOfShape", NULL, "- w", "shapeless");
  make_node(arena, model->graph, "Conv", "v", "x shapeless", "y");
  make_node(arena, model->graph, "Gather", "g", "shapeless x", "z");
  open_with(1);
  assert_refused(0, "shapeless", "ConstantOfShape");
}

static void long_chain(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  make_weight(arena, graph, "v0", "2 2");
  enum { LONG = 3000 };
  for (int i = 0; i < LONG; i++)
    make_node(arena, graph, "Identity", NULL, bd_arena_text(arena, "v%d", i),
              bd_arena_text(arena, "v%d", i + 1));
  make_node(arena, graph, "MatMul", "m", bd_arena_text(arena, "x v%d", LONG), "y");
  open_with(1);
  assert_string_equal(layer(0)->tensor, "v0");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(shared_weight),
      TEST(operators),
      TEST(channel_axes),
      TEST(through_reshaping),
      TEST(computed_and_run),
      TEST(constant_nodes),
      TEST(subgraph_names),
      TEST(names_stay_unique),
      TEST(bad_tensors),
      TEST(typed_fields),
      TEST(depthwise),
      TEST(shape_of_constant_of_shape),
      TEST(ports),
      TEST(odd_graphs),
      TEST(input_left_out),
      TEST(long_chain),
  };
  return cmocka_run_group_tests_name("model_layers", tests, NULL, NULL);
}
