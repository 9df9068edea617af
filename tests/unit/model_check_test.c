// core/model: ONNX's own checker behind bd_model_check.
#include "tests/unit/model_maker.h"

#include <glob.h>

static bd_arena *arena;
static Onnx__ModelProto *model;

static int begin(void **state) {
  (void)state;
  arena = bd_arena_new();
  model = arena ? make_model(arena) : NULL;
  return model ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  bd_arena_free(arena);
  return 0;
}

static Onnx__ValueInfoProto *typed_port(const char *name) {
  Onnx__ValueInfoProto *port = make_port(arena, name);
  port->type = make(arena, 1, sizeof *port->type);
  onnx__type_proto__init(port->type);
  port->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  port->type->tensor_type = make(arena, 1, sizeof *port->type->tensor_type);
  onnx__type_proto__tensor__init(port->type->tensor_type);
  port->type->tensor_type->has_elem_type = 1;
  port->type->tensor_type->elem_type = 1;
  port->type->tensor_type->shape = make(arena, 1, sizeof *port->type->tensor_type->shape);
  onnx__tensor_shape_proto__init(port->type->tensor_type->shape);
  return port;
}

// y = x·w
static void make_product(void) {
  Onnx__GraphProto *graph = model->graph;
  graph->input = make_longer(arena, NULL, &graph->n_input, typed_port("x"));
  graph->output = make_longer(arena, NULL, &graph->n_output, typed_port("y"));
  make_weight(arena, graph, "w", "20 20");
  make_node(arena, graph, "MatMul", "m", "x w", "y");
}

static void assert_verdict(bd_status expected, const char *says) {
  bd_error err = {""};
  bd_model *opened = make_opened(arena, model);
  bd_status status = bd_model_check(opened, &err);
  if (status != expected || !strstr(err.text, says)) fail_msg("%d: %s", status, err.text);
  assert_null(strchr(err.text, '\n'));
  bd_model_close(opened);
}

static void good(void **state) {
  (void)state;
  make_product();
  assert_verdict(BD_OK, "");
}

static void external_weights_are_no_fault(void **state) {
  (void)state;
  make_product();
  Onnx__TensorProto *weight = model->graph->initializer[0];
  weight->has_raw_data = 0;
  weight->has_data_location = 1;
  weight->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  Onnx__StringStringEntryProto place = ONNX__STRING_STRING_ENTRY_PROTO__INIT;
  place.key = bd_arena_text(arena, "location");
  place.value = bd_arena_text(arena, "weights.bin");
  weight->external_data = make_longer(arena, NULL, &weight->n_external_data, &place);
  assert_verdict(BD_OK, "");
}

static void unknown_operator(void **state) {
  (void)state;
  make_product();
  make_node(arena, model->graph, "Frobnicate", "f", "x", "z");
  assert_verdict(BD_INVALID, "Frobnicate");
}

static void cycle(void **state) {
  (void)state;
  make_product();
  make_node(arena, model->graph, "Relu", "a", "q", "p");
  make_node(arena, model->graph, "Relu", "b", "p", "q");
  assert_verdict(BD_INVALID, "sorted");
}

static void newer_opset(void **state) {
  (void)state;
  make_product();
  model->opset_import[0]->version = 1000;
  assert_verdict(BD_FAILED, "opset 1000");
}

static void newer_ir_version(void **state) {
  (void)state;
  make_product();
  model->ir_version = 1000;
  assert_verdict(BD_FAILED, "IR version 1000");
}

// libprotobuf reads 100 messages deep at most.
static void deeply_nested(void **state) {
  (void)state;
  Onnx__GraphProto *graph = model->graph;
  for (int i = 0; i < 60; i++)
    graph = make_branch(arena, make_node(arena, graph, "If", "i", "x", "y"), "then_branch");
  assert_verdict(BD_FAILED, "decode");
}

static void real_models(void **state) {
  (void)state;
  glob_t found;
  if (glob("../shared/models/*.onnx", 0, NULL, &found)) skip();
  for (size_t i = 0; i < found.gl_pathc; i++) {
    bd_model *opened;
    bd_error err = {""};
    assert_int_equal(bd_model_open(found.gl_pathv[i], &opened, &err), BD_OK);
    if (bd_model_check(opened, &err) != BD_OK) fail_msg("%s", err.text);
    bd_model_close(opened);
  }
  globfree(&found);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(good),
      TEST(external_weights_are_no_fault),
      TEST(unknown_operator),
      TEST(cycle),
      TEST(newer_opset),
      TEST(newer_ir_version),
      TEST(deeply_nested),
      TEST(real_models),
  };
  return cmocka_run_group_tests_name("model_check", tests, NULL, NULL);
}
