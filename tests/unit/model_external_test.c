// A data file that changes while its model is open: what was mapped is never trusted again.
#include "tests/unit/model_maker.h"

#include <fcntl.h>
#include <sys/stat.h>

static char folder[64], model_path[96], data_path[96];
static bd_model *model;

static void write_data(const char *path, float first, size_t count) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  for (size_t i = 0; i < count; i++) {
    float value = first + (float)i;
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
  }
  fclose(file);
}

static void say(bd_arena *arena, Onnx__TensorProto *tensor, const char *key, const char *value) {
  Onnx__StringStringEntryProto *entry = make(arena, 1, sizeof *entry);
  onnx__string_string_entry_proto__init(entry);
  entry->key = bd_arena_text(arena, "%s", key);
  entry->value = bd_arena_text(arena, "%s", value);
  tensor->external_data =
      make_longer(arena, tensor->external_data, &tensor->n_external_data, entry);
}

// Two weights of 2,000 values each in one data file.
static int set_up(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/bitdial-external-%d", (int)getpid());
  snprintf(model_path, sizeof model_path, "%s/m.onnx", folder);
  snprintf(data_path, sizeof data_path, "%s/w.bin", folder);
  mkdir(folder, 0700);
  write_data(data_path, 0, 4000);
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto *made = make_model(arena);
  for (int i = 0; i < 2; i++) {
    Onnx__TensorProto *weight =
        make_initializer(arena, made->graph, make_tensor(arena, i ? "b" : "a", 1, "40 50"));
    weight->has_data_location = 1;
    weight->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    say(arena, weight, "location", "w.bin");
    say(arena, weight, "offset", i ? "8000" : "0");
    say(arena, weight, "length", "8000");
    make_node(arena, made->graph, "MatMul", NULL, i ? "x b" : "x a", i ? "z" : "y");
  }
  bd_bytes bytes = make_bytes(arena, made);
  assert_int_equal(bd_file_write(model_path, bytes.data, bytes.size, NULL), BD_OK);
  bd_arena_free(arena);
  bd_error err;
  if (bd_model_open(model_path, &model, &err) != BD_OK) fail_msg("%s", err.text);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  bd_model_close(model);
  unlink(model_path);
  unlink(data_path);
  return rmdir(folder);
}

static void assert_values(int layer, float first) {
  bd_weights weights;
  bd_error err;
  if (bd_model_weights(model, layer, &weights, &err) != BD_OK) fail_msg("%s", err.text);
  assert_int_equal(weights.count, 2000);
  for (size_t i = 0; i < weights.count; i++)
    assert_true(weights.data[i] == first + (float)i);
  bd_weights_free(&weights);
}

static void assert_changed(int layer) {
  bd_weights weights;
  bd_error err;
  char hash[65];
  assert_int_equal(bd_model_weights(model, layer, &weights, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "w.bin: has changed"));
  assert_null(weights.owned);
  assert_int_equal(bd_model_layer_sha256(model, layer, hash, &err), BD_FAILED);
  assert_string_equal(hash, "");
}

static void values_of_both(void **state) {
  (void)state;
  assert_int_equal(bd_model_about(model)->data_files, 1);
  assert_values(1, 2000);
  assert_values(0, 0);
}

static void cut_short(void **state) {
  (void)state;
  assert_values(0, 0);
  assert_int_equal(truncate(data_path, 100), 0);
  assert_changed(0);
  assert_changed(1);
}

static void written_over(void **state) {
  (void)state;
  struct timespec then[2] = {{1, 0}, {1, 0}};
  int fd = open(data_path, O_WRONLY);
  assert_int_equal(pwrite(fd, "xxxx", 4, 0), 4);
  assert_int_equal(futimens(fd, then), 0);
  close(fd);
  assert_changed(0);
}

static void replaced_or_removed(void **state) {
  (void)state;
  char other[112];
  snprintf(other, sizeof other, "%s.new", data_path);
  write_data(other, 7, 4000);
  assert_int_equal(rename(other, data_path), 0);
  assert_values(0, 0); // the file that was opened is still there
  unlink(data_path);
  assert_values(1, 2000);
}

static void cut_short_before_it_is_saved(void **state) {
  (void)state;
  char out[112];
  bd_error err;
  snprintf(out, sizeof out, "%s/out.onnx", folder);
  assert_int_equal(truncate(data_path, 8001), 0);
  assert_int_equal(bd_model_save(model, NULL, 0, out, &err), BD_FAILED);
  assert_non_null(strstr(err.text, "w.bin: has changed"));
  assert_int_equal(access(out, F_OK), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(values_of_both, set_up, tear_down),
      cmocka_unit_test_setup_teardown(cut_short, set_up, tear_down),
      cmocka_unit_test_setup_teardown(written_over, set_up, tear_down),
      cmocka_unit_test_setup_teardown(replaced_or_removed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(cut_short_before_it_is_saved, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
