#include "core/session/errors.h"

#include "core/base/memory.h"
#include "core/study/local.h"

#include <math.h>
#include <stdlib.h>

enum { KEEP_BYTES = 256 << 20 }; // of activations, at most; a quarter of what --memory leaves

typedef struct figure {
  bool known;
  bd_setting setting; // that it belongs to
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
  bd_engine *apart;
  bd_locals *locals;
  bool loaded;
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
  to->local_stale = from->known && !bd_setting_equal(&from->setting, &to->dial.setting);
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

static bool wants(const bd_errors *errors, const bd_wish *wishes, int layer) {
  const figure *known = &errors->figures[layer];
  const bd_wish *wish = &wishes[layer];
  return wish->index && !(known->known && bd_setting_equal(&known->setting, &wish->setting));
}

static bool find(const bd_errors *errors, const bd_wish *wishes, int first, int last, int *layer) {
  for (int i = first < 0 ? 0 : first; i <= last && i < errors->count; i++) {
    if (!wants(errors, wishes, i)) continue;
    *layer = i;
    return true;
  }
  return false;
}

bool bd_errors_next(bd_errors *errors, const bd_wish *wishes, int *layer) {
  pthread_mutex_lock(&errors->lock);
  bool found = !errors->off && (find(errors, wishes, errors->in_hand, errors->in_hand, layer) ||
                                find(errors, wishes, errors->first, errors->last, layer) ||
                                find(errors, wishes, 0, errors->count - 1, layer));
  errors->news |= !found; // a setting that is back at what was measured before is news too
  pthread_mutex_unlock(&errors->lock);
  return found;
}

// The network once more, with every layer's output apart, and the float activations: kept, so that
// a layer takes a moment.
static bd_status load(bd_errors *errors, const bd_live_parts *parts, const bd_cancel *cancel,
                      bd_error *err) {
  bd_engine_options options = {.apart = true, .cancel = cancel};
  size_t quarter = bd_memory_left() / 4;
  int64_t held;
  if (!errors->apart)
    BD_TRY(bd_engine_compile(errors->model, bd_data_inputs(parts->data), &options, &errors->apart,
                             err));
  if (!errors->locals)
    BD_TRY(bd_locals_new(errors->apart, parts->data, BD_LOCAL_SAMPLES,
                         quarter < KEEP_BYTES ? quarter : KEEP_BYTES, &errors->locals, err));
  BD_TRY(bd_locals_load(errors->locals, 0, errors->threads, cancel, &held, err));
  errors->loaded = true;
  return BD_OK;
}

static bd_status quantize(const bd_errors *errors, bd_swap *swap, int layer, const bd_wish *wish,
                          const bd_cancel *cancel, bd_error *err) {
  bd_result *result;
  bd_effort effort = bd_effort_for(&wish->setting);
  BD_TRY(bd_quantize(wish->index, &wish->setting, effort, cancel, &result, err));
  bd_status status = bd_eval_set(swap, errors->model, layer, wish->index, result, err);
  bd_result_free(result);
  return status;
}

static void publish(bd_errors *errors, int layer, const bd_setting *setting, const bd_local *sum) {
  double db = bd_decibel(sum->signal, sum->noise);
  pthread_mutex_lock(&errors->lock);
  errors->figures[layer] = (figure){true, *setting, db};
  errors->news = true;
  pthread_mutex_unlock(&errors->lock);
}

bd_status bd_errors_measure(bd_errors *errors, const bd_live_parts *parts, int layer,
                            const bd_wish *wish, const bd_cancel *cancel, bd_error *err) {
  bd_local sum = {0, 0};
  bd_swap *swap;
  if (!errors->loaded) BD_TRY(load(errors, parts, cancel, err));
  BD_TRY(bd_swap_new(errors->apart, &swap, err));
  bd_status status = quantize(errors, swap, layer, wish, cancel, err);
  if (status == BD_OK)
    status = bd_locals_add(errors->locals, swap, layer, errors->threads, cancel, &sum, err);
  bd_swap_free(swap);
  if (status == BD_OK) publish(errors, layer, &wish->setting, &sum);
  return status;
}

void bd_errors_give_up(bd_errors *errors) {
  pthread_mutex_lock(&errors->lock);
  errors->off = errors->news = true;
  pthread_mutex_unlock(&errors->lock);
}
