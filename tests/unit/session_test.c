// core/session on the sample: live results against bd_study_all, undo, order of the work, stale
// results, quitting while jobs run.
#include "core/base/rng.h"
#include "core/session/insight.h"
#include "core/session/session.h"
#include "core/session/spread.h"
#include "core/session/undo.h"

#include "tests/unit/model_maker.h"

#include <math.h>
#include <poll.h>

enum { LAYERS_MAX = 64 };

static bd_session *open_session(int threads) {
  bd_error err = {{0}};
  bd_model *model;
  bd_session *session;
  if (bd_model_open("samples/fashion.onnx", &model, &err) != BD_OK) fail_msg("%s", err.text);
  if (bd_session_new(model, NULL, NULL, threads, &session, &err) != BD_OK) fail_msg("%s", err.text);
  assert_in_range(bd_session_count(session), 3, LAYERS_MAX);
  return session;
}

static void wait_some(bd_session *session) {
  struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
  assert_int_not_equal(poll(&wake, 1, 60000), 0);
  bd_session_poll(session);
}

static void settle(bd_session *session) {
  while (bd_session_pending(session) > 0)
    wait_some(session);
}

// What is not stale is of the setting that the dial shows, at every moment.
static void assert_no_stale_result(const bd_session *session) {
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (state->result && !state->stale)
      assert_true(bd_setting_equal(&state->result->setting, &state->dial.setting));
  }
}

static void turn(bd_session *session, int layer, int field, int steps) {
  bd_dial dial = bd_session_layer(session, layer)->dial;
  bd_setting_step(&dial.setting, field, steps);
  bd_session_edit(session, &layer, &dial, 1, "a turn");
}

static void results_equal_those_of_a_study(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  int count = bd_session_count(session);
  for (int i = 0; i < count; i++) {
    turn(session, i, BD_FIELD_BITS, -(i % 7));
    turn(session, i, BD_FIELD_PRUNE, 10 * (i % 5));
    turn(session, i, BD_FIELD_METHOD, i % 3);
  }
  settle(session);
  bd_setting settings[LAYERS_MAX];
  for (int i = 0; i < count; i++)
    settings[i] = bd_session_layer(session, i)->dial.setting;
  bd_error err;
  bd_pool *pool;
  bd_layer_study *studies;
  assert_int_equal(bd_pool_new(1, &pool, &err), BD_OK);
  assert_int_equal(bd_study_all(bd_session_model(session), settings, BD_PROVED, pool, NULL, NULL,
                                NULL, &studies, &err),
                   BD_OK);
  bd_totals totals = {0};
  for (int i = 0; i < count; i++) {
    const bd_result *live = bd_session_layer(session, i)->result, *study = studies[i].result;
    assert_int_equal(live->level_count, study->level_count);
    assert_memory_equal(live->levels, study->levels,
                        (size_t)live->level_count * sizeof *live->levels);
    assert_true(live->sse == study->sse);
    assert_int_equal(live->proved, study->proved);
    assert_false(bd_session_layer(session, i)->proving);
    bd_totals_add(&totals, study, bd_index_stats(studies[i].index));
  }
  bd_totals_close(&totals);
  assert_true(totals.bytes == bd_session_totals(session).bytes);
  assert_true(totals.sqnr_db == bd_session_totals(session).sqnr_db);
  bd_study_free(studies, count);
  bd_pool_free(pool);
  bd_session_free(session);
}

static void curve_is_each_width_alone(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  turn(session, 1, BD_FIELD_PRUNE, 30);
  settle(session);
  const bd_layer_state *state = bd_session_layer(session, 1);
  for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
    bd_setting setting = state->dial.setting;
    setting.bits = bits;
    bd_result *result;
    bd_error err;
    assert_int_equal(bd_quantize(state->index, &setting, BD_QUICK, NULL, &result, &err), BD_OK);
    assert_true(result->sqnr_db == state->curve[bits]);
    double pruning = 10 * log10(bd_index_stats(state->index)->energy / result->sse_prune);
    assert_true(fabs(pruning - state->curve_prune) < 1e-9);
    bd_result_free(result);
  }
  bd_session_free(session);
}

static void stale_results_never_show(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_rng rng = bd_rng_seed(11, 0);
  int count = bd_session_count(session);
  for (int i = 0; i < 2000; i++) {
    int layer = (int)(bd_rng_unit(&rng) * count);
    int field = bd_rng_unit(&rng) < 0.5 ? BD_FIELD_BITS : BD_FIELD_PRUNE;
    turn(session, layer, field, bd_rng_unit(&rng) < 0.5 ? -1 : 1);
    if (i % 7 == 0) bd_session_undo(session);
    if (i % 11 == 0) bd_session_redo(session);
    if (i % 3 == 0) bd_session_poll(session);
    if (i % 50 == 0) wait_some(session);
    assert_no_stale_result(session);
  }
  settle(session);
  assert_no_stale_result(session);
  for (int i = 0; i < count; i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    bd_result *alone;
    bd_error err;
    assert_false(state->stale);
    assert_int_equal(bd_quantize(state->index, &state->dial.setting, BD_PROVED, NULL, &alone, &err),
                     BD_OK);
    assert_int_equal(state->result->level_count, alone->level_count);
    assert_memory_equal(state->result->levels, alone->levels,
                        (size_t)alone->level_count * sizeof *alone->levels);
    assert_true(state->result->sse == alone->sse);
    bd_result_free(alone);
  }
  bd_session_free(session);
}

static void undo_takes_every_edit_back(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_rng rng = bd_rng_seed(12, 0);
  int count = bd_session_count(session), steps = 0, layers[LAYERS_MAX];
  bd_dial before[LAYERS_MAX], after[LAYERS_MAX], dials[LAYERS_MAX];
  for (int i = 0; i < count; i++)
    before[i] = bd_session_layer(session, i)->dial;
  assert_null(bd_session_undo(session));
  for (int i = 0; i < 200; i++) {
    int used = 1 + (int)(bd_rng_unit(&rng) * (count - 1));
    for (int j = 0; j < used; j++) {
      layers[j] = j;
      dials[j] = bd_session_layer(session, j)->dial;
      bd_setting_step(&dials[j].setting, (int)(bd_rng_unit(&rng) * BD_FIELD_COUNT), -1);
      if (i % 10 == 0) dials[j].locked = !dials[j].locked;
    }
    steps += bd_session_edit(session, layers, dials, used, "many") > 0;
  }
  for (int i = 0; i < count; i++)
    after[i] = bd_session_layer(session, i)->dial;
  assert_true(steps > 100);
  assert_true(bd_session_dirty(session));
  for (int i = 0; i < steps; i++)
    assert_string_equal(bd_session_undo(session), "many");
  assert_null(bd_session_undo(session));
  assert_false(bd_session_dirty(session));
  for (int i = 0; i < count; i++) {
    const bd_dial *dial = &bd_session_layer(session, i)->dial;
    assert_true(bd_setting_equal(&dial->setting, &before[i].setting));
    assert_int_equal(dial->locked, before[i].locked);
  }
  for (int i = 0; i < steps; i++)
    assert_non_null(bd_session_redo(session));
  assert_null(bd_session_redo(session));
  for (int i = 0; i < count; i++)
    assert_true(bd_setting_equal(&bd_session_layer(session, i)->dial.setting, &after[i].setting));
  bd_session_undo(session);
  turn(session, 0, BD_FIELD_SEED, 1);
  assert_null(bd_session_redo(session));
  bd_session_free(session);
}

static void no_change_makes_no_step(void **unused) {
  (void)unused;
  bd_session *session = open_session(1);
  int layer = 0;
  bd_dial dial = bd_session_layer(session, 0)->dial;
  assert_int_equal(bd_session_edit(session, &layer, &dial, 1, "nothing"), 0);
  assert_null(bd_session_undo(session));
  bd_session_free(session);
}

// A key held down for hours fills no memory: the oldest steps go, the newest are all there.
static void undo_holds_the_newest_of_very_many(void **unused) {
  (void)unused;
  enum { TIMES = 3 * BD_UNDO_CHANGES };
  bd_undo *undo = bd_undo_new();
  bd_change change = {0};
  for (int i = 0; i < TIMES; i++) {
    change.layer = i;
    assert_true(bd_undo_add(undo, &change, 1, NULL, NULL, "turn"));
  }
  int back = 0;
  for (const bd_step *step; (step = bd_undo_back(undo)); back++)
    assert_int_equal(step->changes[0].layer, TIMES - 1 - back);
  assert_in_range(back, BD_UNDO_CHANGES / 2, BD_UNDO_CHANGES);
  for (; back > 0; back--)
    assert_int_equal(bd_undo_forward(undo)->changes[0].layer, TIMES - back);
  bd_undo_free(undo);
}

// Steps of many layers go sooner, but never the last hundred.
static void undo_holds_large_steps(void **unused) {
  (void)unused;
  enum { LARGE = BD_UNDO_CHANGES / 50, TIMES = 3 * BD_UNDO_STEPS };
  static bd_change changes[LARGE];
  bd_undo *undo = bd_undo_new();
  int back = 0;
  for (int i = 0; i < TIMES; i++) {
    changes[LARGE - 1].layer = i;
    assert_true(bd_undo_add(undo, changes, LARGE, NULL, NULL, "bulk"));
  }
  for (const bd_step *step; (step = bd_undo_back(undo)); back++)
    assert_int_equal(step->changes[LARGE - 1].layer, TIMES - 1 - back);
  assert_int_equal(back, BD_UNDO_STEPS);
  bd_undo_free(undo);
}

static void the_layer_in_hand_comes_first(void **unused) {
  (void)unused;
  bd_session *session = open_session(1);
  settle(session);
  int count = bd_session_count(session), last = count - 1, layers[LAYERS_MAX];
  bd_dial dials[LAYERS_MAX];
  bd_session_look_at(session, last, 1, 2);
  for (int i = 0; i < count; i++) {
    layers[i] = i;
    dials[i] = bd_session_layer(session, i)->dial;
    dials[i].setting.bits = 3;
  }
  bd_session_edit(session, layers, dials, count, "all");
  while (bd_session_layer(session, last)->stale) {
    wait_some(session);
    int fresh = 0;
    for (int i = 0; i < last; i++)
      fresh += !bd_session_layer(session, i)->stale;
    if (bd_session_layer(session, last)->stale) assert_int_equal(fresh, 0);
  }
  while (bd_session_layer(session, 1)->stale || bd_session_layer(session, 2)->stale)
    wait_some(session);
  assert_true(bd_session_layer(session, count - 2)->stale);
  bd_session_free(session);
}

static double cluster_sse(const bd_index *index, bd_setting setting, bd_effort effort) {
  bd_result *result;
  bd_error err;
  assert_int_equal(bd_quantize(index, &setting, effort, NULL, &result, &err), BD_OK);
  double sse = result->sse_cluster;
  bd_result_free(result);
  return sse;
}

static void insight_is_of_the_layer_in_hand(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  bd_session_look_at(session, 3, 0, 5);
  turn(session, 3, BD_FIELD_BITS, -4);
  settle(session);
  assert_true(isnan(bd_session_insight(session)->methods[0][1]));
  bd_session_want(session, BD_WANT_METHODS | BD_WANT_SPREAD);
  settle(session);
  bd_session_look_at(session, 1, 0, 5);
  turn(session, 1, BD_FIELD_BITS, -5);
  settle(session);
  const bd_insight *insight = bd_session_insight(session);
  const bd_layer_state *state = bd_session_layer(session, 1);
  assert_int_equal(insight->layer, 1);
  bd_setting setting = state->dial.setting;
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    assert_true(insight->methods[setting.method][bits] == state->curve[bits]);
  setting.method = BD_KMEANS;
  for (int seed = 1; seed <= BD_SPREAD_SEEDS; seed++) {
    setting.seed = (uint64_t)seed;
    assert_true(insight->spread[BD_PSO][seed - 1] == cluster_sse(state->index, setting, BD_QUICK));
    assert_true(insight->spread[BD_PSO][seed - 1] >= insight->optimum * (1 - 1e-9));
  }
  setting.init = BD_OPTIMAL;
  assert_true(insight->optimum == cluster_sse(state->index, setting, BD_PROVED));
  bd_session_free(session);
}

// Ten thousand layers: every one gets all it needs, and so does one that changes meanwhile.
static void many_layers_all_get_done(void **unused) {
  (void)unused;
#ifdef __SANITIZE_THREAD__
  enum { MANY = 1000 };
#else
  enum { MANY = 10000 };
#endif
  bd_arena *arena = bd_arena_new();
  Onnx__ModelProto *made = make_model(arena);
  Onnx__GraphProto *graph = made->graph;
  graph->node = make(arena, MANY, sizeof *graph->node);
  graph->initializer = make(arena, MANY, sizeof *graph->initializer);
  Onnx__GraphProto *one = make_graph(arena);
  for (int i = 0; i < MANY; i++) {
    const char *name = bd_arena_text(arena, "w%d", i);
    one->n_node = one->n_initializer = 0;
    graph->node[graph->n_node++] =
        make_node(arena, one, "MatMul", NULL, bd_arena_text(arena, "x %s", name), "y");
    graph->initializer[graph->n_initializer++] = make_weight(arena, one, name, "2 3");
  }
  bd_session *session;
  bd_error err;
  bd_status status = bd_session_new(make_opened(arena, made), NULL, NULL, 2, &session, &err);
  if (status != BD_OK) fail_msg("%s", err.text);
  for (int i = 0; i < 300; i++) {
    turn(session, i * 31, BD_FIELD_BITS, -6);
    wait_some(session);
  }
  settle(session);
  for (int i = 0; i < MANY; i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    assert_true(state->result && !state->stale && state->result->proved);
    assert_true(bd_setting_equal(&state->result->setting, &state->dial.setting));
    assert_int_equal(isnan(state->curve[1]), 0);
  }
  bd_session_free(session);
  bd_arena_free(arena);
}

static double share_pruned(const bd_session *session) {
  double all = 0, pruned = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    all += (double)bd_index_stats(state->index)->count;
    pruned += (double)state->result->hole.pruned;
  }
  return pruned / all;
}

static void one_ratio_is_spread_as_one_step(void **unused) {
  (void)unused;
  bd_error err;
  bd_spread spread;
  bd_session *session = open_session(2);
  assert_int_equal(bd_session_spread(session, 0.5, &spread, &err), BD_INVALID); // nothing is read
  int layer = 1;
  bd_dial dial = bd_session_layer(session, layer)->dial;
  dial.setting.prune = 0.9;
  dial.locked = true;
  bd_session_edit(session, &layer, &dial, 1, "a lock");
  settle(session);
  double before = share_pruned(session);
  assert_int_equal(bd_session_spread(session, 0.7, &spread, &err), BD_OK);
  assert_true(spread.prune[layer] == 0.9 && spread.locked == 1);
  assert_int_equal(spread.changed, bd_session_count(session) - 1);
  assert_true(fabs(spread.before - before) < 1e-12 && fabs(spread.after - 0.7) < 1e-4);
  assert_int_equal(bd_session_take_spread(session, &spread), spread.changed);
  settle(session);
  assert_true(fabs(share_pruned(session) - spread.after) < 1e-12);
  assert_true(bd_session_layer(session, layer)->dial.setting.prune == 0.9);
  assert_string_equal(bd_session_undo(session), "prune overall");
  settle(session);
  assert_true(share_pruned(session) == before);
  bd_spread_free(&spread);
  assert_int_equal(bd_session_spread(session, 0.99, &spread, &err), BD_INVALID);
  assert_null(spread.prune);
  bd_session_free(session);
}

static void assert_repair(const bd_session *session, bd_recovery how, const char *file) {
  const bd_repair_plan *plan = bd_session_repair(session);
  assert_int_equal(plan->how, how);
  if (file)
    assert_string_equal(plan->calibration.file, file);
  else
    assert_null(plan->calibration.file);
}

static void repair_is_undone_and_saved(void **unused) {
  (void)unused;
  bd_error err;
  const char *path = "build/session-repair.json";
  bd_session *session = open_session(1);
  char file[] = "x.npy";
  bd_repair_plan plan = {BD_RECOVER_MATCH, {.file = file, .first = 8, .samples = 4}};
  plan.calibration.transform = bd_transform_none();
  assert_repair(session, BD_RECOVER_NONE, NULL);
  assert_true(bd_session_set_repair(session, &plan, "repair"));
  assert_false(bd_session_set_repair(session, &plan, "repair"));
  turn(session, 0, BD_FIELD_BITS, -1);
  assert_true(bd_session_dirty(session));
  assert_int_equal(bd_session_save(session, path, &err), BD_OK);
  assert_false(bd_session_dirty(session));
  assert_string_equal(bd_session_undo(session), "a turn");
  assert_string_equal(bd_session_undo(session), "repair");
  assert_repair(session, BD_RECOVER_NONE, NULL);
  assert_true(bd_session_dirty(session));
  assert_string_equal(bd_session_redo(session), "repair");
  assert_repair(session, BD_RECOVER_MATCH, "x.npy");
  plan.how = BD_RECOVER_RECONSTRUCT;
  assert_true(bd_session_set_repair(session, &plan, "another"));
  assert_int_equal(bd_session_load(session, path, &err), BD_OK);
  assert_repair(session, BD_RECOVER_MATCH, "x.npy");
  assert_int_equal(bd_session_repair(session)->calibration.first, 8);
  assert_int_equal(bd_session_layer(session, 0)->dial.setting.bits, 7);
  assert_false(bd_session_dirty(session));
  assert_string_equal(bd_session_undo(session), "load of a config");
  assert_repair(session, BD_RECOVER_RECONSTRUCT, "x.npy");
  bd_session_free(session);
  remove(path);
}

static void leaving_while_jobs_run(void **unused) {
  (void)unused;
  for (int i = 0; i < 20; i++) {
    bd_session *session = open_session(1 + i % 4);
    for (int j = 0; j < i; j++)
      bd_session_poll(session);
    bd_session_free(session);
  }
}

// A layer that takes a while to prove: what is shown of its bound only comes nearer.
static void bound_tightens_until_proved(void **unused) {
  (void)unused;
  bd_session *session = open_session(2);
  settle(session);
  int largest = 0;
  for (int i = 1; i < bd_session_count(session); i++)
    if (bd_model_layer(bd_session_model(session), i)->weights >
        bd_model_layer(bd_session_model(session), largest)->weights)
      largest = i;
  bd_dial dial = bd_session_layer(session, largest)->dial;
  dial.setting.bits = 7;
  dial.setting.method = BD_KMEANS;
  bd_session_look_at(session, largest, largest, largest);
  bd_session_edit(session, &largest, &dial, 1, "a turn");
  double before = INFINITY, first = 0;
  const bd_layer_state *state = bd_session_layer(session, largest);
  while (state->stale || state->proving) {
    wait_some(session);
    if (state->stale) continue;
    if (first == 0) first = state->result->optimum_ratio;
    assert_true(state->result->optimum_ratio <= before);
    before = state->result->optimum_ratio;
  }
  assert_true(state->result->proved && before >= 1 && before <= first);
  bd_session_free(session);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(results_equal_those_of_a_study),
      cmocka_unit_test(curve_is_each_width_alone),
      cmocka_unit_test(stale_results_never_show),
      cmocka_unit_test(bound_tightens_until_proved),
      cmocka_unit_test(undo_takes_every_edit_back),
      cmocka_unit_test(no_change_makes_no_step),
      cmocka_unit_test(undo_holds_the_newest_of_very_many),
      cmocka_unit_test(undo_holds_large_steps),
      cmocka_unit_test(the_layer_in_hand_comes_first),
      cmocka_unit_test(insight_is_of_the_layer_in_hand),
      cmocka_unit_test(many_layers_all_get_done),
      cmocka_unit_test(one_ratio_is_spread_as_one_step),
      cmocka_unit_test(repair_is_undone_and_saved),
      cmocka_unit_test(leaving_while_jobs_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
