// Repair of grouped and depthwise convolutions: the same weights as those of the dense convolution
// whose weights between groups are zeros, and those stay zero.
#include "core/base/rng.h"
#include "core/engine/npy.h"
#include "core/study/recover.h"

#include "tests/unit/model_maker.h"

#include <math.h>

enum { SAMPLES = 64, SIDE = 6, SIZE = SIDE * SIDE, KERNEL = 9, ROUNDS = 4 };

static const double TOLERANCE = 1e-4; // floats, of fits that are not equally well conditioned

typedef struct shape {
  int groups, in, out; // channels of a group
} shape;

static const shape grouped = {2, 2, 3}, depthwise = {4, 1, 1}, multiplied = {4, 1, 2};

static int channels_in(shape s) {
  return s.groups * s.in;
}

static int channels_out(shape s) {
  return s.groups * s.out;
}

static void check(bd_status status, const bd_error *err) {
  if (status != BD_OK) fail_msg("%s", err->text);
}

static void assert_near(double a, double b, double tolerance) {
  if (!(fabs(a - b) <= tolerance * (1 + fabs(a) + fabs(b)))) fail_msg("%.12g, not %.12g", a, b);
}

// --- the two networks ----------------------------------------------------------------------------

static Onnx__ValueInfoProto *input_of(bd_arena *arena, const char *dims) {
  Onnx__ValueInfoProto *port = make_port(arena, "x");
  size_t rank;
  char **words = make_words(arena, dims, &rank);
  port->type = make(arena, 1, sizeof *port->type);
  onnx__type_proto__init(port->type);
  port->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
  Onnx__TypeProto__Tensor *tensor = port->type->tensor_type = make(arena, 1, sizeof *tensor);
  onnx__type_proto__tensor__init(tensor);
  tensor->has_elem_type = 1;
  tensor->elem_type = 1;
  tensor->shape = make(arena, 1, sizeof *tensor->shape);
  onnx__tensor_shape_proto__init(tensor->shape);
  for (size_t i = 0; i < rank; i++) {
    Onnx__TensorShapeProto__Dimension *dim = make(arena, 1, sizeof *dim);
    onnx__tensor_shape_proto__dimension__init(dim);
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dim->dim_value = atoi(words[i]);
    tensor->shape->dim = make_longer(arena, tensor->shape->dim, &tensor->shape->n_dim, dim);
  }
  return port;
}

static bd_model *conv_of(bd_arena *arena, shape s, int groups, const float *weights) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  Onnx__ValueInfoProto *port =
      input_of(arena, bd_arena_text(arena, "1 %d %d %d", channels_in(s), SIDE, SIDE));
  graph->input = make_longer(arena, NULL, &graph->n_input, port);
  int per = channels_in(s) / groups;
  Onnx__TensorProto *w =
      make_weight(arena, graph, "w", bd_arena_text(arena, "%d %d 3 3", channels_out(s), per));
  make_raw(w, weights, (size_t)(channels_out(s) * per * KERNEL) * sizeof *weights);
  make_weight(arena, graph, "b", bd_arena_text(arena, "%d", channels_out(s)));
  Onnx__NodeProto *node = make_node(arena, graph, "Conv", "conv", "x w b", "y");
  Onnx__AttributeProto *attribute =
      make_attribute(arena, node, "group", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
  attribute->has_i = 1;
  attribute->i = groups;
  graph->output = make_longer(arena, NULL, &graph->n_output, make_port(arena, "y"));
  return make_opened(arena, model);
}

// Where a grouped convolution's weight stands in the dense one.
static size_t dense_place(shape s, size_t place) {
  size_t per = (size_t)(s.in * KERNEL), row = place / per, group = row / (size_t)s.out;
  return (row * (size_t)s.groups + group) * per + place % per;
}

// --- samples -------------------------------------------------------------------------------------

// A pixel of a group: every other group has its pictures transposed.
static int pixel_of(int group, int j) {
  int at = j % SIZE;
  return group % 2 ? j - at + at % SIDE * SIDE + at / SIDE : j;
}

// Groups see each other's pictures one sample later: they go together (a sample is like the next),
// and yet all have the same sum of variances, so that least squares are damped by the same amount.
// Means and covariances differ.
static void fill_samples(bd_rng *rng, shape s, float *x) {
  static float noise[SAMPLES][2 * SIZE];
  for (int i = 0; i < SAMPLES; i++)
    for (int j = 0; j < s.in * SIZE; j++)
      noise[i][j] = (float)(bd_rng_normal(rng) + (j % SIDE ? 0.7 * (double)noise[i][j - 1] : 0));
  for (int i = 0; i < SAMPLES; i++)
    for (int group = 0; group < s.groups; group++)
      for (int j = 0; j < s.in * SIZE; j++) {
        const float *one = noise[(i + group) % SAMPLES], *two = noise[(i + group + 1) % SAMPLES];
        int at = pixel_of(group, j);
        *x++ = one[at] + 0.8F * two[at] + (float)group;
      }
}

static bd_data *data_of(bd_rng *rng, shape s, const bd_model *model) {
  char path[64];
  bd_error err;
  bd_data *data;
  bd_transform none = bd_transform_none();
  bd_tensor x = {.type = BD_TYPE_FLOAT,
                 .rank = 4,
                 .dims = {SAMPLES, channels_in(s), SIDE, SIDE},
                 .count = SAMPLES * channels_in(s) * SIDE * SIDE};
  x.data = malloc(bd_tensor_bytes(&x));
  fill_samples(rng, s, x.data);
  snprintf(path, sizeof path, "/tmp/bitdial-grouped-%d.npz", (int)getpid());
  check(bd_npz_write(path, (const char *const[]){"x"}, &x, 1, &err), &err);
  bd_status status = bd_data_open(model, path, &none, SAMPLES, &data, &err);
  unlink(path);
  free(x.data);
  check(status, &err);
  return data;
}

// --- repair --------------------------------------------------------------------------------------

static bd_repair *repair_of(const bd_model *model, const bd_data *data, const bd_setting *setting,
                            bd_recovery how) {
  bd_error err;
  bd_repair *repair;
  bd_layer_study study = {0};
  bd_recover_options options = {.threads = 2};
  assert_int_equal(bd_model_layer_count(model), 1);
  check(bd_study_index(model, 0, NULL, &study.index, &err), &err);
  check(bd_quantize(study.index, setting, bd_effort_for(setting), NULL, &study.result, &err), &err);
  check(bd_recover(model, &study, data, how, &options, NULL, NULL, NULL, &repair, &err), &err);
  bd_result_free(study.result);
  bd_index_free(study.index);
  assert_int_equal(repair->left, 0);
  assert_non_null(repair->layers[0].coded);
  return repair;
}

static void assert_same(shape s, const bd_coded *parts, const bd_coded *dense) {
  size_t zeros = 0;
  for (size_t i = 0; i < parts->count; i++)
    assert_near(bd_coded_value(parts, i), bd_coded_value(dense, dense_place(s, i)), TOLERANCE);
  for (size_t i = 0; i < dense->count; i++)
    zeros += bd_coded_value(dense, i) == 0;
  for (size_t i = 0; i < parts->count; i++)
    zeros -= bd_coded_value(dense, dense_place(s, i)) == 0;
  assert_int_equal(zeros, dense->count - parts->count); // all that lies between groups
  for (int channel = 0; channel < channels_out(s); channel++)
    assert_near(parts->shift[channel], dense->shift[channel], TOLERANCE);
}

static void compare(bd_rng *rng, shape s, bd_setting setting, bd_recovery how) {
  enum { MOST = 8 * 4 * KERNEL };
  float weights[MOST], wide[MOST] = {0};
  size_t count = (size_t)(channels_out(s) * s.in * KERNEL), all = count * (size_t)s.groups;
  for (size_t i = 0; i < count; i++)
    wide[dense_place(s, i)] = weights[i] = (float)bd_rng_normal(rng);
  bd_arena *arena = bd_arena_new();
  bd_model *parts = conv_of(arena, s, s.groups, weights), *dense = conv_of(arena, s, 1, wide);
  bd_data *data = data_of(rng, s, parts);
  bd_repair *one = repair_of(parts, data, &setting, how);
  // The same weights go when as many more go as there are zeros.
  setting.prune =
      (floor(setting.prune * (double)count + 0.5) + (double)(all - count)) / (double)all;
  bd_repair *two = repair_of(dense, data, &setting, how);
  assert_same(s, one->layers[0].coded, two->layers[0].coded);
  bd_repair_free(one);
  bd_repair_free(two);
  bd_data_free(data);
  bd_model_close(parts);
  bd_model_close(dense);
  bd_arena_free(arena);
}

static void repaired_as_dense(shape s, bd_recovery how) {
  static const bd_method methods[] = {BD_KMEANS, BD_LINEAR, BD_LINEAR_MSE};
  bd_rng rng = bd_rng_seed(31, (uint64_t)how);
  bd_setting setting = bd_setting_default();
  for (int round = 0; round < ROUNDS; round++)
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
      setting.method = methods[m];
      setting.bits = 3 + round % 2;
      setting.prune = 0.2 + 0.1 * round;
      compare(&rng, s, setting, how);
    }
}

static void grouped_is_matched_as_dense(void **state) {
  (void)state;
  repaired_as_dense(grouped, BD_RECOVER_MATCH);
}

static void grouped_is_reconstructed_as_dense(void **state) {
  (void)state;
  repaired_as_dense(grouped, BD_RECOVER_RECONSTRUCT);
}

static void depthwise_is_matched_as_dense(void **state) {
  (void)state;
  repaired_as_dense(depthwise, BD_RECOVER_MATCH);
  repaired_as_dense(multiplied, BD_RECOVER_MATCH);
}

static void depthwise_is_reconstructed_as_dense(void **state) {
  (void)state;
  repaired_as_dense(depthwise, BD_RECOVER_RECONSTRUCT);
  repaired_as_dense(multiplied, BD_RECOVER_RECONSTRUCT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grouped_is_matched_as_dense),
      cmocka_unit_test(grouped_is_reconstructed_as_dense),
      cmocka_unit_test(depthwise_is_matched_as_dense),
      cmocka_unit_test(depthwise_is_reconstructed_as_dense),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
