// core/session/live: figures on the screen belong to the settings on the screen, at every moment.
#include "core/base/rng.h"
#include "core/session/live.h"
#include "core/session/remake.h"
#include "core/study/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka needs those three before it
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 150, LAYERS_MAX = 64, FINE = 8, COARSE = 1 };

static void open_parts(const bd_model *model, bd_live_parts *out) {
  bd_error err;
  bd_transform none = bd_transform_none();
  if (bd_data_open(model, "samples/fashion_x.npy", &none, SAMPLES, &out->data, &err) != BD_OK ||
      bd_data_labels(out->data, "samples/fashion_y.npy", &out->labels, &err) != BD_OK ||
      bd_engine_compile(model, bd_data_inputs(out->data), NULL, &out->engine, &err) != BD_OK)
    fail_msg("%s", err.text);
}

static bd_status open_live(void *arg, const bd_model *model, const bd_cancel *cancel,
                           bd_live_parts *out, bd_error *err) {
  (void)arg, (void)cancel, (void)err;
  open_parts(model, out);
  return BD_OK;
}

static bd_session *open_session(int threads) {
  bd_error err;
  bd_model *model;
  bd_session *session;
  if (bd_model_open("samples/fashion.onnx", &model, &err) != BD_OK ||
      bd_session_new(model, NULL, NULL, threads, &session, &err) != BD_OK ||
      bd_session_go_live(session, open_live, NULL, &err) != BD_OK)
    fail_msg("%s", err.text);
  assert_in_range(bd_session_count(session), 1, LAYERS_MAX);
  return session;
}

static void wait_some(bd_session *session) {
  struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
  assert_int_not_equal(poll(&wake, 1, 60000), 0);
  bd_session_poll(session);
}

static void set_bits(bd_session *session, int bits) {
  int count = bd_session_count(session), layers[LAYERS_MAX];
  bd_dial dials[LAYERS_MAX];
  for (int i = 0; i < count; i++) {
    layers[i] = i;
    dials[i] = bd_session_layer(session, i)->dial;
    dials[i].setting.bits = bits;
  }
  bd_session_edit(session, layers, dials, count, "all");
}

// The figures without a session: layer by layer, one thread.
static bd_evaluation evaluate_alone(const bd_session *session) {
  bd_live_parts parts = {0};
  bd_error err;
  bd_eval *eval;
  bd_swap *swap;
  bd_evaluation figures;
  const bd_model *model = bd_session_model(session);
  open_parts(model, &parts);
  assert_int_equal(bd_eval_new(parts.engine, parts.data, parts.labels, 0, &eval, &err), BD_OK);
  assert_int_equal(bd_swap_new(parts.engine, &swap, &err), BD_OK);
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    bd_effort effort = bd_effort_for(&state->dial.setting);
    bd_result *result;
    assert_int_equal(bd_quantize(state->index, &state->dial.setting, effort, NULL, &result, &err),
                     BD_OK);
    assert_int_equal(bd_eval_set(swap, model, i, state->index, result, &err), BD_OK);
    bd_result_free(result);
  }
  assert_int_equal(bd_eval_run(eval, swap, 1, NULL, NULL, NULL, &figures, &err), BD_OK);
  bd_swap_free(swap);
  bd_eval_free(eval);
  bd_engine_free(parts.engine);
  bd_data_free(parts.data);
  free(parts.labels);
  return figures;
}

// --- repair --------------------------------------------------------------------------------------

enum { CALIBRATION = 40 }; // the last of the samples

static bd_status split(const bd_model *model, bd_live_calibration *out, bd_error *err) {
  bd_live_parts parts;
  open_parts(model, &parts);
  bd_engine_free(parts.engine);
  *out = (bd_live_calibration){.whole = parts.data, .labels = parts.labels};
  BD_TRY(bd_data_part(out->whole, 0, SAMPLES - CALIBRATION, &out->scored, err));
  return bd_data_part(out->whole, SAMPLES - CALIBRATION, CALIBRATION, &out->samples, err);
}

static bd_status calibrate(void *arg, const bd_model *model, const bd_repair_plan *plan,
                           const char *config, const bd_cancel *cancel, bd_live_calibration *out,
                           bd_error *err) {
  (void)arg, (void)cancel, (void)plan, (void)config;
  BD_TRY(split(model, out, err));
  out->about.file = strdup("some.npy");
  out->about.first = SAMPLES - CALIBRATION;
  out->about.samples = CALIBRATION;
  return BD_OK;
}

static bd_status cannot_calibrate(void *arg, const bd_model *model, const bd_repair_plan *plan,
                                  const char *config, const bd_cancel *cancel,
                                  bd_live_calibration *out, bd_error *err) {
  (void)arg, (void)cancel, (void)plan, (void)model, (void)out, (void)config;
  return bd_fail(err, BD_INVALID, "no samples to calibrate on");
}

static bd_layer_study study_alone(const bd_layer_state *state) {
  bd_error err;
  bd_layer_study study = {.index = (bd_index *)(uintptr_t)state->index};
  bd_effort effort = bd_effort_for(&state->dial.setting);
  assert_int_equal(
      bd_quantize(state->index, &state->dial.setting, effort, NULL, &study.result, &err), BD_OK);
  return study;
}

// The repaired network's figures without a session.
static bd_evaluation repair_alone(const bd_session *session, bd_recovery how) {
  const bd_model *model = bd_session_model(session);
  bd_live_calibration on;
  bd_layer_study studies[LAYERS_MAX];
  bd_recover_options options = {.threads = 1};
  bd_repair *repair;
  bd_engine *engine;
  bd_swap *swap;
  bd_eval *eval;
  bd_evaluation figures;
  bd_error err;
  for (int i = 0; i < bd_session_count(session); i++)
    studies[i] = study_alone(bd_session_layer(session, i));
  assert_int_equal(split(model, &on, &err), BD_OK);
  assert_int_equal(
      bd_recover(model, studies, on.samples, how, &options, NULL, NULL, NULL, &repair, &err),
      BD_OK);
  assert_int_equal(bd_engine_compile(model, bd_data_inputs(on.scored), NULL, &engine, &err), BD_OK);
  assert_int_equal(bd_swap_new(engine, &swap, &err), BD_OK);
  for (int i = 0; i < bd_session_count(session); i++) {
    assert_int_equal(bd_repair_set(swap, model, i, &studies[i], repair, &err), BD_OK);
    bd_result_free(studies[i].result);
  }
  assert_int_equal(bd_eval_new(engine, on.scored, on.labels, 0, &eval, &err), BD_OK);
  assert_int_equal(bd_eval_run(eval, swap, 1, NULL, NULL, NULL, &figures, &err), BD_OK);
  bd_repair_free(repair);
  bd_swap_free(swap);
  bd_eval_free(eval);
  bd_engine_free(engine);
  bd_data_free(on.scored);
  bd_data_free(on.samples);
  bd_data_free(on.whole);
  free(on.labels);
  return figures;
}

static void wait_done(bd_session *session) {
  while (!bd_session_live(session)->done)
    wait_some(session);
}

static void set_repair(bd_session *session, bd_recovery how) {
  bd_repair_plan plan = *bd_session_repair(session);
  plan.how = how;
  assert_true(bd_session_set_repair(session, &plan, "repair"));
}

static void assert_repaired(const bd_session *session, bd_recovery how) {
  const bd_live_state *live = bd_session_live(session);
  assert_int_equal(live->repaired, how);
  assert_non_null(live->repair);
  assert_int_equal(live->repair->how, how);
  assert_int_equal(live->figures.samples, SAMPLES - CALIBRATION);
  bd_evaluation alone = repair_alone(session, how);
  assert_true(bd_mean_value(&live->figures.kl) == bd_mean_value(&alone.kl));
  assert_true(bd_mean_value(&live->figures.quantized.top1) == bd_mean_value(&alone.quantized.top1));
  assert_true(live->figures.noise == alone.noise);
}

// Whatever was repaired before and whatever was cancelled on the way, the figures are those of a
// repair made for these settings alone, on samples that it was not calibrated on.
static void figures_are_those_of_the_repaired_network(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_session_live_repairs(session, calibrate);
  set_bits(session, 3);
  set_repair(session, BD_RECOVER_MATCH);
  wait_done(session);
  assert_repaired(session, BD_RECOVER_MATCH);
  assert_string_equal(bd_session_repair(session)->calibration.file, "some.npy");
  set_repair(session, BD_RECOVER_RECONSTRUCT);
  for (int i = 0; i < 12; i++) { // turned while it is under way
    set_bits(session, 3 + i % 2);
    for (int polls = 0; polls < i && !bd_session_live(session)->done; polls++)
      wait_some(session);
    assert_true(!bd_session_live(session)->repair || bd_session_live(session)->current);
  }
  wait_done(session);
  assert_repaired(session, BD_RECOVER_RECONSTRUCT);
  bd_session_free(session);
}

static void without_repair_all_samples_are_scored_again(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_session_live_repairs(session, calibrate);
  bd_repair_plan plan = {.how = BD_RECOVER_MATCH};
  assert_int_equal(bd_session_start_repair(session, &plan, NULL), BD_OK);
  bd_session_undo(session); // nothing: the plan was there at the start
  wait_done(session);
  assert_false(bd_session_dirty(session)); // naming the samples is no edit
  plan.how = BD_RECOVER_NONE;
  assert_true(bd_session_set_repair(session, &plan, "none"));
  set_bits(session, 2);
  set_repair(session, BD_RECOVER_MATCH);
  wait_done(session);
  const bd_live_state *live = bd_session_live(session);
  assert_int_equal(live->figures.samples, SAMPLES - CALIBRATION);
  bd_session_undo(session);
  wait_done(session);
  assert_int_equal(live->repaired, BD_RECOVER_NONE);
  assert_null(live->repair);
  assert_int_equal(live->figures.samples, SAMPLES);
  bd_evaluation alone = evaluate_alone(session);
  assert_true(bd_mean_value(&live->figures.kl) == bd_mean_value(&alone.kl));
  bd_session_redo(session);
  wait_done(session);
  assert_repaired(session, BD_RECOVER_MATCH);
  bd_session_free(session);
}

static void a_repair_that_cannot_be_made_is_said(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_session_live_repairs(session, cannot_calibrate);
  wait_done(session);
  while (bd_session_notice(session))
    continue;
  set_repair(session, BD_RECOVER_RECONSTRUCT);
  wait_done(session);
  const bd_live_state *live = bd_session_live(session);
  assert_true(live->on);
  assert_int_equal(live->repaired, BD_RECOVER_NONE);
  assert_int_equal(live->figures.samples, SAMPLES);
  const char *said = bd_session_notice(session);
  assert_non_null(said);
  assert_string_equal(said, "not repaired: no samples to calibrate on");
  assert_string_equal(live->trouble.text, "no samples to calibrate on");
  set_repair(session, BD_RECOVER_NONE);
  wait_done(session);
  assert_string_equal(live->trouble.text, "");
  bd_session_free(session);
}

static void count(void *arg, int done, int total) {
  (void)done, (void)total;
  ++*(int *)arg;
}

// Layers that a repair had to repair anew.
static int layers_repaired(bd_remake *remake, bd_recovery how) {
  int layers = 0;
  bd_repair *repair;
  bd_error err;
  assert_int_equal(bd_remake_repair(remake, how, count, &layers, &repair, &err), BD_OK);
  assert_true((repair == NULL) == (how == BD_RECOVER_NONE));
  bd_repair_free(repair);
  return layers;
}

// What a repairer keeps is there for the next repair, and gone once there is none.
static void without_repair_its_memory_is_given_back(void **unused) {
  (void)unused;
  bd_session *session = open_session(1);
  const bd_model *model = bd_session_model(session);
  bd_live_calibration on;
  bd_wish wishes[LAYERS_MAX];
  bd_engine *engine;
  bd_remake *remake;
  bd_error err;
  wait_done(session);
  for (int i = 0; i < bd_session_count(session); i++)
    wishes[i] = (bd_wish){bd_session_layer(session, i)->index, bd_setting_default()};
  assert_int_equal(split(model, &on, &err), BD_OK);
  assert_int_equal(bd_engine_compile(model, bd_data_inputs(on.scored), NULL, &engine, &err), BD_OK);
  assert_int_equal(bd_remake_new(model, engine, 1, NULL, &remake, &err), BD_OK);
  bd_remake_calibrate(remake, on.samples);
  assert_int_equal(bd_remake_quantize(remake, wishes, &err), BD_OK);
  int all = layers_repaired(remake, BD_RECOVER_MATCH);
  assert_true(all > 0);
  assert_int_equal(layers_repaired(remake, BD_RECOVER_MATCH), 0);
  assert_int_equal(layers_repaired(remake, BD_RECOVER_NONE), 0);
  assert_int_equal(layers_repaired(remake, BD_RECOVER_MATCH), all);
  bd_remake_free(remake);
  bd_engine_free(engine);
  bd_data_free(on.scored);
  bd_data_free(on.samples);
  bd_data_free(on.whole);
  free(on.labels);
  bd_session_free(session);
}

// With all layers at 8 bits the network answers as before, at 1 bit it does not: on any samples.
static void assert_of_setting(const bd_live_state *live, int bits) {
  const bd_evaluation *figures = &live->figures;
  if (!live->current) return;
  assert_int_equal(figures->kl.count, figures->samples);
  assert_int_equal(figures->quantized.top1.count, figures->samples);
  if (figures->samples == 0) return;
  double kl = bd_mean_value(&figures->kl);
  assert_true(bits == FINE ? kl < 0.1 : kl > 0.3);
}

static void the_float_network_alone_is_compared_with_nothing(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  const bd_live_state *live = bd_session_live(session);
  while (!live->current) {
    assert_int_equal(live->figures.quantized.top1.count, 0);
    assert_int_equal(live->figures.kl.count, 0);
    assert_true(live->figures.signal == 0);
    wait_some(session);
  }
  bd_session_free(session);
}

static void figures_of_earlier_settings_are_marked(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_rng rng = bd_rng_seed(5, 0);
  int bits = FINE, seen[2] = {0};
  const bd_live_state *live = bd_session_live(session);
  for (int i = 0; i < 30; i++) {
    set_bits(session, bits = bits == FINE ? COARSE : FINE);
    assert_false(bd_session_live(session)->current);
    int polls = (int)(bd_rng_unit(&rng) * 30);
    for (; !live->done && (polls > 0 || (i % 10 < 2 && !live->current)); polls--) {
      wait_some(session);
      assert_of_setting(live, bits);
      seen[bits == FINE] += live->current;
    }
  }
  while (!live->done) {
    wait_some(session);
    assert_of_setting(live, bits);
  }
  bd_evaluation alone = evaluate_alone(session);
  assert_int_equal(live->figures.samples, SAMPLES);
  assert_true(bd_mean_value(&live->figures.kl) == bd_mean_value(&alone.kl));
  assert_true(bd_mean_value(&live->figures.quantized.top1) == bd_mean_value(&alone.quantized.top1));
  assert_true(live->figures.noise == alone.noise);
  assert_true(seen[0] > 0 && seen[1] > 0);
  bd_session_free(session);
}

// Each kind of work ends where it is told to before it begins: so leaving waits for a step at most.
static void all_work_ends_when_it_is_cancelled(void **unused) {
  (void)unused;
  bd_session *session = open_session(1);
  const bd_model *model = bd_session_model(session);
  bd_live_parts parts = {0};
  bd_cancel cancel = true;
  bd_error err;
  bd_index *index;
  bd_result *result;
  bd_engine *engine;
  bd_eval *eval;
  bd_evaluation figures;
  open_parts(model, &parts);
  assert_int_equal(bd_study_index(model, 0, &cancel, &index, &err), BD_CANCELLED);
  assert_int_equal(bd_study_index(model, 5, NULL, &index, &err), BD_OK);
  bd_setting setting = bd_setting_default();
  const bd_field *methods = bd_setting_field(BD_FIELD_METHOD);
  for (int i = 0; i < methods->choice_count; i++) {
    setting.method = (bd_method)i;
    assert_int_equal(bd_quantize(index, &setting, BD_QUICK, &cancel, &result, &err), BD_CANCELLED);
    assert_int_equal(bd_quantize(index, &setting, BD_PROVED, &cancel, &result, &err), BD_CANCELLED);
  }
  bd_engine_options options = {.cancel = &cancel};
  assert_int_equal(bd_engine_compile(model, bd_data_inputs(parts.data), &options, &engine, &err),
                   BD_CANCELLED);
  assert_null(engine);
  assert_int_equal(bd_eval_new(parts.engine, parts.data, NULL, 0, &eval, &err), BD_OK);
  assert_int_equal(bd_eval_run(eval, NULL, 1, &cancel, NULL, NULL, &figures, &err), BD_CANCELLED);
  assert_int_equal(figures.samples, 0);
  bd_eval_free(eval);
  bd_engine_free(parts.engine);
  bd_data_free(parts.data);
  free(parts.labels);
  bd_index_free(index);
  bd_session_free(session);
}

// --- local errors --------------------------------------------------------------------------------

static void settle(bd_session *session) {
  while (bd_session_pending(session))
    wait_some(session);
}

// Without a session: the layer alone on an engine of its own.
static double local_alone(const bd_session *session, int layer) {
  const bd_layer_state *state = bd_session_layer(session, layer);
  const bd_model *model = bd_session_model(session);
  bd_engine_options apart = {.apart = true};
  bd_live_parts parts = {0};
  bd_engine *engine;
  bd_locals *locals;
  bd_result *result;
  bd_swap *swap;
  bd_local sum = {0, 0};
  bd_error err;
  int64_t held;
  open_parts(model, &parts);
  assert_int_equal(bd_engine_compile(model, bd_data_inputs(parts.data), &apart, &engine, &err), 0);
  assert_int_equal(bd_locals_new(engine, parts.data, BD_LOCAL_SAMPLES, 1 << 28, &locals, &err),
                   BD_OK);
  assert_int_equal(bd_swap_new(engine, &swap, &err), BD_OK);
  bd_effort effort = bd_effort_for(&state->dial.setting);
  assert_int_equal(bd_quantize(state->index, &state->dial.setting, effort, NULL, &result, &err),
                   BD_OK);
  assert_int_equal(bd_eval_set(swap, model, layer, state->index, result, &err), BD_OK);
  assert_int_equal(bd_locals_load(locals, 0, 1, NULL, &held, &err), BD_OK);
  assert_int_equal(bd_locals_add(locals, swap, layer, 1, NULL, &sum, &err), BD_OK);
  bd_result_free(result);
  bd_swap_free(swap);
  bd_locals_free(locals);
  bd_engine_free(engine);
  bd_engine_free(parts.engine);
  bd_data_free(parts.data);
  free(parts.labels);
  return bd_decibel(sum.signal, sum.noise);
}

static void assert_local_errors(const bd_session *session) {
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    assert_true(state->local_known && !state->local_stale);
    assert_true(state->local_db == local_alone(session, i));
  }
}

static void local_errors_follow_the_settings(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  settle(session);
  assert_local_errors(session);
  double before = bd_session_layer(session, 1)->local_db;
  bd_dial dial = bd_session_layer(session, 1)->dial;
  dial.setting.bits = 2;
  bd_session_edit(session, (int[]){1}, &dial, 1, "one layer");
  const bd_layer_state *edited = bd_session_layer(session, 1);
  assert_true(edited->local_known && edited->local_stale && edited->local_db == before);
  assert_false(bd_session_layer(session, 0)->local_stale);
  settle(session);
  assert_true(edited->local_db < before);
  assert_local_errors(session);
  bd_session_undo(session);
  assert_true(edited->local_stale);
  settle(session);
  assert_true(edited->local_db == before);
  assert_local_errors(session);
  bd_session_free(session);
}

// The layer in hand first, whatever its number; the accuracy before any of them.
static void the_layer_in_hand_is_measured_first(void **unused) {
  (void)unused;
  bd_session *session = open_session(1);
  int hand = bd_session_count(session) - 1, known = 0;
  bd_session_look_at(session, hand, 0, hand);
  while (!known) {
    wait_some(session);
    for (int i = 0; i <= hand; i++)
      known += bd_session_layer(session, i)->local_known;
  }
  assert_true(bd_session_live(session)->done);
  assert_true(bd_session_layer(session, hand)->local_known);
  set_bits(session, COARSE); // breaks it off
  settle(session);
  assert_local_errors(session);
  bd_session_free(session);
}

static void leaving_while_it_runs(void **unused) {
  (void)unused;
  for (int i = 0; i < 12; i++) {
    bd_session *session = open_session(1 + i % 3);
    for (int polls = 0; polls < i * 4 && bd_session_pending(session); polls++)
      wait_some(session);
    bd_session_free(session);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_float_network_alone_is_compared_with_nothing),
      cmocka_unit_test(figures_of_earlier_settings_are_marked),
      cmocka_unit_test(all_work_ends_when_it_is_cancelled),
      cmocka_unit_test(local_errors_follow_the_settings),
      cmocka_unit_test(the_layer_in_hand_is_measured_first),
      cmocka_unit_test(figures_are_those_of_the_repaired_network),
      cmocka_unit_test(without_repair_all_samples_are_scored_again),
      cmocka_unit_test(a_repair_that_cannot_be_made_is_said),
      cmocka_unit_test(without_repair_its_memory_is_given_back),
      cmocka_unit_test(leaving_while_it_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
