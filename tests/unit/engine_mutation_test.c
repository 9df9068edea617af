// Damaged graphs: a line of explanation or a result, never a crash. Models of ONNX's own tests, the
// sample and real networks (where they are) are changed at random, opened, compiled and run on
// zeros, with a small ceiling. BITDIAL_MUTATIONS says how many, BITDIAL_SEED which; what breaks is
// left in build/
#include "core/base/rng.h"
#include "core/engine/engine.h"

#include <glob.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { USUAL = 1500, MODEL_MAX = 4 << 20, CEILING = 64 << 20, PATIENCE = 500 /* ms */ };
enum { NODES = 64 << 10 }; // bytes in front of a large model, before its weights

// Small graphs, each of one or few operators; and whole networks.
static const char *const small[] = {
    "/usr/share/libonnx-testdata/data/node/*/model.onnx",
    "/usr/share/libonnx-testdata/data/simple/*/model.onnx",
    "/usr/share/libonnx-testdata/data/pytorch-converted/*/model.onnx",
    NULL,
};
static const char *const whole[] = {
    "samples/fashion.onnx",
    "../shared/models/*.onnx",
    "../shared/models/light/*.onnx",
    NULL,
};

static size_t read_model(const char *path, unsigned char *out) {
  FILE *file = fopen(path, "rb");
  size_t size = file ? fread(out, 1, MODEL_MAX, file) : 0;
  if (file) fclose(file);
  return size;
}

static void change(bd_rng *rng, unsigned char *data, size_t size) {
  static const unsigned char telling[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 127, 128, 255};
  size_t changes = 1 + bd_rng_next(rng) % 4;
  if (size > NODES && bd_rng_next(rng) % 4) size = NODES;
  for (size_t i = 0; i < changes; i++) {
    unsigned char *at = data + bd_rng_next(rng) % size;
    switch (bd_rng_next(rng) % 3) {
    case 0:
      *at = telling[bd_rng_next(rng) % sizeof telling];
      break;
    case 1:
      *at = (unsigned char)(*at + 1);
      break;
    default:
      *at = (unsigned char)bd_rng_next(rng);
    }
  }
}

// What is left open becomes 2; false where an input cannot be given.
static bool make_input(const bd_port *port, bd_tensor *out) {
  int64_t dims[BD_DIMS_MAX];
  int rank = port->rank < 0 ? 2 : port->rank;
  if (rank > BD_DIMS_MAX) return false;
  for (int i = 0; i < rank; i++)
    dims[i] = port->rank < 0 || port->dims[i] < 0 ? 2 : port->dims[i];
  for (int type = 1; type <= BD_TYPE_BFLOAT16; type++)
    if (bd_type_size((bd_type)type) && strcmp(bd_type_name((bd_type)type), port->type) == 0)
      return bd_tensor_shape(out, (bd_type)type, rank, dims) && bd_tensor_bytes(out) < CEILING;
  return false;
}

static void one_line(const bd_error *err) {
  assert_true(err->text[0] != '\0');
  assert_null(strchr(err->text, '\n'));
}

typedef struct watch {
  bd_cancel cancel;
  atomic_bool over;
} watch;

static void *wait_for(void *arg) {
  watch *w = arg;
  const struct timespec moment = {0, 1000000};
  for (int i = 0; i < PATIENCE && !atomic_load(&w->over); i++)
    nanosleep(&moment, NULL);
  atomic_store(&w->cancel, true);
  return NULL;
}

static void run_plan(const bd_engine *engine, const bd_tensor *inputs) {
  bd_run *run;
  bd_error err = {{0}};
  watch w = {0};
  pthread_t thread;
  bd_status status = bd_run_new(engine, false, &run, &err);
  if (status != BD_OK) {
    one_line(&err);
    return;
  }
  assert_int_equal(pthread_create(&thread, NULL, wait_for, &w), 0);
  status = bd_run_all(run, NULL, inputs, &w.cancel, &err);
  atomic_store(&w.over, true);
  pthread_join(thread, NULL);
  if (status != BD_OK && status != BD_CANCELLED) one_line(&err);
  bd_run_free(run);
}

static void try_model(const char *path) {
  bd_model *model;
  bd_engine *engine;
  bd_error err = {{0}};
  if (bd_model_open(path, &model, &err) != BD_OK) {
    one_line(&err);
    return;
  }
  const bd_model_info *info = bd_model_about(model);
  bd_tensor *inputs = calloc((size_t)info->input_count + 1, sizeof *inputs);
  bool given = true;
  for (int i = 0; i < info->input_count && given; i++)
    given = make_input(&info->inputs[i], &inputs[i]);
  bd_engine_options options = {.memory = CEILING};
  if (given) {
    bd_status status = bd_engine_compile(model, inputs, &options, &engine, &err);
    for (int i = 0; i < info->input_count; i++)
      inputs[i].data = calloc(1, bd_tensor_bytes(&inputs[i]) + 1);
    if (status == BD_OK)
      run_plan(engine, inputs);
    else
      one_line(&err);
    if (status == BD_OK) bd_engine_free(engine);
    for (int i = 0; i < info->input_count; i++)
      free(inputs[i].data);
  }
  free(inputs);
  bd_model_close(model);
}

static void write_model(const char *path, const unsigned char *data, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  fclose(file);
}

static glob_t find(const char *const *patterns) {
  glob_t found = {0};
  for (int i = 0; patterns[i]; i++)
    glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
  return found;
}

static void test_damaged_graphs(void **state) {
  (void)state;
  const char *said = getenv("BITDIAL_MUTATIONS");
  int count = said ? atoi(said) : USUAL;
  glob_t graphs = find(small), networks = find(whole);
  assert_true(networks.gl_pathc > 0);
  unsigned char *data = malloc(MODEL_MAX);
  const char *seed = getenv("BITDIAL_SEED");
  bd_rng rng = bd_rng_seed(seed ? (uint64_t)atoll(seed) : 11, 0);
  char path[64];
  snprintf(path, sizeof path, "build/mutation.%d.onnx", (int)getpid());
  for (int i = 0; i < count; i++) {
    bool is_whole = graphs.gl_pathc == 0 || bd_rng_next(&rng) % 16 == 0;
    const glob_t *found = is_whole ? &networks : &graphs;
    const char *source = found->gl_pathv[bd_rng_next(&rng) % found->gl_pathc];
    size_t size = read_model(source, data);
    if (size == 0) continue;
    change(&rng, data, size);
    write_model(path, data, size);
    try_model(path);
  }
  remove(path);
  free(data);
  globfree(&graphs);
  globfree(&networks);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_graphs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
