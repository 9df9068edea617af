// core/model: a saved model is the file with other weights, byte for byte.
#include "tests/unit/model_maker.h"

#include "core/model/dtype.h"

#include <glob.h>
#include <pthread.h>

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

// What the model is when it is saved.
static bd_bytes saved(const bd_model *model, const bd_replacement *replacements, int count) {
  bd_error err = {""};
  bd_bytes mapped;
  const char *path = make_path();
  if (bd_model_save(model, replacements, count, path, &err) != BD_OK) fail_msg("%s", err.text);
  assert_int_equal(bd_file_map(path, &mapped, NULL), BD_OK);
  unlink(path);
  uint8_t *copy = make(arena, mapped.size, 1);
  memcpy(copy, mapped.data, mapped.size);
  bd_bytes bytes = {copy, mapped.size};
  bd_file_unmap(mapped);
  return bytes;
}

static void assert_same(bd_bytes a, bd_bytes b) {
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.data, b.data, a.size);
}

// The first and last byte that differ; false where none does.
static bool difference(bd_bytes a, bd_bytes b, size_t *first, size_t *last) {
  bool any = false;
  assert_int_equal(a.size, b.size);
  for (size_t i = 0; i < a.size; i++) {
    if (a.data[i] == b.data[i]) continue;
    if (!any) *first = i;
    *last = i;
    any = true;
  }
  return any;
}

// Replaces one layer by its negation: outside its values no byte of the file may change, inside
// there must be the negated ones.
static void negate_layer(const bd_model *model, bd_bytes original, int layer) {
  bd_weights weights;
  if (bd_model_layer(model, layer)->refused) return;
  assert_int_equal(bd_model_weights(model, layer, &weights, NULL), BD_OK);
  size_t bytes = weights.count * sizeof(float);
  float *negated = make(arena, weights.count, sizeof *negated);
  for (size_t i = 0; i < weights.count; i++)
    negated[i] = -weights.data[i];
  bd_bytes now = saved(model, &(bd_replacement){.layer = layer, .values = negated}, 1);
  size_t first = 0, last = 0;
  assert_true(difference(original, now, &first, &last));
  // The sign is in each value's last byte; a value may be found from its own first byte on.
  const uint8_t *start = original.data + (first >= 3 ? first - 3 : 0);
  const uint8_t *at =
      memmem(start, original.size - (size_t)(start - original.data), weights.data, bytes);
  assert_non_null(at);
  size_t offset = (size_t)(at - original.data);
  assert_true(first >= offset && last < offset + bytes);
  assert_memory_equal(now.data + offset, negated, bytes);
  bd_weights_free(&weights);
}

static void check_model_file(const char *path) {
  bd_model *model;
  bd_bytes original;
  bd_error err = {""};
  if (bd_model_open(path, &model, &err) != BD_OK) fail_msg("%s", err.text);
  assert_int_equal(bd_file_map(path, &original, NULL), BD_OK);
  assert_same(saved(model, NULL, 0), original);
  int count = bd_model_layer_count(model);
  for (int layer = 0; layer < count; layer += 1 + count / 6) {
    negate_layer(model, original, layer);
    bd_arena_free(arena);
    arena = bd_arena_new();
  }
  bd_file_unmap(original);
  bd_model_close(model);
}

static void real_models(void **state) {
  (void)state;
  glob_t found;
  int missing = glob("../shared/models/*.onnx", 0, NULL, &found);
  if (missing || glob("../shared/models/light/*.onnx", GLOB_APPEND, NULL, &found)) skip();
  for (size_t i = 0; i < found.gl_pathc; i++)
    check_model_file(found.gl_pathv[i]);
  globfree(&found);
}

// One layer of each type and field, one in a subgraph's Constant, each used by a MatMul.
enum { KINDS = 9 };

static bd_bytes all_kinds(void) {
  Onnx__ModelProto *model = make_model(arena);
  Onnx__GraphProto *graph = model->graph;
  static float floats[] = {0.5f, -1, 2};
  static double doubles[] = {0.5, -1, 2};
  static uint16_t halves[] = {0x3800, 0xbc00, 0x4000}, brains[] = {0x3f00, 0xbf80, 0x4000};
  static int32_t wide[] = {0x3800, 0xbc00, 0x4000}, wide_brains[] = {0x3f00, 0xbf80, 0x4000};
  static const int32_t types[] = {1, 1, 11, 11, 10, 10, 16, 16};
  for (int i = 0; i < KINDS - 1; i++) {
    const char *name = bd_arena_text(arena, "w%d", i);
    Onnx__TensorProto *tensor =
        make_initializer(arena, graph, make_tensor(arena, name, types[i], "3"));
    if (i == 0) make_raw(tensor, floats, sizeof floats);
    if (i == 1) tensor->n_float_data = 3, tensor->float_data = floats;
    if (i == 2) make_raw(tensor, doubles, sizeof doubles);
    if (i == 3) tensor->n_double_data = 3, tensor->double_data = doubles;
    if (i == 4) make_raw(tensor, halves, sizeof halves);
    if (i == 5) tensor->n_int32_data = 3, tensor->int32_data = wide;
    if (i == 6) make_raw(tensor, brains, sizeof brains);
    if (i == 7) tensor->n_int32_data = 3, tensor->int32_data = wide_brains;
    make_node(arena, graph, "MatMul", name, bd_arena_text(arena, "x %s", name), "y");
  }
  Onnx__NodeProto *node = make_node(arena, graph, "If", "i", "x", "z");
  Onnx__GraphProto *branch = make_branch(arena, node, "then_branch");
  Onnx__NodeProto *constant = make_node(arena, branch, "Constant", NULL, "", "k");
  Onnx__AttributeProto *value = make_attribute(arena, constant, "value_floats",
                                               ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
  value->n_floats = 3;
  value->floats = floats;
  make_node(arena, branch, "MatMul", "k", "x k", "y");
  return make_bytes(arena, model);
}

static void every_kind_of_field(void **state) {
  (void)state;
  bd_bytes original = all_kinds();
  bd_model *model, *again;
  assert_int_equal(make_open(original, &model, NULL), BD_OK);
  assert_int_equal(bd_model_layer_count(model), KINDS);
  assert_same(saved(model, NULL, 0), original);
  // 1/3 is no value of any of the types: it must be rounded to each; 3 takes more bytes than 2 does
  // in no field but int32_data, whose numbers grow and shrink.
  const float values[] = {1.0f / 3, 0, -3};
  bd_replacement all[KINDS];
  for (int i = 0; i < KINDS; i++)
    all[i] = (bd_replacement){.layer = i, .values = values};
  bd_bytes now = saved(model, all, KINDS);
  assert_int_equal(make_open(now, &again, NULL), BD_OK);
  for (int i = 0; i < KINDS; i++) {
    bd_weights weights;
    assert_int_equal(bd_model_weights(again, i, &weights, NULL), BD_OK);
    bd_dtype type = bd_model_layer(again, i)->type;
    assert_int_equal(type, bd_model_layer(model, i)->type);
    for (int k = 0; k < 3; k++)
      assert_true((double)weights.data[k] == bd_dtype_round(type, (double)values[k]));
    bd_weights_free(&weights);
  }
  assert_same(saved(again, NULL, 0), now);
  // Putting the old values back gives the old file.
  const float old[] = {0.5f, -1, 2};
  for (int i = 0; i < KINDS; i++)
    all[i].values = old;
  assert_same(saved(again, all, KINDS), original);
  bd_model_close(again);
  bd_model_close(model);
}

// Fields that the schema does not know: in the model, a tensor, and a node of a subgraph.
static void unknown_fields(void **state) {
  (void)state;
  Onnx__ModelProto *made = make_model(arena);
  Onnx__TensorProto *weight = make_weight(arena, made->graph, "w", "2 2");
  make_node(arena, made->graph, "MatMul", "m", "x w", "y");
  Onnx__NodeProto *node = make_node(arena, made->graph, "If", "i", "x", "z");
  Onnx__NodeProto *inner =
      make_node(arena, make_branch(arena, node, "then_branch"), "Relu", "r", "x", "y");
  static uint8_t text[] = "\x06strange", number[] = "\x95\x01", fixed[] = "12345678";
  ProtobufCMessageUnknownField fields[] = {
      {999, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 7, text},
      {1000, PROTOBUF_C_WIRE_TYPE_VARINT, 2, number},
      {1001, PROTOBUF_C_WIRE_TYPE_64BIT, 8, fixed},
  };
  ProtobufCMessage *holders[] = {&made->base, &weight->base, &inner->base};
  for (size_t i = 0; i < 3; i++) {
    holders[i]->n_unknown_fields = 3;
    holders[i]->unknown_fields = fields;
  }
  bd_bytes original = make_bytes(arena, made);
  bd_model *model;
  assert_int_equal(make_open(original, &model, NULL), BD_OK);
  assert_same(saved(model, NULL, 0), original);
  negate_layer(model, original, 0);
  bd_model_close(model);
}

static void refuses(void **state) {
  (void)state;
  bd_model *model;
  bd_error err = {""};
  const float values[] = {1, 2, 3};
  assert_int_equal(make_open(all_kinds(), &model, NULL), BD_OK);
  bd_replacement outside = {.layer = KINDS, .values = values};
  bd_replacement twice[] = {{.values = values}, {.values = values}};
  assert_int_equal(bd_model_save(model, &outside, 1, make_path(), &err), BD_INVALID);
  assert_int_equal(bd_model_save(model, twice, 2, make_path(), &err), BD_INVALID);
  assert_non_null(strstr(err.text, "w0"));
  assert_int_not_equal(access(make_path(), F_OK), 0);
  assert_int_equal(bd_model_save(model, NULL, 0, "/nowhere/x.onnx", &err), BD_FAILED);
  bd_model_close(model);
}

static void over_itself(void **state) {
  (void)state;
  bd_bytes original = all_kinds();
  const char *path = make_path();
  bd_model *model;
  char before[65], after[65];
  assert_int_equal(bd_file_write(path, original.data, original.size, NULL), BD_OK);
  assert_int_equal(bd_model_open(path, &model, NULL), BD_OK);
  bd_model_sha256(model, before, NULL);
  const float values[] = {7, 8, 9};
  assert_int_equal(
      bd_model_save(model, &(bd_replacement){.layer = 0, .values = values}, 1, path, NULL), BD_OK);
  bd_model_sha256(model, after, NULL); // of the file as it was opened
  assert_string_equal(before, after);
  bd_weights weights;
  assert_int_equal(bd_model_weights(model, 0, &weights, NULL), BD_OK);
  assert_true(weights.data[0] == 0.5f);
  bd_weights_free(&weights);
  bd_model_close(model);
  unlink(path);
}

// Another program writes the file anew, shorter, while the model is open: what was read stays, what
// was not is refused, and nothing crashes.
static void cut_short_meanwhile(void **state) {
  (void)state;
  bd_bytes original = all_kinds();
  const char *path = make_path();
  bd_model *model;
  bd_weights weights;
  bd_error err = {""};
  char hash[65];
  assert_int_equal(bd_file_write(path, original.data, original.size, NULL), BD_OK);
  assert_int_equal(bd_model_open(path, &model, NULL), BD_OK);
  assert_int_equal(bd_model_weights(model, 0, &weights, NULL), BD_OK);
  assert_int_equal(truncate(path, 0), 0);
  assert_true(weights.data[0] == 0.5f && weights.data[2] == 2);
  bd_weights_free(&weights);
  assert_int_equal(bd_model_layer_sha256(model, 0, hash, NULL), BD_OK);
  assert_int_equal(bd_model_weights(model, 1, &weights, NULL), BD_OK); // a typed field
  bd_weights_free(&weights);
  assert_int_equal(bd_model_weights(model, 2, &weights, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "has changed"));
  assert_int_equal(bd_model_sha256(model, hash, NULL), BD_FAILED);
  assert_string_equal(hash, "");
  assert_int_equal(bd_model_save(model, NULL, 0, path, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "has changed"));
  assert_int_equal(bd_model_check(model, &err) == BD_OK, 0); // the checker wants typed ports
  bd_model_close(model);
  unlink(path);
}

static void *read_on(void *arg) {
  const bd_model *model = arg;
  for (int round = 0; round < 300; round++)
    for (int i = 0; i < KINDS; i++) {
      bd_weights weights;
      if (bd_model_weights(model, i, &weights, NULL) != BD_OK) return arg;
      bool same = weights.data[0] == 0.5f && weights.data[1] == -1 && weights.data[2] == 2;
      bd_weights_free(&weights);
      if (!same) return arg;
    }
  return NULL;
}

static void readers_see_nothing(void **state) {
  (void)state;
  bd_model *model;
  assert_int_equal(make_open(all_kinds(), &model, NULL), BD_OK);
  pthread_t reader;
  assert_int_equal(pthread_create(&reader, NULL, read_on, model), 0);
  const float values[] = {7, 8, 9};
  bd_replacement all[KINDS];
  for (int i = 0; i < KINDS; i++)
    all[i] = (bd_replacement){.layer = i, .values = values};
  for (int round = 0; round < 20; round++)
    saved(model, all, KINDS);
  void *failed;
  pthread_join(reader, &failed);
  assert_null(failed);
  bd_model_close(model);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(real_models), TEST(every_kind_of_field), TEST(unknown_fields),      TEST(refuses),
      TEST(over_itself), TEST(cut_short_meanwhile), TEST(readers_see_nothing),
  };
  return cmocka_run_group_tests_name("model_save", tests, NULL, NULL);
}
