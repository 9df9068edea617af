#include "core/session/errors.h"

#include "core/base/memory.h"
#include "core/study/local.h"

#include <math.h>
#include <stdlib.h>

enum { KEEP_BYTES = 256 << 20 }; // of activations, at most; a quarter of what --memory leaves

typedef struct figure {
  bool known, stale;  // stale: the network is another one now
  bd_setting setting; // that it belongs to
  bd_coded *coded;    // and the repair, NULL: none; a share of it
  int over;           // and the samples
  double db;          // NaN: the layer has no output of its own
} figure;

struct bd_errors {
  const bd_model *model;
  int count, threads;

  pthread_mutex_t lock; // of all below
  figure *figures;      // by layer
  bool news, off;
  int in_hand, first, last;

  // the live thread's own
  const bd_data *data;
  int over; // counts which samples those are
  bd_engine *apart;
  bd_locals *locals; // NULL: not loaded
};

bd_status bd_errors_new(const bd_model *model, int threads, bd_errors **out, bd_error *err) {
  *out = NULL;
  bd_errors *errors = calloc(1, sizeof *errors);
  if (!errors) return bd_fail_memory(err, "the layers' errors");
  errors->model = model;
  errors->count = bd_model_layer_count(model);
  errors->threads = threads;
  errors->last = -1;
  errors->figures = calloc((size_t)errors->count + 1, sizeof *errors->figures);
  if (!errors->figures) {
    free(errors);
    return bd_fail_memory(err, "the layers' errors");
  }
  pthread_mutex_init(&errors->lock, NULL);
  *out = errors;
  return BD_OK;
}

void bd_errors_free(bd_errors *errors) {
  if (!errors) return;
  bd_locals_free(errors->locals);
  bd_engine_free(errors->apart);
  pthread_mutex_destroy(&errors->lock);
  for (int i = 0; i < errors->count; i++)
    bd_coded_free(errors->figures[i].coded);
  free(errors->figures);
  free(errors);
}

// --- on the UI thread ----------------------------------------------------------------------------

void bd_errors_look_at(bd_errors *errors, int in_hand, int first, int last) {
  pthread_mutex_lock(&errors->lock);
  errors->in_hand = in_hand;
  errors->first = first;
  errors->last = last;
  pthread_mutex_unlock(&errors->lock);
}

static void put(const figure *from, bool off, bd_layer_state *to) {
  to->local_known = from->known || off;
  to->local_db = from->known ? from->db : NAN;
  bool other = from->stale || !bd_setting_equal(&from->setting, &to->dial.setting);
  to->local_stale = from->known && other;
}

bool bd_errors_poll(bd_errors *errors, bd_session *session) {
  pthread_mutex_lock(&errors->lock);
  bool news = errors->news;
  errors->news = false;
  for (int i = 0; news && i < errors->count; i++)
    put(&errors->figures[i], errors->off, &session->states[i]);
  pthread_mutex_unlock(&errors->lock);
  return news;
}

// --- on the live thread --------------------------------------------------------------------------

// Is the figure of the layer as it is in the network now? False where it is not there at all.
static bool is_of(const bd_errors *errors, const bd_remake *remake, int layer) {
  bd_remade made;
  const figure *known = &errors->figures[layer];
  return bd_remake_layer(remake, layer, &made) && known->known && known->over == errors->over &&
         made.coded == known->coded &&
         bd_setting_equal(&known->setting, &made.study->result->setting);
}

static bool wants(const bd_errors *errors, const bd_remake *remake, int layer) {
  bd_remade made;
  return bd_remake_layer(remake, layer, &made) && !is_of(errors, remake, layer);
}

static bool find(const bd_errors *errors, const bd_remake *remake, int first, int last,
                 int *layer) {
  for (int i = first < 0 ? 0 : first; i <= last && i < errors->count; i++) {
    if (!wants(errors, remake, i)) continue;
    *layer = i;
    return true;
  }
  return false;
}

void bd_errors_renew(bd_errors *errors, const bd_remake *remake) {
  pthread_mutex_lock(&errors->lock);
  for (int i = 0; i < errors->count; i++)
    errors->figures[i].stale = !is_of(errors, remake, i);
  errors->news = true;
  pthread_mutex_unlock(&errors->lock);
}

bool bd_errors_next(bd_errors *errors, const bd_remake *remake, int *layer) {
  pthread_mutex_lock(&errors->lock);
  bool found = !errors->off && (find(errors, remake, errors->in_hand, errors->in_hand, layer) ||
                                find(errors, remake, errors->first, errors->last, layer) ||
                                find(errors, remake, 0, errors->count - 1, layer));
  pthread_mutex_unlock(&errors->lock);
  return found;
}

// The network once more, with every layer's output apart, and the float activations: kept, so that
// a layer takes a moment.
static bd_status load(bd_errors *errors, const bd_cancel *cancel, bd_error *err) {
  bd_engine_options options = {.apart = true, .cancel = cancel};
  size_t quarter = bd_memory_left() / 4;
  bd_locals *locals;
  int64_t held;
  if (!errors->apart)
    BD_TRY(bd_engine_compile(errors->model, bd_data_inputs(errors->data), &options, &errors->apart,
                             err));
  BD_TRY(bd_locals_new(errors->apart, errors->data, BD_LOCAL_SAMPLES,
                       quarter < KEEP_BYTES ? quarter : KEEP_BYTES, &locals, err));
  bd_status status = bd_locals_load(locals, 0, errors->threads, cancel, &held, err);
  if (status == BD_OK)
    errors->locals = locals;
  else
    bd_locals_free(locals);
  return status;
}

void bd_errors_over(bd_errors *errors, const bd_data *data) {
  bd_locals_free(errors->locals);
  errors->locals = NULL;
  errors->data = data;
  errors->over++;
}

static void publish(bd_errors *errors, int layer, const bd_remade *made, const bd_local *sum) {
  figure fresh = {.known = true,
                  .setting = made->study->result->setting,
                  .coded = bd_coded_share(made->coded),
                  .over = errors->over,
                  .db = bd_decibel(sum->signal, sum->noise)};
  pthread_mutex_lock(&errors->lock);
  bd_coded_free(errors->figures[layer].coded);
  errors->figures[layer] = fresh;
  errors->news = true;
  pthread_mutex_unlock(&errors->lock);
}

bd_status bd_errors_measure(bd_errors *errors, int layer, const bd_remake *remake,
                            const bd_cancel *cancel, bd_error *err) {
  bd_local sum = {0, 0};
  bd_remade made;
  bd_swap *swap;
  if (!bd_remake_layer(remake, layer, &made)) return BD_OK;
  if (!errors->locals) BD_TRY(load(errors, cancel, err));
  BD_TRY(bd_swap_new(errors->apart, &swap, err));
  bd_status status = bd_repair_set_coded(swap, errors->model, layer, made.study, made.coded, err);
  if (status == BD_OK)
    status = bd_locals_add(errors->locals, swap, layer, errors->threads, cancel, &sum, err);
  bd_swap_free(swap);
  if (status == BD_OK) publish(errors, layer, &made, &sum);
  return status;
}

void bd_errors_give_up(bd_errors *errors) {
  pthread_mutex_lock(&errors->lock);
  errors->off = errors->news = true;
  pthread_mutex_unlock(&errors->lock);
}
