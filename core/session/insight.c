#include "core/session/insight.h"

#include "core/session/internal.h"

#include <math.h>
#include <string.h>

// A part is one method, or one init, or the optimum, or the channels: each is a job of its own.
enum {
  PART_SPREAD = BD_METHODS_MAX,
  PART_OPTIMUM = BD_METHODS_MAX + BD_INITS_MAX,
  PART_CHANNELS,
};

static void forget(double *values, int count) {
  for (int i = 0; i < count; i++)
    values[i] = NAN;
}

static void cancel_parts(bd_session *session, int first, int last) {
  bd_insight_jobs *jobs = &session->insight_jobs;
  for (int part = first; part <= last; part++) {
    jobs->done[part] = false;
    if (jobs->ticket[part]) bd_pool_cancel(session->pool, jobs->ticket[part]);
    jobs->ticket[part] = 0;
    jobs->generation[part]++;
  }
}

static void forget_methods(bd_session *session) {
  cancel_parts(session, 0, BD_METHODS_MAX - 1);
  forget(&session->insight.methods[0][0], BD_METHODS_MAX * (BD_BITS_MAX + 1));
}

static void forget_spread(bd_session *session) {
  cancel_parts(session, PART_SPREAD, PART_OPTIMUM);
  forget(&session->insight.spread[0][0], BD_INITS_MAX * BD_SPREAD_SEEDS);
  session->insight.optimum = NAN;
}

static void forget_channels(bd_session *session) {
  cancel_parts(session, PART_CHANNELS, PART_CHANNELS);
  bd_insight_free(session);
}

void bd_insight_free(bd_session *session) {
  bd_channels_free(session->insight.channels);
  session->insight.channels = NULL;
  session->insight.channels_failed = false;
}

// The setting without what the method table varies itself.
static bd_setting methods_key(bd_setting setting) {
  setting.bits = 1;
  setting.method = 0;
  return setting;
}

static bd_setting spread_key(bd_setting setting) {
  setting.method = BD_KMEANS;
  setting.init = 0;
  setting.seed = 1;
  return setting;
}

static bd_setting channels_key(bd_setting setting) {
  setting.granularity = BD_TENSOR;
  setting.group = 0;
  return setting;
}

void bd_insight_refresh(bd_session *session) {
  int layer = session->in_hand < session->count ? session->in_hand : -1;
  bd_insight_jobs *jobs = &session->insight_jobs;
  bd_setting setting = layer >= 0 ? session->states[layer].dial.setting : bd_setting_default();
  bd_setting methods = methods_key(setting), spread = spread_key(setting);
  bd_setting channels = channels_key(setting);
  bool moved = session->insight.layer != layer;
  session->insight.layer = layer;
  if (moved || !bd_setting_equal(&methods, &jobs->methods)) forget_methods(session);
  if (moved || !bd_setting_equal(&spread, &jobs->spread)) forget_spread(session);
  if (moved || !bd_setting_equal(&channels, &jobs->channels)) forget_channels(session);
  jobs->channels = channels;
  jobs->methods = methods;
  jobs->spread = spread;
}

void bd_insight_start(bd_session *session) {
  session->insight.layer = -1;
  forget_methods(session);
  forget_spread(session);
  forget_channels(session);
}

// --- what is wanted ------------------------------------------------------------------------------

static bool part_is_wanted(const bd_session *session, int part) {
  const bd_insight_jobs *jobs = &session->insight_jobs;
  if (jobs->done[part] || jobs->ticket[part]) return false;
  if (part < PART_SPREAD)
    return (session->wants & BD_WANT_METHODS) &&
           part < bd_setting_field(BD_FIELD_METHOD)->choice_count;
  if (part == PART_CHANNELS) return session->wants & BD_WANT_CHANNELS;
  bool clusters = jobs->spread.bits <= BD_BITS_MAX;
  return clusters && (session->wants & BD_WANT_SPREAD) &&
         (part == PART_OPTIMUM ||
          part - PART_SPREAD < bd_setting_field(BD_FIELD_INIT)->choice_count);
}

bool bd_insight_pick(bd_session *session, int *part) {
  bd_insight_refresh(session);
  int layer = session->insight.layer;
  if (layer < 0 || !session->states[layer].index) return false;
  for (*part = PART_CHANNELS; *part >= 0; --*part)
    if (part_is_wanted(session, *part)) return true;
  return false;
}

int bd_insight_pending(const bd_session *session) {
  int pending = 0, layer = session->insight.layer;
  if (layer < 0 || session->states[layer].refused) return 0;
  for (int part = 0; part <= PART_CHANNELS; part++)
    pending += session->insight_jobs.ticket[part] || part_is_wanted(session, part);
  return pending;
}

bd_setting bd_insight_setting(const bd_session *session, int part) {
  const bd_insight_jobs *jobs = &session->insight_jobs;
  bd_setting setting = part < PART_SPREAD ? jobs->methods : jobs->spread;
  if (part == PART_CHANNELS) return jobs->channels;
  if (part < PART_SPREAD)
    setting.method = (bd_method)part;
  else
    setting.init = part == PART_OPTIMUM ? BD_OPTIMAL : (bd_init)(part - PART_SPREAD);
  return setting;
}

// --- on a worker ---------------------------------------------------------------------------------

static bd_status measure(const bd_index *index, const bd_setting *setting, bd_effort effort,
                         const bd_cancel *cancel, bool whole, double *out, bd_error *err) {
  bd_result *result;
  BD_TRY(bd_quantize(index, setting, effort, cancel, &result, err));
  *out = whole ? result->sqnr_db : result->cluster_fit;
  bd_result_free(result);
  return BD_OK;
}

bd_status bd_insight_compute(const bd_index *index, bd_setting setting, const bd_cancel *cancel,
                             bd_delivery *out, bd_error *err) {
  int part = out->part;
  double *values = out->values;
  if (part == PART_CHANNELS)
    return bd_channels_measure(index, &setting, cancel, &out->channels, err);
  if (part == PART_OPTIMUM)
    return measure(index, &setting, BD_PROVED, cancel, false, &values[0], err);
  if (part < PART_SPREAD) {
    for (setting.bits = 1; setting.bits <= BD_BITS_MAX; setting.bits++)
      BD_TRY(measure(index, &setting, BD_QUICK, cancel, true, &values[setting.bits], err));
    return BD_OK;
  }
  bd_effort effort = bd_effort_for(&setting);
  for (int i = 0; i < BD_SPREAD_SEEDS; i++) {
    setting.seed = (uint64_t)i + 1;
    BD_TRY(measure(index, &setting, effort, cancel, false, &values[i], err));
    if (setting.init != BD_OPTIMAL) continue;
    for (; i + 1 < BD_SPREAD_SEEDS; i++) // no seed changes it
      values[i + 1] = values[i];
  }
  return BD_OK;
}

// --- back on the UI thread -----------------------------------------------------------------------

bool bd_insight_take(bd_session *session, bd_delivery *delivery) {
  bd_insight_jobs *jobs = &session->insight_jobs;
  int part = delivery->part;
  if (delivery->generation != jobs->generation[part]) return false;
  jobs->ticket[part] = 0;
  if (delivery->status == BD_CANCELLED) return false;
  jobs->done[part] = true;
  if (delivery->status != BD_OK) {
    session->insight.channels_failed |= part == PART_CHANNELS;
    bd_session_say(session, delivery->error.text);
    return true;
  }
  if (part == PART_CHANNELS) {
    bd_insight_free(session);
    session->insight.channels = delivery->channels;
    delivery->channels = NULL;
  } else if (part == PART_OPTIMUM) {
    session->insight.optimum = delivery->values[0];
  } else if (part < PART_SPREAD) {
    memcpy(session->insight.methods[part], delivery->values, sizeof session->insight.methods[part]);
  } else {
    memcpy(session->insight.spread[part - PART_SPREAD], delivery->values,
           sizeof session->insight.spread[0]);
  }
  return true;
}

// --- for the panels ------------------------------------------------------------------------------

void bd_session_want(bd_session *session, unsigned wants) {
  if (wants == session->wants) return;
  session->wants = wants;
  bd_jobs_dispatch(session);
}

const bd_insight *bd_session_insight(const bd_session *session) {
  return &session->insight;
}
