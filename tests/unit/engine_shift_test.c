// A value added to each of a layer's output channels, against the same bias in the model itself;
// and what a layer reads.
#include "core/engine/engine.h"
#include "tests/unit/model_maker.h"

#include <math.h>

// How a layer stands in its graph: x → (before) → operator on w → (shift) → Relu → y.
typedef struct kind {
  const char *op, *x, *w, *reads; // dims; the operator's inputs
  const char *shift;              // dims of the shift where an Add adds it
  const char *attribute;
  int64_t value; // of the attribute
  int32_t type;  // of all tensors
  bool normal;   // BatchNormalization follows the shift
} kind;

static const kind kinds[] = {
    {"Conv", "1 3 6 6", "5 3 3 3", "a w", "5 1 1", NULL, 0, 1, false},
    {"Conv", "2 3 6 6", "5 3 3 3", "a w b", "5 1 1", NULL, 0, 1, true},
    {"Conv", "1 6 7 5", "6 1 3 3", "a w", "6 1 1", "group", 6, 1, false},
    {"Conv", "1 4 6 6", "6 2 3 3", "a w b", "6 1 1", "group", 2, 11, false},
    {"Conv", "1 3 9", "4 3 3", "a w", "4 1", NULL, 0, 1, false},
    {"ConvTranspose", "1 4 5 5", "4 3 3 3", "a w", "6 1 1", "group", 2, 1, false},
    {"Gemm", "3 4", "4 5", "a w", "5", NULL, 0, 1, false},
    {"Gemm", "3 4", "5 4", "a w b", "5", "transB", 1, 1, false},
    {"MatMul", "2 3 4", "4 5", "a w", "5", NULL, 0, 1, false},
    {"MatMul", "2 3 4", "4 5", "a w", "5", NULL, 0, 11, false},
    {"MatMul", "2 4 3", "5 4", "w a", "5 1", NULL, 0, 1, false},
    {"MatMul", "4", "5 4", "w a", "5", NULL, 0, 1, false},
    {"MatMul", "4", "4 5", "a w", "5", NULL, 0, 1, false},
    {"MatMul", "2 3 4", "2 4 5", "a w", "5", NULL, 0, 1, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds, MOST = 8 };

static double number(size_t i) {
  return sin(1.7 * (double)i + 0.3);
}

// A constant of the kind's type with values of its own.
static Onnx__TensorProto *constant(bd_arena *arena, Onnx__GraphProto *graph, const char *name,
                                   int32_t type, const char *dims, size_t salt, bool positive) {
  Onnx__TensorProto *tensor = make_tensor(arena, name, type, dims);
  size_t count = 1;
  for (size_t i = 0; i < tensor->n_dims; i++)
    count *= (size_t)tensor->dims[i];
  double *reals = make(arena, count, sizeof *reals);
  for (size_t i = 0; i < count; i++)
    reals[i] = positive ? 1.5 + number(i + salt) : number(i + salt);
  void *data = make(arena, count, sizeof *reals);
  bd_convert(BD_TYPE_DOUBLE, reals, (bd_type)type, data, (int64_t)count);
  make_raw(tensor, data, count * bd_type_size((bd_type)type));
  return make_initializer(arena, graph, tensor);
}

static void input_of(bd_arena *arena, Onnx__GraphProto *graph, const kind *k) {
  Onnx__ValueInfoProto *port = make_port(arena, "x");
  Onnx__TensorProto *like = make_tensor(arena, "", k->type, k->x);
  port->type = make(arena, 1, sizeof *port->type);
  onnx__type_proto__init(port->type);
  port->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  Onnx__TypeProto__Tensor *tensor = port->type->tensor_type =
      make(arena, 1, sizeof *port->type->tensor_type);
  onnx__type_proto__tensor__init(tensor);
  tensor->has_elem_type = 1;
  tensor->elem_type = k->type;
  tensor->shape = make(arena, 1, sizeof *tensor->shape);
  onnx__tensor_shape_proto__init(tensor->shape);
  for (size_t i = 0; i < like->n_dims; i++) {
    Onnx__TensorShapeProto__Dimension *dim = make(arena, 1, sizeof *dim);
    onnx__tensor_shape_proto__dimension__init(dim);
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dim->dim_value = like->dims[i];
    tensor->shape->dim = make_longer(arena, tensor->shape->dim, &tensor->shape->n_dim, dim);
  }
  graph->input = make_longer(arena, graph->input, &graph->n_input, port);
}

// added: the shift is part of the model.
static bd_model *model_of(bd_arena *arena, const kind *k, bool added) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  char first[8];
  int64_t channels = strtoll(k->shift, NULL, 10);
  snprintf(first, sizeof first, "%d", (int)channels);
  input_of(arena, graph, k);
  constant(arena, graph, "w", k->type, k->w, 0, false);
  if (strstr(k->reads, "b")) constant(arena, graph, "b", k->type, first, 50, false);
  make_node(arena, graph, "Tanh", "before", "x", "a");
  Onnx__NodeProto *node = make_node(arena, graph, k->op, "it", k->reads, "o");
  if (k->attribute) {
    Onnx__AttributeProto *attribute =
        make_attribute(arena, node, k->attribute, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = 1;
    attribute->i = k->value;
  }
  if (added) constant(arena, graph, "s", k->type, k->shift, 90, false);
  if (added) make_node(arena, graph, "Add", "shift", "o s", "p");
  const char *last = added ? "p" : "o";
  if (k->normal) {
    for (int i = 0; i < 4; i++)
      constant(arena, graph, (const char *[]){"n", "m", "u", "v"}[i], k->type, first,
               (size_t)(20 * i), i == 3);
    make_node(arena, graph, "BatchNormalization", "norm", bd_arena_text(arena, "%s n m u v", last),
              "q");
    last = "q";
  }
  make_node(arena, graph, "Relu", "after", last, "y");
  graph->output = make_longer(arena, NULL, &graph->n_output, make_port(arena, "y"));
  return make_opened(arena, model);
}

typedef struct running {
  bd_model *model;
  bd_engine *engine;
  bd_run *run;
  bd_swap *swap;
  bd_tensor input;
} running;

static void must(bd_status status, const bd_error *err) {
  if (status != BD_OK) fail_msg("%s", err->text);
}

static running start(bd_arena *arena, const kind *k, bool added, bool apart) {
  running r = {.model = model_of(arena, k, added)};
  bd_error err = {""};
  Onnx__TensorProto *like = make_tensor(arena, "", k->type, k->x);
  bd_tensor_shape(&r.input, (bd_type)k->type, (int)like->n_dims, like->dims);
  bd_engine_options options = {.apart = apart};
  must(bd_engine_compile(r.model, &r.input, &options, &r.engine, &err), &err);
  must(bd_run_new(r.engine, true, &r.run, &err), &err);
  must(bd_swap_new(r.engine, &r.swap, &err), &err);
  double *reals = make(arena, (size_t)r.input.count, sizeof *reals);
  for (int64_t i = 0; i < r.input.count; i++)
    reals[i] = number((size_t)i + 7);
  r.input.data = make(arena, (size_t)r.input.count, sizeof *reals);
  bd_convert(BD_TYPE_DOUBLE, reals, r.input.type, r.input.data, r.input.count);
  return r;
}

static void stop(running *r) {
  bd_swap_free(r->swap);
  bd_run_free(r->run);
  bd_engine_free(r->engine);
  bd_model_close(r->model);
}

static double worst(const bd_tensor *a, const bd_tensor *b) {
  double most = 0;
  assert_true(bd_tensor_same_shape(a, b) && a->count > 0);
  for (int64_t i = 0; i < a->count; i++)
    most = fmax(most, fabs(bd_tensor_real(a, i) - bd_tensor_real(b, i)));
  return most;
}

static void one_kind(const kind *k, bool apart) {
  bd_arena *arena = bd_arena_new();
  running plain = start(arena, k, false, apart), biased = start(arena, k, true, apart);
  bd_error err = {""};
  double shift[MOST];
  int64_t channels = bd_engine_channels(plain.engine, 0);
  assert_int_equal(channels, strtoll(k->shift, NULL, 10));
  for (int64_t i = 0; i < channels; i++)
    shift[i] = number((size_t)i + 90);
  must(bd_run_all(biased.run, NULL, &biased.input, NULL, &err), &err);
  must(bd_run_all(plain.run, NULL, &plain.input, NULL, &err), &err);
  const bd_tensor *wanted = bd_run_output(biased.run, 0), *found = bd_run_output(plain.run, 0);
  double near = k->type == BD_TYPE_DOUBLE && k->op[0] == 'M' ? 1e-12 : 1e-5;
  assert_true(worst(wanted, found) > 0.01); // without the shift
  must(bd_swap_shift(plain.swap, 0, shift, &err), &err);
  must(bd_run_from(plain.run, plain.swap, 0, NULL, &err), &err);
  assert_true(worst(wanted, found) < near);
  bd_weights weights; // new weights keep the shift
  must(bd_model_weights(plain.model, 0, &weights, &err), &err);
  must(bd_swap_set(plain.swap, 0, weights.data, &err), &err);
  must(bd_run_all(plain.run, plain.swap, &plain.input, NULL, &err), &err);
  assert_true(worst(wanted, found) < 1e-5);
  bd_weights_free(&weights);
  must(bd_swap_set(plain.swap, 0, NULL, &err), &err);
  must(bd_swap_shift(plain.swap, 0, NULL, &err), &err);
  must(bd_run_all(plain.run, plain.swap, &plain.input, NULL, &err), &err);
  assert_true(worst(wanted, found) > 0.01);
  stop(&plain);
  stop(&biased);
  bd_arena_free(arena);
}

static void test_a_shift_is_a_bias(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    one_kind(&kinds[i], false);
    one_kind(&kinds[i], true);
  }
}

static void test_what_a_layer_reads(void **state) {
  (void)state;
  for (int i = 0; i < KINDS; i++) {
    bd_arena *arena = bd_arena_new();
    running r = start(arena, &kinds[i], false, i % 2);
    bd_error err = {""};
    bd_tensor read;
    must(bd_run_all(r.run, NULL, &r.input, NULL, &err), &err);
    must(bd_run_layer_input(r.run, 0, &read, &err), &err);
    assert_int_equal(read.type, BD_TYPE_FLOAT);
    assert_false(read.last);
    assert_int_equal(read.count, r.input.count);
    for (int64_t at = 0; at < read.count; at++)
      assert_true(fabs((double)((float *)read.data)[at] - tanh(number((size_t)at + 7))) < 1e-6);
    free(read.data);
    stop(&r);
    bd_arena_free(arena);
  }
}

// The second convolution reads what the first left with its channels last.
static void test_an_input_is_put_in_rows(void **state) {
  (void)state;
  bd_error err = {""};
  bd_model *model;
  bd_engine *joined, *apart;
  bd_tensor input, first, second;
  must(bd_model_open("samples/fashion.onnx", &model, &err), &err);
  bd_tensor_shape(&input, BD_TYPE_FLOAT, 4, (const int64_t[]){1, 1, 28, 28});
  must(bd_engine_compile(model, &input, NULL, &joined, &err), &err);
  must(bd_engine_compile(model, &input, &(bd_engine_options){.apart = true}, &apart, &err), &err);
  float *pixels = malloc((size_t)input.count * sizeof *pixels);
  for (int64_t i = 0; i < input.count; i++)
    pixels[i] = (float)(128 + 100 * number((size_t)i));
  input.data = pixels;
  bd_run *runs[2];
  for (int i = 0; i < 2; i++) {
    must(bd_run_new(i ? apart : joined, true, &runs[i], &err), &err);
    must(bd_run_all(runs[i], NULL, &input, NULL, &err), &err);
  }
  for (int layer = 0; layer < bd_model_layer_count(model); layer++) {
    must(bd_run_layer_input(runs[0], layer, &first, &err), &err);
    must(bd_run_layer_input(runs[1], layer, &second, &err), &err);
    double most = 0;
    for (int64_t i = 0; i < first.count; i++)
      most = fmax(most, fabs(bd_tensor_real(&second, i)));
    assert_true(worst(&first, &second) <= 1e-5 * most && most > 0);
    if (layer == 0) assert_memory_equal(first.data, pixels, (size_t)first.count * sizeof *pixels);
    free(first.data), free(second.data);
  }
  bd_run *shared;
  must(bd_run_new(joined, false, &shared, &err), &err);
  assert_int_equal(bd_run_layer_input(shared, 0, &first, &err), BD_FAILED);
  bd_run_free(shared);
  for (int i = 0; i < 2; i++)
    bd_run_free(runs[i]);
  bd_engine_free(joined), bd_engine_free(apart);
  bd_model_close(model);
  free(pixels);
}

// A table that is looked up in has no output channels; neither has one that is multiplied with too.
static void test_what_takes_no_shift(void **state) {
  (void)state;
  bd_arena *arena = bd_arena_new();
  bd_error err = {""};
  kind k = {.x = "2", .type = BD_TYPE_INT64};
  for (int shared = 0; shared < 2; shared++) {
    Onnx__ModelProto *model = make_model(arena);
    Onnx__GraphProto *graph = model->graph;
    input_of(arena, graph, &k);
    constant(arena, graph, "w", BD_TYPE_FLOAT, "4 4", 0, false);
    make_node(arena, graph, "Gather", "it", "w x", "y");
    if (shared) make_node(arena, graph, "MatMul", "product", "y w", "z");
    graph->output =
        make_longer(arena, NULL, &graph->n_output, make_port(arena, shared ? "z" : "y"));
    running r = {.model = make_opened(arena, model)};
    bd_tensor_shape(&r.input, BD_TYPE_INT64, 1, (const int64_t[]){2});
    must(bd_engine_compile(r.model, &r.input, NULL, &r.engine, &err), &err);
    must(bd_swap_new(r.engine, &r.swap, &err), &err);
    assert_int_equal(bd_engine_channels(r.engine, 0), 0);
    const double values[4] = {1, 2, 3, 4};
    assert_int_equal(bd_swap_shift(r.swap, 0, values, &err), BD_INVALID);
    assert_non_null(strstr(err.text, "layer w"));
    stop(&r);
  }
  bd_arena_free(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_shift_is_a_bias),
      cmocka_unit_test(test_what_a_layer_reads),
      cmocka_unit_test(test_an_input_is_put_in_rows),
      cmocka_unit_test(test_what_takes_no_shift),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
