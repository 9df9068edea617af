// The configurations that a session has seen: every settled state once, with the session's own
// figures; pins that stay and are saved; configs that are taken in; adopting one.
#include "core/session/config.h"
#include "core/session/seen.h"
#include "core/session/tasks.h"
#include "core/session/undo.h"

#include "tests/unit/model_maker.h"

#include <poll.h>
#include <unistd.h>

static bd_session *open_with(const char *config, int threads) {
  bd_error err = {{0}};
  bd_model *model;
  bd_session *session;
  if (bd_model_open("samples/fashion.onnx", &model, &err) != BD_OK) fail_msg("%s", err.text);
  if (bd_session_new(model, NULL, config, threads, &session, &err) != BD_OK)
    fail_msg("%s", err.text);
  return session;
}

static bd_session *open_session(const char *config) {
  return open_with(config, 2);
}

static void settle(bd_session *session) {
  do {
    struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
    if (bd_session_pending(session) > 0) assert_int_not_equal(poll(&wake, 1, 60000), 0);
    bd_session_poll(session);
  } while (bd_session_pending(session) > 0);
}

static void turn(bd_session *session, int layer, const char *fields) {
  bd_error err;
  bd_dial dial = bd_session_layer(session, layer)->dial;
  if (bd_setting_parse(&dial.setting, fields, &err) != BD_OK) fail_msg("%s", err.text);
  bd_session_edit(session, &layer, &dial, 1, "a turn");
  settle(session);
}

static const bd_seen *now(const bd_session *session) {
  int index = bd_session_seen_now(session);
  assert_true(index >= 0);
  return bd_session_seen(session, index);
}

static void assert_of_session(const bd_session *session, const bd_seen *seen) {
  bd_totals totals = bd_session_totals(session);
  assert_int_equal(seen->totals.missing, 0);
  assert_int_equal(seen->totals.layers, totals.layers);
  assert_true(seen->totals.bytes == totals.bytes);
  assert_true(seen->totals.sqnr_db == totals.sqnr_db);
  assert_true(seen->totals.entropy_bits == totals.entropy_bits);
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (state->refused) continue;
    assert_true(bd_setting_equal(&seen->layers[i].setting, &state->dial.setting));
    assert_true(seen->layers[i].bytes == state->result->bytes);
    assert_true(seen->layers[i].sqnr_db == state->result->sqnr_db);
  }
}

static void every_settled_state_is_seen_once(void **unused) {
  (void)unused;
  bd_session *session = open_session(NULL);
  settle(session);
  assert_int_equal(bd_session_seen_count(session), 1);
  uint64_t start = now(session)->id;
  assert_of_session(session, now(session));
  turn(session, 1, "bits=3,prune=0.4");
  turn(session, 2, "bits=2,init=optimal");
  assert_int_equal(bd_session_seen_count(session), 3);
  assert_of_session(session, now(session));
  bd_session_undo(session);
  assert_int_equal(bd_session_seen_now(session), -1); // it is being computed
  bd_session_undo(session);
  settle(session);
  assert_int_equal(bd_session_seen_count(session), 3); // the first again
  assert_true(now(session)->id == start);
  bd_session_free(session);
}

static void the_oldest_give_way_pins_stay(void **unused) {
  (void)unused;
  bd_session *session = open_session(NULL);
  bd_error err;
  settle(session);
  uint64_t pinned = now(session)->id;
  assert_int_equal(bd_session_pin(session, bd_session_seen_now(session), "start", &err), BD_OK);
  turn(session, 0, "seed=1000");
  uint64_t loose = now(session)->id;
  for (int i = 0; i < BD_SEEN_MOST + 3; i++) {
    char fields[32];
    snprintf(fields, sizeof fields, "seed=%d", i + 2);
    turn(session, 0, fields);
  }
  assert_int_equal(bd_session_seen_count(session), BD_SEEN_MOST + 1);
  assert_int_equal(bd_session_seen_find(session, loose), -1);
  int index = bd_session_seen_find(session, pinned);
  assert_true(index >= 0);
  assert_int_equal(bd_session_seen(session, index)->pin, 'A');
  assert_string_equal(bd_session_seen(session, index)->name, "start");
  bd_session_unpin(session, index);
  assert_int_equal(bd_session_seen(session, index)->pin, 0);
  bd_session_free(session);
}

static void adopting_is_one_step_and_leaves_locks(void **unused) {
  (void)unused;
  bd_session *session = open_session(NULL);
  settle(session);
  uint64_t start = now(session)->id;
  turn(session, 1, "bits=3");
  turn(session, 2, "prune=0.5,method=kmeans");
  uint64_t end = now(session)->id;
  int held, layer = 2;
  bd_dial locked = bd_session_layer(session, layer)->dial;
  locked.locked = true;
  bd_session_edit(session, &layer, &locked, 1, "a lock");
  assert_int_equal(bd_session_adopt(session, bd_session_seen_find(session, start), &held), 1);
  assert_int_equal(held, 1);
  settle(session);
  assert_int_equal(bd_session_layer(session, 1)->dial.setting.bits, 8);
  assert_true(bd_session_layer(session, 2)->dial.setting.prune == 0.5);
  assert_string_equal(bd_session_undo(session), "taking an earlier configuration");
  settle(session);
  assert_true(now(session)->id == end);
  int changed = bd_session_adopt_bits(session, 4, &held);
  assert_int_equal(changed, bd_session_count(session) - 1);
  assert_int_equal(held, 1);
  assert_string_equal(bd_session_undo(session), "4 bits everywhere");
  bd_session_free(session);
}

static void write_some(const char *path) {
  bd_session *session = open_session(NULL);
  bd_error err;
  settle(session);
  turn(session, 1, "bits=2,granularity=channel");
  turn(session, 3, "bits=5,init=optimal");
  assert_int_equal(bd_session_save(session, path, &err), BD_OK);
  bd_session_free(session);
}

static void a_config_is_taken_in_to_compare(void **unused) {
  (void)unused;
  char path[] = "/tmp/bitdial-seen-XXXXXX";
  close(mkstemp(path));
  write_some(path);
  bd_session *session = open_session(NULL);
  bd_error err;
  uint64_t id;
  if (bd_session_take_in(session, path, &id, &err) != BD_OK) fail_msg("%s", err.text);
  settle(session);
  const bd_seen *other = bd_session_seen(session, bd_session_seen_find(session, id));
  assert_int_equal(other->pin, 'A');
  assert_string_equal(other->name, strrchr(path, '/') + 1);
  assert_int_equal(other->totals.missing, 0);
  bd_totals there = other->totals;
  assert_false(bd_session_dirty(session));
  assert_int_equal(bd_session_load(session, path, &err), BD_OK);
  settle(session);
  assert_true(now(session)->id == id); // the same, computed by the session itself
  assert_of_session(session, now(session));
  assert_true(now(session)->totals.bytes == there.bytes);
  assert_true(now(session)->totals.sqnr_db == there.sqnr_db);
  assert_int_equal(bd_session_take_in(session, "/nowhere.json", &id, &err), BD_INVALID);
  bd_session_free(session);
  unlink(path);
}

// Is a job of the comparison in that state, with that ending?
static bool compares(const bd_session *session, bd_task_state state, const char *ending) {
  bd_task_line lines[BD_TASKS_MOST];
  int count = bd_session_tasks(session, lines);
  for (int i = 0; i < count; i++)
    if (lines[i].state == state && strcmp(lines[i].what, "for the comparison") == 0 &&
        (!ending || strcmp(lines[i].ending, ending) == 0))
      return true;
  return false;
}

// The jobs of long layers are broken off, and begun again afterwards.
static void a_turned_dial_does_not_wait_for_the_comparison(void **unused) {
  (void)unused;
  char path[] = "/tmp/bitdial-seen-XXXXXX";
  close(mkstemp(path));
  write_some(path);
  bd_session *session = open_with(NULL, 1);
  bd_error err;
  uint64_t id;
  settle(session);
  assert_int_equal(bd_session_take_in(session, path, &id, &err), BD_OK);
  bool gave_way = false;
  int layer = 0;
  bd_dial dial = bd_session_layer(session, layer)->dial;
  for (dial.setting.bits = 4; !gave_way && compares(session, BD_TASK_RUNS, NULL);) {
    dial.setting.bits ^= 1;
    bd_session_edit(session, &layer, &dial, 1, "a turn");
    do {
      struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
      assert_int_not_equal(poll(&wake, 1, 60000), 0);
      bd_session_poll(session);
    } while (bd_session_pending(session) && !compares(session, BD_TASK_RUNS, NULL));
    gave_way = compares(session, BD_TASK_DONE, "cancelled");
  }
  assert_true(gave_way);
  settle(session);
  const bd_seen *other = bd_session_seen(session, bd_session_seen_find(session, id));
  assert_int_equal(other->totals.missing, 0);
  bd_session_free(session);
  unlink(path);
}

static void pins_are_saved_with_the_config(void **unused) {
  (void)unused;
  char path[] = "/tmp/bitdial-seen-XXXXXX";
  close(mkstemp(path));
  bd_error err;
  bd_session *session = open_session(path);
  settle(session);
  turn(session, 1, "bits=2,method=kmeans");
  assert_int_equal(bd_session_pin(session, bd_session_seen_now(session), "two", &err), BD_OK);
  assert_int_equal(bd_session_save(session, NULL, &err), BD_OK);
  assert_false(bd_session_dirty(session));
  bd_session_unpin(session, bd_session_seen_now(session));
  assert_true(bd_session_dirty(session)); // it is still in the file
  bd_session_pin(session, bd_session_seen_now(session), "two", &err);
  bd_totals pinned = now(session)->totals;
  turn(session, 1, "bits=7");
  assert_int_equal(bd_session_save(session, NULL, &err), BD_OK);
  assert_false(bd_session_dirty(session));
  bd_session_free(session);
  session = open_session(path);
  settle(session);
  if (bd_session_load(session, path, &err) != BD_OK) fail_msg("%s", err.text);
  settle(session);
  assert_false(bd_session_dirty(session)); // pins of the file are saved
  int pins = 0;
  for (int i = 0; i < bd_session_seen_count(session); i++) {
    const bd_seen *seen = bd_session_seen(session, i);
    if (!seen->pin) continue;
    pins++;
    assert_string_equal(seen->name, "two");
    assert_true(seen->totals.bytes == pinned.bytes && seen->totals.sqnr_db == pinned.sqnr_db);
    bd_session_unpin(session, i);
  }
  assert_int_equal(pins, 1);
  assert_int_equal(bd_session_save(session, NULL, &err), BD_OK); // and without pins, none
  bd_session_load(session, path, &err);
  for (int i = 0; i < bd_session_seen_count(session); i++)
    assert_int_equal(bd_session_seen(session, i)->pin, 0);
  bd_session_free(session);
  unlink(path);
}

// As "Abest Bsmall": what is pinned, in the order of the letters.
static const char *pins_of(const bd_session *session) {
  static char text[256];
  text[0] = '\0';
  for (char letter = 'A'; letter <= 'Z'; letter++)
    for (int i = 0; i < bd_session_seen_count(session); i++) {
      const bd_seen *seen = bd_session_seen(session, i);
      size_t used = strlen(text);
      if (seen->pin == letter)
        snprintf(text + used, sizeof text - used, "%s%c%s", used ? " " : "", letter, seen->name);
    }
  return text;
}

static void pin_now(bd_session *session, const char *name) {
  bd_error err;
  assert_int_equal(bd_session_pin(session, bd_session_seen_now(session), name, &err), BD_OK);
}

static bd_session *open_again(bd_session *session, const char *path) {
  bd_error err;
  assert_int_equal(bd_session_save(session, path, &err), BD_OK);
  bd_session_free(session);
  session = open_session(path);
  settle(session);
  assert_int_equal(bd_session_load(session, path, &err), BD_OK);
  settle(session);
  return session;
}

// Whichever was seen last, and where a letter between them is free.
static void letters_stay_through_save_and_load(void **unused) {
  (void)unused;
  char path[] = "/tmp/bitdial-seen-XXXXXX";
  close(mkstemp(path));
  bd_session *session = open_session(path);
  settle(session);
  pin_now(session, "start");
  turn(session, 1, "bits=2");
  pin_now(session, "small");
  turn(session, 1, "bits=5");
  pin_now(session, "best");
  bd_session_undo(session);
  bd_session_undo(session);
  settle(session); // A is now the one that was seen last
  assert_string_equal(pins_of(session), "Astart Bsmall Cbest");
  session = open_again(session, path);
  assert_string_equal(pins_of(session), "Astart Bsmall Cbest");
  for (int i = bd_session_seen_count(session) - 1; i >= 0; i--)
    if (bd_session_seen(session, i)->pin == 'B') bd_session_unpin(session, i);
  session = open_again(session, path);
  assert_string_equal(pins_of(session), "Astart Cbest");
  turn(session, 1, "bits=3");
  pin_now(session, "new");
  assert_string_equal(pins_of(session), "Astart Bnew Cbest");
  bd_session_free(session);
  unlink(path);
}

static bd_totals totals_at(int bits) {
  bd_session *session = open_session(NULL);
  int held;
  bd_session_adopt_bits(session, bits, &held);
  settle(session);
  bd_totals totals = bd_session_totals(session);
  bd_session_free(session);
  return totals;
}

static void take_in_at(bd_session *session, const char *path, int bits, uint64_t *id) {
  bd_session *other = open_session(NULL);
  bd_error err;
  int held;
  bd_session_adopt_bits(other, bits, &held);
  assert_int_equal(bd_session_save(other, path, &err), BD_OK);
  bd_session_free(other);
  assert_int_equal(bd_session_take_in(session, path, id, &err), BD_OK);
}

// Several at once, before a layer is read and while the session comes by at one of them: each is
// computed to its end, and then no layer and no job of it is waited for.
static void all_that_are_taken_in_are_computed(void **unused) {
  (void)unused;
  enum { FEWEST = 3, MOST = 6 };
  char path[] = "/tmp/bitdial-seen-XXXXXX";
  close(mkstemp(path));
  bd_session *session = open_session(NULL);
  uint64_t ids[MOST + 1];
  int held;
  for (int bits = FEWEST; bits <= MOST; bits++)
    take_in_at(session, path, bits, &ids[bits]);
  bd_session_adopt_bits(session, FEWEST + 1, &held);
  settle(session);
  assert_true(now(session)->id == ids[FEWEST + 1]);
  for (int bits = FEWEST; bits <= MOST; bits++) {
    const bd_seen *seen = bd_session_seen(session, bd_session_seen_find(session, ids[bits]));
    bd_totals alone = totals_at(bits);
    assert_int_equal(seen->totals.missing, 0);
    assert_int_equal(seen->busy, 0);
    assert_true(seen->totals.bytes == alone.bytes && seen->totals.sse == alone.sse);
  }
  bd_session_free(session);
  unlink(path);
}

// Where nothing else is changed a pin alone is worth the question that q asks.
static void a_pin_is_an_edit(void **unused) {
  (void)unused;
  bd_error err;
  bd_session *session = open_session(NULL);
  settle(session);
  assert_false(bd_session_dirty(session));
  assert_int_equal(bd_session_pin(session, bd_session_seen_now(session), NULL, &err), BD_OK);
  assert_true(bd_session_dirty(session));
  bd_session_free(session);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_settled_state_is_seen_once),
      cmocka_unit_test(the_oldest_give_way_pins_stay),
      cmocka_unit_test(adopting_is_one_step_and_leaves_locks),
      cmocka_unit_test(a_config_is_taken_in_to_compare),
      cmocka_unit_test(a_turned_dial_does_not_wait_for_the_comparison),
      cmocka_unit_test(pins_are_saved_with_the_config),
      cmocka_unit_test(a_pin_is_an_edit),
      cmocka_unit_test(all_that_are_taken_in_are_computed),
      cmocka_unit_test(letters_stay_through_save_and_load),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
