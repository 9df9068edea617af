#include "core/study/data_hash.h"

#include "core/base/file.h"
#include "core/engine/parallel.h"

#include <stdlib.h>

typedef struct hashes {
  char (*of_run)[65];
  int inputs;
} hashes;

static bd_status hash_run(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                          bd_error *err) {
  const hashes *h = arg;
  (void)thread;
  size_t length = 64 * (size_t)h->inputs;
  char *all = malloc(length + 1);
  if (!all) return bd_fail_memory(err, "the data");
  for (int i = 0; i < h->inputs; i++)
    bd_sha256(inputs[i].data, bd_tensor_bytes(&inputs[i]), all + 64 * i);
  bd_sha256(all, length, h->of_run[index]);
  free(all);
  return BD_OK;
}

bd_status bd_data_hash(const bd_data *data, const int64_t *labels, int threads,
                       const bd_cancel *cancel, char out[65], bd_error *err) {
  int64_t runs = bd_data_runs(data);
  hashes h = {calloc((size_t)runs + 1, sizeof *h.of_run), bd_data_input_count(data)};
  if (!h.of_run) return bd_fail_memory(err, "the data");
  bd_status status = bd_for_runs(data, runs, bd_threads(threads), cancel, hash_run, &h, err);
  if (labels) bd_sha256(labels, (size_t)bd_data_samples(data) * sizeof *labels, h.of_run[runs]);
  bd_sha256(h.of_run, ((size_t)runs + 1) * sizeof *h.of_run, out);
  free(h.of_run);
  return status;
}
