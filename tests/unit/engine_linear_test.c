// Layers as linear maps: at every position of every kind of layer, rows of the stored weights times
// the patch, plus the bias, give what the network computed there.
#include "core/base/rng.h"
#include "core/engine/linear.h"
#include "tests/unit/model_maker.h"

#include <math.h>

typedef struct layer_case {
  const char *op, *weight, *bias; // dims of the stored tensors; bias NULL: none
  int rank;
  int64_t input[4];
  const char *ints;    // "name=1,2 name=3": attributes
  float alpha, beta;   // Gemm's
  bool first;          // MatMul: the weights stand first
  const char *reshape; // dims that the weights are given, NULL: stored ones
} layer_case;

static const layer_case cases[] = {
    {"Conv", "32 16 3 3", "32", 4, {2, 16, 9, 7}, "pads=1,0,1,2 strides=2,1", 0, 0, 0, NULL},
    {"Conv", "6 5 3 3", NULL, 4, {1, 5, 8, 8}, "dilations=2,1", 0, 0, 0, NULL},
    {"Conv", "12 2 1 3", "12", 4, {1, 6, 4, 9}, "group=3", 0, 0, 0, NULL},
    {"Conv", "32 1 3 3", "32", 4, {1, 32, 6, 6}, "group=32 pads=1,1,1,1", 0, 0, 0, NULL},
    {"Conv", "4 3 5", "4", 3, {2, 3, 20}, "strides=3 pads=2,1", 0, 0, 0, NULL},
    {"ConvTranspose", "6 4 3 3", "4", 4, {2, 6, 5, 4}, "strides=2,2 pads=1,1,0,1", 0, 0, 0, NULL},
    {"ConvTranspose", "6 4 2 3", "8", 4, {1, 6, 5, 4}, "group=2 strides=1,2", 0, 0, 0, NULL},
    {"Gemm", "7 5", "7", 2, {3, 5}, "transB=1", 0.5f, 2, 0, NULL},
    {"Gemm", "5 5", "1", 2, {5, 5}, "transA=1", 1.5f, 1, 0, NULL},
    {"Gemm", "4 6", NULL, 2, {3, 4}, "", 1, 1, 0, NULL},
    {"MatMul", "4 6", NULL, 3, {2, 3, 4}, "", 0, 0, 0, NULL},
    {"MatMul", "4 6", NULL, 1, {4}, "", 0, 0, 0, NULL},
    {"MatMul", "3 4", NULL, 3, {2, 4, 5}, "", 0, 0, true, NULL},
    {"MatMul", "2 3 4 2", NULL, 2, {3, 8}, "", 0, 0, 0, "8 6"},
};

static void add_ints(bd_arena *arena, Onnx__NodeProto *node, const char *text) {
  size_t count;
  char **words = make_words(arena, text, &count);
  for (size_t i = 0; i < count; i++) {
    char *equals = strchr(words[i], '=');
    *equals = '\0';
    bool one = strncmp(words[i], "group", 5) == 0 || strncmp(words[i], "trans", 5) == 0;
    Onnx__AttributeProto *attribute =
        make_attribute(arena, node, words[i],
                       one ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
                           : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attribute->has_i = one;
    attribute->i = atoi(equals + 1);
    attribute->ints = make(arena, 16, sizeof *attribute->ints);
    for (char *at = equals; !one && at; at = strchr(at + 1, ','))
      attribute->ints[attribute->n_ints++] = atoi(at + 1);
  }
}

static void add_float(bd_arena *arena, Onnx__NodeProto *node, const char *name, float value) {
  Onnx__AttributeProto *attribute =
      make_attribute(arena, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
  attribute->has_f = 1;
  attribute->f = value;
}

static void add_random(bd_arena *arena, Onnx__GraphProto *graph, const char *name, const char *dims,
                       bd_rng *rng) {
  Onnx__TensorProto *tensor = make_weight(arena, graph, name, dims);
  size_t count = tensor->raw_data.len / sizeof(float);
  float *values = make(arena, count, sizeof *values);
  for (size_t i = 0; i < count; i++)
    values[i] = (float)bd_rng_normal(rng);
  make_raw(tensor, values, count * sizeof *values);
}

// A float32 input of dynamic dimensions.
static void add_input(bd_arena *arena, Onnx__GraphProto *graph, int rank) {
  make_input(arena, graph, "x");
  Onnx__ValueInfoProto *port = graph->input[graph->n_input - 1];
  Onnx__TypeProto *type = port->type = make(arena, 1, sizeof *type);
  onnx__type_proto__init(type);
  type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  type->tensor_type = make(arena, 1, sizeof *type->tensor_type);
  onnx__type_proto__tensor__init(type->tensor_type);
  type->tensor_type->has_elem_type = 1;
  type->tensor_type->elem_type = 1;
  Onnx__TensorShapeProto *shape = type->tensor_type->shape = make(arena, 1, sizeof *shape);
  onnx__tensor_shape_proto__init(shape);
  for (int i = 0; i < rank; i++) {
    Onnx__TensorShapeProto__Dimension *dim = make(arena, 1, sizeof *dim);
    onnx__tensor_shape_proto__dimension__init(dim);
    shape->dim = make_longer(arena, shape->dim, &shape->n_dim, dim);
  }
}

static Onnx__ModelProto *model_of(bd_arena *arena, const layer_case *c, bd_rng *rng) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  add_input(arena, graph, c->rank);
  add_random(arena, graph, "w", c->weight, rng);
  if (c->bias) add_random(arena, graph, "b", c->bias, rng);
  if (c->reshape) {
    size_t rank;
    char **words = make_words(arena, c->reshape, &rank);
    int64_t *dims = make(arena, rank, sizeof *dims);
    for (size_t i = 0; i < rank; i++)
      dims[i] = atoi(words[i]);
    char *size = bd_arena_text(arena, "%d", (int)rank);
    Onnx__TensorProto *shape = make_initializer(arena, graph, make_tensor(arena, "s", 7, size));
    make_raw(shape, dims, rank * sizeof *dims);
    make_node(arena, graph, "Reshape", "reshape", "w s", "v");
  }
  const char *weight = c->reshape ? "v" : "w";
  char *inputs = bd_arena_text(arena, c->first ? "%2$s %1$s" : "%1$s %2$s%3$s", "x", weight,
                               c->bias ? " b" : "");
  Onnx__NodeProto *node = make_node(arena, graph, c->op, "node", inputs, "y");
  add_ints(arena, node, c->ints);
  if (strcmp(c->op, "Gemm") == 0) {
    add_float(arena, node, "alpha", c->alpha);
    add_float(arena, node, "beta", c->beta);
  }
  graph->output = make_longer(arena, graph->output, &graph->n_output, make_port(arena, "y"));
  return model;
}

// Where a position's channel stands in the output, in rows.
static int64_t place_of(const bd_linear *l, const bd_tensor *y, int64_t position, int64_t channel) {
  int64_t channels = l->groups * l->out;
  if (l->kind == BD_LINEAR_ROWS) return position * channels + channel;
  int64_t size =
      l->kind == BD_LINEAR_COLUMNS ? y->dims[y->rank - 1] : bd_dims_product(y->dims, 2, y->rank);
  return (position / size * channels + channel) * size + position % size;
}

static void check_positions(const bd_linear *l, const bd_engine *engine, bd_run *run,
                            const bd_tensor *input, const float *weights) {
  int64_t in = l->groups * l->in, out = l->groups * l->out;
  float *patches = malloc((size_t)(l->positions * in) * sizeof *patches);
  float *row = malloc((size_t)out * sizeof *row);
  bd_error err = {""};
  bd_tensor y;
  assert_int_equal(bd_run_begin(run, input, &err), BD_OK);
  assert_int_equal(bd_run_until(run, NULL, l->step, NULL, &err), BD_OK);
  for (int64_t p = 0; p < l->positions; p++)
    bd_linear_patch(l, run, p, patches + p * in);
  assert_int_equal(bd_run_until(run, NULL, l->step + 1, NULL, &err), BD_OK);
  assert_int_equal(bd_run_layer_output(run, 0, &y, &err), BD_OK);
  assert_int_equal(y.count, l->positions * out);
  for (int64_t p = 0; p < l->positions; p++) {
    bd_linear_result(l, run, p, row);
    for (int64_t o = 0; o < out; o++) {
      double sum = bd_linear_bias(l, engine, o);
      for (int64_t j = 0; j < l->in; j++)
        sum += (double)weights[bd_linear_place(l, o / l->out, o % l->out, j)] *
               (double)patches[p * in + o / l->out * l->in + j];
      assert_true(fabs(sum - (double)row[o]) < 1e-4 * (1 + fabs(sum)));
      assert_true(row[o] == ((float *)y.data)[place_of(l, &y, p, o)]);
    }
  }
  free(y.data);
  free(patches);
  free(row);
}

// Each output channel is the range of stored weights that its axes say.
static void check_axes(const bd_linear *l) {
  if (l->channels == 0) return;
  assert_int_equal(l->channels, l->groups * l->out);
  for (int64_t o = 0; o < l->channels; o++)
    for (int64_t j = 0; j < l->in; j++) {
      int64_t place = bd_linear_place(l, o / l->out, o % l->out, j);
      assert_int_equal(place / l->inner % l->channels, o);
      assert_true(place < l->outer * l->channels * l->inner);
    }
}

static void rows_times_patches_are_the_output(void **state) {
  (void)state;
  bd_rng rng = bd_rng_seed(1, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bd_arena *arena = bd_arena_new();
    bd_model *model = make_opened(arena, model_of(arena, &cases[i], &rng));
    bd_tensor input;
    bd_engine *engine;
    bd_linear linear;
    bd_weights weights;
    bd_run *run;
    bd_error err = {""};
    bd_tensor_shape(&input, BD_TYPE_FLOAT, cases[i].rank, cases[i].input);
    bd_engine_options options = {.apart = true};
    if (bd_engine_compile(model, &input, &options, &engine, &err)) fail_msg("%s", err.text);
    float *x = input.data = malloc(bd_tensor_bytes(&input));
    for (int64_t k = 0; k < input.count; k++)
      x[k] = (float)bd_rng_normal(&rng);
    if (bd_engine_linear(engine, 0, &linear, &err)) fail_msg("%s", err.text);
    assert_int_equal(bd_model_weights(model, 0, &weights, &err), BD_OK);
    assert_int_equal(linear.groups * linear.in * linear.out, weights.count);
    assert_int_equal(bd_run_new(engine, false, &run, &err), BD_OK);
    check_axes(&linear);
    check_positions(&linear, engine, run, &input, weights.data);
    bd_run_free(run);
    bd_weights_free(&weights);
    bd_engine_free(engine);
    bd_model_close(model);
    bd_arena_free(arena);
    free(x);
  }
}

static void refused(const char *nodes[][3], int count, const char *weight, const char *why) {
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto *proto = make_model(arena);
  bd_rng rng = bd_rng_seed(2, 0);
  add_input(arena, proto->graph, 2);
  add_random(arena, proto->graph, "w", weight, &rng);
  for (int i = 0; i < count; i++)
    make_node(arena, proto->graph, nodes[i][0], "n", nodes[i][1], nodes[i][2]);
  proto->graph->output =
      make_longer(arena, proto->graph->output, &proto->graph->n_output, make_port(arena, "y"));
  bd_model *model = make_opened(arena, proto);
  bd_tensor input;
  bd_engine *engine;
  bd_linear linear;
  bd_error err = {""};
  bd_tensor_shape(&input, BD_TYPE_FLOAT, 2, (int64_t[]){4, 4});
  bd_engine_options options = {.apart = true};
  if (bd_engine_compile(model, &input, &options, &engine, &err)) fail_msg("%s", err.text);
  assert_int_equal(bd_engine_linear(engine, 0, &linear, &err), BD_INVALID);
  assert_non_null(strstr(err.text, why));
  bd_engine_free(engine);
  bd_model_close(model);
  bd_arena_free(arena);
}

static void what_is_not_linear_is_named(void **state) {
  (void)state;
  refused((const char *[][3]){{"Transpose", "w", "v"}, {"MatMul", "x v", "y"}}, 2, "4 4",
          "rearranged");
  refused((const char *[][3]){{"MatMul", "x w", "y"}}, 1, "3 4 4", "stack");
  refused((const char *[][3]){{"Relu", "x", "c"}, {"Gemm", "x w c", "y"}}, 2, "4 4", "bias");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_times_patches_are_the_output),
      cmocka_unit_test(what_is_not_linear_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
