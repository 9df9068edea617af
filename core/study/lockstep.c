#include "core/study/lockstep.h"

#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/engine/parallel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t KEEP = 128 << 20; // bytes of the float network's outputs

struct bd_lockstep {
  const bd_engine *engine;
  const bd_swap *swap;
  const bd_data *data;
  int layers, threads;
  int64_t runs;
  bd_run **real, **repaired; // by run
  float **kept;              // by layer: what rows.y was, or NULL
  size_t kept_bytes;
};

static size_t quarter_of_machine(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (size_t)pages / 4 * (size_t)size : (size_t)1 << 30;
}

static bd_status begin(void *arg, int thread, int64_t index, const bd_tensor *inputs,
                       bd_error *err) {
  (void)thread;
  bd_lockstep *l = arg;
  if (!l->real[index]) BD_TRY(bd_run_new(l->engine, false, &l->real[index], err));
  if (!l->repaired[index]) BD_TRY(bd_run_new(l->engine, false, &l->repaired[index], err));
  BD_TRY(bd_run_begin(l->real[index], inputs, err));
  return bd_run_begin(l->repaired[index], inputs, err);
}

bd_status bd_lockstep_begin(bd_lockstep *lockstep, const bd_cancel *cancel, bd_error *err) {
  return bd_for_runs(lockstep->data, lockstep->runs, lockstep->threads, cancel, begin, lockstep,
                     err);
}

bd_status bd_lockstep_new(const bd_engine *engine, const bd_swap *swap, const bd_data *data,
                          int layers, int threads, size_t memory, bd_lockstep **out,
                          bd_error *err) {
  *out = NULL;
  char needs[32];
  size_t each = 2 * bd_engine_memory_of(engine).run + 1, room = memory;
  if (room == 0) room = quarter_of_machine();
  if (each > room)
    return bd_fail(err, BD_FAILED, "repairing on one sample takes %s: raise --memory",
                   bd_text_bytes(needs, sizeof needs, (double)each));
  bd_lockstep *l = calloc(1, sizeof *l);
  if (!l) return bd_fail_memory(err, "the calibration");
  *l = (bd_lockstep){
      .engine = engine, .swap = swap, .data = data, .layers = layers, .threads = threads};
  l->runs = bd_data_runs(data);
  if ((size_t)l->runs > room / each) l->runs = (int64_t)(room / each);
  l->real = calloc((size_t)l->runs + 1, sizeof(bd_run *));
  l->repaired = calloc((size_t)l->runs + 1, sizeof(bd_run *));
  l->kept = calloc((size_t)layers + 1, sizeof *l->kept);
  if (l->real && l->repaired && l->kept) {
    *out = l;
    return BD_OK;
  }
  bd_lockstep_free(l);
  return bd_fail_memory(err, "the calibration");
}

void bd_lockstep_free(bd_lockstep *lockstep) {
  if (!lockstep) return;
  for (int64_t i = 0; i < lockstep->runs; i++) {
    if (lockstep->real) bd_run_free(lockstep->real[i]);
    if (lockstep->repaired) bd_run_free(lockstep->repaired[i]);
  }
  for (int i = 0; lockstep->kept && i < lockstep->layers; i++)
    free(lockstep->kept[i]);
  free(lockstep->kept);
  free(lockstep->real);
  free(lockstep->repaired);
  free(lockstep);
}

int64_t bd_lockstep_runs(const bd_lockstep *lockstep) {
  return lockstep->runs;
}

typedef struct gathering {
  bd_lockstep *lockstep;
  const bd_linear *linear;
  const bd_cancel *cancel;
  const float *kept; // the float network's part, or NULL
  bd_rows *rows;
  int64_t each; // positions of a run
} gathering;

// One position in each of `each` equal stretches.
static int64_t position_of(bd_rng *rng, int64_t number, int64_t each, int64_t positions) {
  double at = ((double)number + bd_rng_unit(rng)) * (double)positions / (double)each;
  return at < (double)positions ? (int64_t)at : positions - 1;
}

static bd_status gather(void *arg, int thread, int64_t index, bd_error *err) {
  (void)thread;
  const gathering *g = arg;
  const bd_linear *linear = g->linear;
  bd_lockstep *l = g->lockstep;
  bd_run *real = l->real[index], *repaired = l->repaired[index];
  int64_t in = linear->groups * linear->in, out = linear->groups * linear->out;
  bd_rng rng = bd_rng_seed((uint64_t)linear->step, (uint64_t)index);
  if (!g->kept) BD_TRY(bd_run_until(real, NULL, linear->step + 1, g->cancel, err));
  BD_TRY(bd_run_until(repaired, l->swap, linear->step, g->cancel, err));
  bool all = g->each == linear->positions;
  for (int64_t i = 0; i < g->each; i++) {
    int64_t position = all ? i : position_of(&rng, i, g->each, linear->positions);
    int64_t row = index * g->each + i;
    bd_linear_patch(linear, repaired, position, g->rows->x + row * in);
    if (!g->kept) bd_linear_result(linear, real, position, g->rows->y + row * out);
  }
  return BD_OK;
}

static void keep(bd_lockstep *l, int layer, const bd_rows *rows) {
  size_t bytes = (size_t)(rows->count * rows->groups * rows->out) * sizeof *rows->y;
  if (l->kept_bytes + bytes > KEEP) return;
  l->kept[layer] = malloc(bytes + 1);
  if (!l->kept[layer]) return;
  memcpy(l->kept[layer], rows->y, bytes);
  l->kept_bytes += bytes;
}

bd_status bd_lockstep_rows(bd_lockstep *lockstep, int layer, const bd_linear *linear,
                           int64_t wanted, const bd_cancel *cancel, bd_rows *rows, bd_error *err) {
  const float *kept = lockstep->kept[layer];
  int64_t each = (wanted + lockstep->runs - 1) / lockstep->runs;
  if (each > linear->positions) each = linear->positions;
  BD_TRY(bd_rows_shape(each * lockstep->runs, linear->groups, linear->in, linear->out, rows, err));
  gathering g = {lockstep, linear, cancel, kept, rows, each};
  BD_TRY(bd_for_each(lockstep->runs, lockstep->threads, cancel, gather, &g, err));
  if (kept)
    memcpy(rows->y, kept, (size_t)(rows->count * rows->groups * rows->out) * sizeof *rows->y);
  else
    keep(lockstep, layer, rows);
  return BD_OK;
}
