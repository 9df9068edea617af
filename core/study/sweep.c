#include "core/study/sweep.h"

#include "core/study/eval.h"
#include "core/study/local.h"
#include "core/study/outputs.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
  GROUP_MAX = 8,            // runs that share the packing of a point's weights
  POINTS_MAX = 8,           // of a layer, tried on a run while its activations are near
  POINTS_MEMORY = 64 << 20, // of their weights
};

// What one point did to one sample.
typedef struct observation {
  bd_verdict verdict;
  bd_local local; // of the whole run: with its first sample
} observation;

// A few consecutive runs that one thread has been through.
typedef struct group {
  struct group *next;
  int64_t first, runs; // of the data
  observation *seen;   // by point, then run, then place in the batch
  bd_verdict *real;    // by run, then place: the float network alone
} group;

// What one thread works with.
typedef struct worker {
  struct worker *next;
  bd_swap *swaps[POINTS_MAX], *apart_swaps[POINTS_MAX]; // apart: NULL without
  bd_run *runs[GROUP_MAX], *apart_runs[GROUP_MAX];
  bd_tensor *inputs;
  float *outputs[GROUP_MAX]; // of the float network
  bd_local_output local[GROUP_MAX];
} worker;

typedef struct sweep {
  const bd_sweep_parts *parts;
  bd_sensitivity *state;
  const bd_cancel *cancel;
  int outputs, group_runs;
  int64_t batch, first_run, runs;
  int *layer_first; // by layer: its first point, those of layer i end where i + 1 begins
  int layers;
  pthread_mutex_t lock; // of all below
  worker *idle;
  group *waiting;   // finished groups that an earlier one is not in for
  int64_t expected; // the run that is to be added next
  bd_sweep_progress progress;
  void *arg;
} sweep;

static int64_t samples_of(const sweep *s, int64_t run) {
  int64_t left = bd_data_samples(s->parts->data) - run * s->batch;
  return left < s->batch ? left : s->batch;
}

// --- workers -------------------------------------------------------------------------------------

static void free_worker(worker *w, int inputs) {
  if (!w) return;
  for (int i = 0; i < POINTS_MAX; i++) {
    bd_swap_free(w->swaps[i]);
    bd_swap_free(w->apart_swaps[i]);
  }
  for (int i = 0; i < GROUP_MAX; i++) {
    bd_run_free(w->runs[i]);
    bd_run_free(w->apart_runs[i]);
    free(w->outputs[i]);
    bd_local_free(&w->local[i]);
  }
  for (int i = 0; w->inputs && i < inputs; i++)
    free(w->inputs[i].data);
  free(w->inputs);
  free(w);
}

static bd_status make_inputs(const bd_data *data, bd_tensor **out, bd_error *err) {
  int count = bd_data_input_count(data);
  bd_tensor *inputs = *out = calloc((size_t)count + 1, sizeof *inputs);
  if (!inputs) return bd_fail_memory(err, "the data");
  for (int i = 0; i < count; i++) {
    inputs[i] = bd_data_inputs(data)[i];
    inputs[i].data = malloc(bd_tensor_bytes(&inputs[i]) + 1);
    if (!inputs[i].data) return bd_fail_memory(err, "the data");
  }
  return BD_OK;
}

static bd_status fill_worker(const sweep *s, worker *w, bd_error *err) {
  BD_TRY(make_inputs(s->parts->data, &w->inputs, err));
  for (int i = 0; i < POINTS_MAX; i++) {
    BD_TRY(bd_swap_new(s->parts->engine, &w->swaps[i], err));
    if (s->parts->apart) BD_TRY(bd_swap_new(s->parts->apart, &w->apart_swaps[i], err));
  }
  for (int i = 0; i < s->group_runs; i++) {
    BD_TRY(bd_run_new(s->parts->engine, true, &w->runs[i], err));
    if (s->parts->apart) BD_TRY(bd_run_new(s->parts->apart, true, &w->apart_runs[i], err));
  }
  return BD_OK;
}

static bd_status take_worker(sweep *s, worker **out, bd_error *err) {
  pthread_mutex_lock(&s->lock);
  worker *w = s->idle;
  if (w) s->idle = w->next;
  pthread_mutex_unlock(&s->lock);
  if (!w) {
    w = calloc(1, sizeof *w);
    if (!w) return bd_fail_memory(err, "the sweep");
    bd_status status = fill_worker(s, w, err);
    if (status != BD_OK) {
      free_worker(w, bd_data_input_count(s->parts->data));
      return status;
    }
  }
  *out = w;
  return BD_OK;
}

static void give_back(sweep *s, worker *w) {
  pthread_mutex_lock(&s->lock);
  w->next = s->idle;
  s->idle = w;
  pthread_mutex_unlock(&s->lock);
}

// --- one group on one thread ---------------------------------------------------------------------

static void free_group(group *g) {
  if (!g) return;
  free(g->seen);
  free(g->real);
  free(g);
}

static group *new_group(const sweep *s, int64_t first, int64_t runs) {
  group *g = calloc(1, sizeof *g);
  size_t samples = (size_t)(runs * s->batch);
  if (!g) return NULL;
  g->first = first;
  g->runs = runs;
  g->seen = calloc((size_t)s->parts->points->count * samples + 1, sizeof *g->seen);
  g->real = calloc(samples + 1, sizeof *g->real);
  if (g->seen && g->real) return g;
  free_group(g);
  return NULL;
}

static bd_status judge(const sweep *s, const worker *w, int64_t run, int64_t slot,
                       const float *other, int64_t place, bd_verdict *out, bd_error *err) {
  int64_t sample = run * s->batch + place;
  const int64_t *label = s->parts->labels ? &s->parts->labels[sample] : NULL;
  return bd_outputs_judge(w->runs[slot], s->outputs, w->outputs[slot], other, s->batch, place,
                          sample, label, out, err);
}

// The float network on one run's inputs; its activations stay in the slot.
static bd_status run_float(const sweep *s, worker *w, group *g, int64_t slot, bd_error *err) {
  int64_t run = g->first + slot;
  BD_TRY(bd_data_read(s->parts->data, run, w->inputs, err));
  BD_TRY(bd_run_all(w->runs[slot], NULL, w->inputs, s->cancel, err));
  BD_TRY(bd_run_check(w->runs[slot], NULL, w->inputs, err));
  if (s->parts->apart) BD_TRY(bd_run_all(w->apart_runs[slot], NULL, w->inputs, s->cancel, err));
  free(w->outputs[slot]);
  w->outputs[slot] = bd_outputs_copy(w->runs[slot], s->outputs, NULL);
  if (!w->outputs[slot]) return bd_fail_memory(err, "the outputs");
  for (int64_t place = 0; place < samples_of(s, run); place++)
    BD_TRY(judge(s, w, run, slot, w->outputs[slot], place, &g->real[slot * s->batch + place], err));
  return BD_OK;
}

static bd_status run_point(const sweep *s, worker *w, const group *g, int point, int place,
                           int64_t slot, bd_error *err) {
  int layer = s->parts->points->list[point].layer;
  int64_t run = g->first + slot;
  observation *seen = &g->seen[(point * g->runs + slot) * s->batch];
  BD_TRY(bd_run_from(w->runs[slot], w->swaps[place], layer, s->cancel, err));
  float *other = bd_outputs_copy(w->runs[slot], s->outputs, NULL);
  if (!other) return bd_fail_memory(err, "the outputs");
  bd_status status = BD_OK;
  for (int64_t i = 0; i < samples_of(s, run) && status == BD_OK; i++)
    status = judge(s, w, run, slot, other, i, &seen[i].verdict, err);
  free(other);
  return status;
}

// On one run.
static bd_status run_local(const sweep *s, worker *w, const group *g, int point, int place,
                           int64_t slot, bd_error *err) {
  observation *seen = &g->seen[(point * g->runs + slot) * s->batch];
  return bd_local_add(w->apart_runs[slot], w->apart_swaps[place],
                      s->parts->points->list[point].layer, &w->local[slot], &seen->local, err);
}

static bd_status keep_local(const sweep *s, worker *w, const group *g, int layer, bd_error *err) {
  for (int64_t slot = 0; s->parts->apart && slot < g->runs; slot++)
    BD_TRY(bd_local_real(w->apart_runs[slot], layer, &w->local[slot], err));
  return BD_OK;
}

static bool is_repaired(const sweep *s, int layer) {
  for (int i = s->layer_first[layer]; i < s->layer_first[layer + 1]; i++)
    if (s->parts->points->list[i].coded) return true;
  return false;
}

static bd_status point_values(const sweep *s, const bd_point *p, float **out, bd_error *err) {
  const bd_index *index = s->parts->studies[p->layer].index;
  if (!p->coded) return bd_eval_values(s->parts->model, p->layer, index, p->result, out, err);
  *out = malloc((p->coded->count + 1) * sizeof **out);
  if (!*out) return bd_fail_memory(err, "repaired weights");
  bd_coded_values(p->coded, *out);
  return BD_OK;
}

// What repair adds to the outputs goes with the weights.
static bd_status put_point(bd_swap *swap, const bd_point *p, const float *values, bool repaired,
                           bd_error *err) {
  BD_TRY(bd_swap_set(swap, p->layer, values, err));
  if (p->coded) return bd_swap_shift(swap, p->layer, p->coded->shift, err);
  return repaired ? bd_swap_shift(swap, p->layer, NULL, err) : BD_OK;
}

// Puts the weights of a point in.
static bd_status set_point(const sweep *s, worker *w, int point, int place, bd_error *err) {
  const bd_point *p = &s->parts->points->list[point];
  bool repaired = is_repaired(s, p->layer);
  float *values;
  BD_TRY(point_values(s, p, &values, err));
  bd_status status = put_point(w->swaps[place], p, values, repaired, err);
  if (status == BD_OK && s->parts->apart)
    status = put_point(w->apart_swaps[place], p, values, repaired, err);
  free(values);
  return status;
}

static bd_status unset(bd_swap *swap, int layer, bool shifted, bd_error *err) {
  BD_TRY(bd_swap_set(swap, layer, NULL, err));
  return shifted ? bd_swap_shift(swap, layer, NULL, err) : BD_OK;
}

// Its own weights again, which the layers before it run with.
static bd_status unset_layer(const sweep *s, worker *w, int layer, int places, bool shifted,
                             bd_error *err) {
  for (int place = 0; place < places; place++) {
    BD_TRY(unset(w->swaps[place], layer, shifted, err));
    if (s->parts->apart) BD_TRY(unset(w->apart_swaps[place], layer, shifted, err));
  }
  return BD_OK;
}

// The float activations again: a layer before may be read by the same node (an LSTM's two).
static bd_status end_local(const sweep *s, worker *w, const group *g, int layer, bd_error *err) {
  for (int64_t slot = 0; s->parts->apart && slot < g->runs; slot++)
    BD_TRY(bd_run_layer(w->apart_runs[slot], NULL, layer, err));
  return BD_OK;
}

// Points [from, from + count) of one layer: run by run, so that its activations stay near.
static bd_status try_points(const sweep *s, worker *w, const group *g, int from, int count,
                            bd_error *err) {
  for (int place = 0; place < count; place++)
    BD_TRY(set_point(s, w, from + place, place, err));
  for (int64_t slot = 0; slot < g->runs; slot++)
    for (int place = 0; place < count; place++) {
      if (bd_cancelled(s->cancel)) return BD_CANCELLED;
      BD_TRY(run_point(s, w, g, from + place, place, slot, err));
      if (s->parts->apart) BD_TRY(run_local(s, w, g, from + place, place, slot, err));
    }
  return BD_OK;
}

// As many points of a layer at a time as have room: weights as they are and packed, on two engines.
static int points_at_a_time(const sweep *s, int layer) {
  size_t each = 4 * sizeof(float) * (size_t)bd_model_layer(s->parts->model, layer)->weights + 1;
  size_t fits = POINTS_MEMORY / each;
  return fits < 1 ? 1 : fits < POINTS_MAX ? (int)fits : POINTS_MAX;
}

static bd_status try_layer(const sweep *s, worker *w, const group *g, int layer, bd_error *err) {
  int from = s->layer_first[layer], to = s->layer_first[layer + 1];
  if (from == to) return BD_OK;
  int fits = points_at_a_time(s, layer), most = to - from < fits ? to - from : fits;
  BD_TRY(keep_local(s, w, g, layer, err));
  for (; from < to; from += most)
    BD_TRY(try_points(s, w, g, from, to - from < most ? to - from : most, err));
  BD_TRY(unset_layer(s, w, layer, most, is_repaired(s, layer), err));
  return end_local(s, w, g, layer, err);
}

static bd_status run_group(const sweep *s, worker *w, group *g, bd_error *err) {
  for (int64_t slot = 0; slot < g->runs; slot++)
    BD_TRY(run_float(s, w, g, slot, err));
  for (int layer = s->layers - 1; layer >= 0; layer--)
    BD_TRY(try_layer(s, w, g, layer, err));
  return BD_OK;
}

// --- adding up, in the order of the samples ------------------------------------------------------

static void add_observation(bd_effect_sums *sums, const observation *seen) {
  const bd_verdict *v = &seen->verdict;
  if (v->classes) bd_mean_add(&sums->kl, v->likeness.kl);
  if (v->labelled) bd_mean_add(&sums->top1, v->other.top1);
  sums->signal += v->likeness.signal;
  sums->noise += v->likeness.noise;
  sums->local_signal += seen->local.signal;
  sums->local_noise += seen->local.noise;
}

static void add_run(sweep *s, const group *g, int64_t slot) {
  int point = 0;
  for (int64_t place = 0; place < samples_of(s, g->first + slot); place++) {
    const bd_verdict *real = &g->real[slot * s->batch + place];
    if (real->labelled) bd_mean_add(&s->state->top1, real->real.top1);
  }
  for (int k = 0; k < s->state->count; k++)
    for (int i = 0; i < s->state->layers[k].count; i++, point++)
      for (int64_t place = 0; place < samples_of(s, g->first + slot); place++)
        add_observation(&s->state->layers[k].effects[i].sums,
                        &g->seen[(point * g->runs + slot) * s->batch + place]);
  s->state->samples += samples_of(s, g->first + slot);
}

static group *take_expected(sweep *s) {
  for (group **at = &s->waiting; *at; at = &(*at)->next)
    if ((*at)->first == s->expected) {
      group *found = *at;
      *at = found->next;
      return found;
    }
  return NULL;
}

static bd_status commit(sweep *s, group *g, bd_error *err) {
  pthread_mutex_lock(&s->lock);
  g->next = s->waiting;
  s->waiting = g;
  bool news = false;
  while ((g = take_expected(s))) {
    for (int64_t slot = 0; slot < g->runs; slot++)
      add_run(s, g, slot);
    s->expected += g->runs;
    free_group(g);
    news = true;
  }
  if (news) bd_sensitivity_close(s->state);
  bd_status status = news && s->progress ? s->progress(s->arg, s->state, err) : BD_OK;
  pthread_mutex_unlock(&s->lock);
  return status;
}

static bd_status sweep_group(void *arg, int index, const bd_cancel *cancel, bd_error *err) {
  sweep *s = arg;
  (void)cancel; // the sweep's own
  int64_t first = s->first_run + (int64_t)index * s->group_runs, left = s->runs - first;
  group *g = new_group(s, first, left < s->group_runs ? left : s->group_runs);
  worker *w = NULL;
  if (!g) return bd_fail_memory(err, "the sweep");
  bd_status status = take_worker(s, &w, err);
  if (status == BD_OK) {
    status = run_group(s, w, g, err);
    give_back(s, w);
  }
  if (status == BD_OK) return commit(s, g, err);
  free_group(g);
  return status;
}

// --- the whole -----------------------------------------------------------------------------------

// As many runs at a time as memory holds, and no more than keep all threads busy.
static int group_size(const sweep *s, size_t memory, int threads) {
  size_t each = bd_engine_memory_of(s->parts->engine).run_kept + 1;
  if (s->parts->apart) each += bd_engine_memory_of(s->parts->apart).run_kept;
  size_t fits = memory / each / (size_t)threads;
  int64_t fair = (s->runs - s->first_run) / threads;
  int size = fits < GROUP_MAX ? (int)fits : GROUP_MAX;
  if (fair < size) size = (int)fair;
  return size < 1 ? 1 : size;
}

// Where the points of each layer begin; they are in the layers' order.
static bd_status find_layers(sweep *s, bd_error *err) {
  s->layers = bd_model_layer_count(s->parts->model);
  s->layer_first = calloc((size_t)s->layers + 1, sizeof *s->layer_first);
  if (!s->layer_first) return bd_fail_memory(err, "the sweep");
  for (int i = 0; i < s->parts->points->count; i++)
    s->layer_first[s->parts->points->list[i].layer + 1]++;
  for (int layer = 0; layer < s->layers; layer++)
    s->layer_first[layer + 1] += s->layer_first[layer];
  return BD_OK;
}

static void close_sweep(sweep *s) {
  for (worker *w = s->idle, *next; w; w = next) {
    next = w->next;
    free_worker(w, bd_data_input_count(s->parts->data));
  }
  for (group *g = s->waiting, *next; g; g = next) {
    next = g->next;
    free_group(g);
  }
  pthread_mutex_destroy(&s->lock);
  free(s->layer_first);
}

bd_status bd_sweep_run(const bd_sweep_parts *parts, bd_sensitivity *state, size_t memory,
                       bd_pool *pool, const bd_cancel *cancel, bd_sweep_progress progress,
                       void *arg, bd_error *err) {
  sweep s = {.parts = parts, .state = state, .cancel = cancel, .progress = progress, .arg = arg};
  s.outputs = bd_engine_output_count(parts->engine);
  s.batch = bd_data_batch(parts->data);
  s.runs = bd_data_runs(parts->data);
  s.first_run = s.expected = (state->samples + s.batch - 1) / s.batch;
  s.group_runs = group_size(&s, memory, bd_pool_threads(pool));
  pthread_mutex_init(&s.lock, NULL);
  int groups = (int)((s.runs - s.first_run + s.group_runs - 1) / s.group_runs);
  bd_status status = find_layers(&s, err);
  if (status == BD_OK)
    status = bd_study_each(groups, sweep_group, &s, pool, cancel, NULL, NULL, err);
  bd_sensitivity_close(state);
  close_sweep(&s);
  return status;
}
