// core/model: hostile files. Whatever the bytes are: a model or one line, never a crash.
#include "tests/unit/model_maker.h"

#include "core/base/rng.h"

static bd_arena *arena;

static int begin(void **state) {
  (void)state;
  arena = bd_arena_new();
  return arena ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  bd_arena_free(arena);
  return 0;
}

// A model with a bit of everything that core/model looks at.
static bd_bytes rich_model(void) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  make_input(arena, graph, "x");
  make_weight(arena, graph, "w", "2 3");
  make_node(arena, graph, "Transpose", NULL, "w", "t");
  make_node(arena, graph, "MatMul", "m", "x t", "y");
  Onnx__TensorProto *halves = make_initializer(arena, graph, make_tensor(arena, "h", 10, "3"));
  static int32_t words[] = {0x3800, 0xbc00, 0x4000};
  halves->n_int32_data = 3;
  halves->int32_data = words;
  make_node(arena, graph, "Conv", "c", "y h", "z");
  Onnx__NodeProto *node = make_node(arena, graph, "If", "i", "z", "q");
  Onnx__GraphProto *branch = make_branch(arena, node, "then_branch");
  Onnx__NodeProto *constant = make_node(arena, branch, "Constant", NULL, "", "w");
  make_attribute(arena, constant, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
      make_weight(arena, make_graph(arena), "k", "1 2");
  make_node(arena, branch, "LSTM", "l", "z w k", "o");
  return make_bytes(arena, model);
}

// Uses everything that a model gives.
static void exercise(const bd_model *model) {
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    const bd_layer *layer = bd_model_layer(model, i);
    bd_weights weights;
    char hash[65];
    bd_error err;
    assert_true(strlen(layer->tensor) < 1 << 20 && layer->user_count > 0 && layer->node);
    assert_true(layer->weights >= 0 && layer->rank >= 0 && layer->rank <= 8);
    if (bd_model_weights(model, i, &weights, &err) != BD_OK) continue;
    assert_int_equal(weights.count, layer->weights);
    double sum = 0;
    for (size_t k = 0; k < weights.count; k++)
      sum += (double)weights.data[k];
    if (sum == 0.125) print_message("#"); // so that the values are read
    assert_int_equal(bd_model_layer_sha256(model, i, hash, &err), BD_OK);
    bd_weights_free(&weights);
  }
}

static bool try(bd_bytes bytes) {
  bd_model *model;
  bd_error err = {""};
  bd_status status = make_open(bytes, &model, &err);
  if (status != BD_OK) {
    assert_null(model);
    assert_int_equal(status, BD_INVALID);
    assert_non_null(strstr(err.text, make_path()));
    assert_null(strchr(err.text, '\n'));
    return false;
  }
  exercise(model);
  bd_model_close(model);
  return true;
}

static void every_prefix(void **state) {
  (void)state;
  bd_bytes whole = rich_model();
  assert_true(try(whole));
  for (size_t size = 0; size < whole.size; size++)
    try((bd_bytes){whole.data, size});
  assert_false(try((bd_bytes){whole.data, whole.size / 2}));
  assert_false(try((bd_bytes){whole.data, whole.size - 1}));
}

static void random_flips(void **state) {
  (void)state;
  bd_bytes whole = rich_model();
  uint8_t *bytes = malloc(whole.size);
  bd_rng rng = bd_rng_seed(1, 0);
  int opened = 0;
  for (int round = 0; round < 5000; round++) {
    memcpy(bytes, whole.data, whole.size);
    for (uint64_t flips = 1 + bd_rng_next(&rng) % 4; flips; flips--)
      bytes[bd_rng_next(&rng) % whole.size] ^= (uint8_t)(1u << bd_rng_next(&rng) % 8);
    opened += try((bd_bytes){bytes, whole.size});
  }
  free(bytes);
  assert_true(opened > 100 && opened < 4900); // both ways were tried
}

// A graph of random operators over a few names, each of which may be stored, computed, given or
// nothing at all; some nodes hold graphs.
static void fill_randomly(Onnx__GraphProto *graph, bd_rng *rng, int depth) {
  static const char *const ops[] = {
      "Conv",    "Gemm", "MatMul",    "LSTM",   "Gather",   "Identity", "Reshape",
      "Squeeze", "Cast", "Transpose", "Concat", "Constant", "If",       "ConstantOfShape",
      "Neg",     "Add",  ""};
  static const char *const names[] = {"a", "b", "c", "d", "e", "f", "-"};
  enum { OPS = sizeof ops / sizeof *ops, NAMES = sizeof names / sizeof *names };
#define ANY(list, count) list[bd_rng_next(rng) % (count)]
  for (uint64_t left = bd_rng_next(rng) % 3; left; left--)
    make_weight(arena, graph, ANY(names, NAMES), "2 1 2");
  for (uint64_t left = bd_rng_next(rng) % 3; left; left--)
    make_input(arena, graph, ANY(names, NAMES));
  for (uint64_t left = bd_rng_next(rng) % 12; left; left--) {
    char inputs[16] = "", outputs[16] = "";
    for (uint64_t i = bd_rng_next(rng) % 4; i; i--)
      strcat(strcat(inputs, ANY(names, NAMES)), " ");
    for (uint64_t i = bd_rng_next(rng) % 3; i; i--)
      strcat(strcat(outputs, ANY(names, NAMES)), " ");
    Onnx__NodeProto *node =
        make_node(arena, graph, ANY(ops, OPS), ANY(names, NAMES), inputs, outputs);
    if (strcmp(node->op_type, "If") == 0 && depth < 4)
      fill_randomly(make_branch(arena, node, "then_branch"), rng, depth + 1);
    if (strcmp(node->op_type, "Constant") == 0)
      make_attribute(arena, node, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t =
          make_weight(arena, make_graph(arena), "k", "3");
  }
#undef ANY
}

static void random_graphs(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(2, 0);
  int layers = 0;
  for (int round = 0; round < 2000; round++) {
    Onnx__ModelProto *made = make_model(arena);
    fill_randomly(made->graph, &rng, 0);
    bd_model *model = make_opened(arena, made);
    exercise(model);
    for (int i = 0; i < bd_model_layer_count(model); i++)
      assert_int_equal(bd_model_find(model, bd_model_layer(model, i)->tensor), i);
    layers += bd_model_layer_count(model);
    bd_model_close(model);
    bd_arena_free(arena);
    arena = bd_arena_new();
  }
  if (layers < 1000) fail_msg("only %d layers were made", layers);
}

static void assert_says(const void *data, size_t size, const char *what) {
  bd_model *model;
  bd_error err = {""};
  assert_int_equal(make_open((bd_bytes){data, size}, &model, &err), BD_INVALID);
  if (!strstr(err.text, what)) fail_msg("%s", err.text);
}

static void foreign_files(void **state) {
  (void)state;
  static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
  static const char html[] = "<!DOCTYPE html><html></html>";
  static const char graphless[] = "\x08\x08\x12\x01x";
  static const char cut[] = "\x08\x08\x3a\x7fxy";
  assert_says("", 0, "empty");
  assert_says(lfs, sizeof lfs, "git lfs pull");
  assert_says(html, sizeof html, "no ONNX model");
  assert_says(graphless, sizeof graphless - 1, "no graph");
  assert_says(cut, sizeof cut - 1, "cut short");
}

static void no_files(void **state) {
  (void)state;
  bd_model *model;
  bd_error err = {""};
  assert_int_equal(bd_model_open("/nowhere/x.onnx", &model, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "/nowhere/x.onnx"));
  assert_int_equal(bd_model_open("/tmp", &model, &err), BD_INVALID);
  assert_non_null(strstr(err.text, "directory"));
}

// Wraps bytes into one more message: tag, length, content.
static size_t wrap(uint8_t *end, size_t size, uint8_t tag) {
  uint8_t head[8];
  size_t used = 0;
  head[used++] = tag;
  for (size_t rest = size;; rest >>= 7) {
    head[used++] = (uint8_t)(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  memcpy(end - size - used, head, used);
  return size + used;
}

// depth subgraphs in one another, written from the innermost outwards.
static bd_bytes nested(int depth) {
  size_t room = (size_t)depth * 24 + 64, size = 0;
  uint8_t *end = (uint8_t *)make(arena, room, 1) + room;
  for (int i = 0; i < depth; i++) {
    size = wrap(end, size, 6 << 3 | 2); // attribute.g
    size = wrap(end, size, 5 << 3 | 2); // node.attribute
    size = wrap(end, size, 1 << 3 | 2); // graph.node
  }
  size = wrap(end, size, 7 << 3 | 2); // model.graph
  return (bd_bytes){end - size, size};
}

static void deep_nesting(void **state) {
  (void)state;
  assert_true(try(nested(32)));
  assert_true(try(nested(64)));
  bd_bytes deeper = nested(65);
  assert_says(deeper.data, deeper.size, "nested");
  for (int depth = 100; depth <= 100000; depth *= 10) {
    bd_bytes bytes = nested(depth);
    assert_says(bytes.data, bytes.size, "nested");
  }
}

// Two bytes of file for each empty node: a small file that would fill the memory.
static void swelling(void **state) {
  (void)state;
  enum { NODES = 2000000 };
  size_t room = NODES * 2 + 16, size = 0;
  uint8_t *end = (uint8_t *)make(arena, room, 1) + room;
  for (int i = 0; i < NODES; i++)
    size += wrap(end - size, 0, 1 << 3 | 2);
  size = wrap(end, size, 7 << 3 | 2);
  assert_says(end - size, size, "memory");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(every_prefix), TEST(random_flips), TEST(random_graphs), TEST(foreign_files),
      TEST(no_files),     TEST(deep_nesting), TEST(swelling),
  };
  return cmocka_run_group_tests_name("model_decode", tests, NULL, NULL);
}
