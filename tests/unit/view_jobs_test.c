// The jobs: what runs and waits is counted as the session counts it; what is done has its time.
#include "tests/unit/view_bench.h"

#include "core/session/tasks.h"

static const float coarse[] = {-1, -0.5f, 0.25f, 0.5f, 1, 0.75f, -0.75f, -0.25f};

static bench many_layers(void) {
  static const tiny_layer layers[] = {
      {"first", "Conv", {8, 1, 1, 1}, 4, coarse},
      {"second", "Conv", {8, 1, 1, 1}, 4, coarse},
      {"third", "Conv", {8, 1, 1, 1}, 4, coarse},
  };
  return bench_open(open_tiny(layers, 3), true);
}

static void what_waits_is_said_at_once(void **state) {
  (void)state;
  bench b = many_layers();
  bd_task_line lines[BD_TASKS_MOST];
  int count = bd_session_tasks(b.desk.session, lines), runs = 0, waiting = 0;
  for (int i = 0; i < count; i++) {
    if (lines[i].what[0] != 'r' || strcmp(lines[i].what, "reading the graph") == 0) continue;
    runs += lines[i].state == BD_TASK_RUNS;
    waiting += lines[i].layers;
  }
  assert_int_equal(runs, 1); // one thread
  assert_int_equal(runs + waiting, 3);
  const char *text = text_of(&b, JOBS, 80, 10);
  expect(text, "> reading and sorting");
  expect(text, "2 layers wait");
  bench_close(&b);
}

static void what_is_done_has_its_time(void **state) {
  (void)state;
  bench b = many_layers();
  settle(b.desk.session);
  bd_task_line lines[BD_TASKS_MOST];
  int count = bd_session_tasks(b.desk.session, lines), clusterings = 0;
  for (int i = 0; i < count; i++) {
    assert_int_equal(lines[i].state, BD_TASK_DONE);
    assert_true(lines[i].seconds >= 0 && lines[i].seconds < 60);
    assert_true(lines[i].thread > 0 || lines[i].ending[0]);
    clusterings += strcmp(lines[i].what, "clustering") == 0 && !lines[i].ending[0];
  }
  assert_int_equal(clusterings, 3);
  expect(text_of(&b, JOBS, 80, 40), " ms  third");
  char title[64];
  bd_view_at(JOBS)->title(b.views[JOBS], &b.desk, true, 60, title, sizeof title);
  assert_string_equal(title, "idle");
  bench_close(&b);
}

static void the_history_is_bounded(void **state) {
  (void)state;
  bench b = many_layers();
  for (int i = 0; i < 2 * BD_TASKS_DONE; i++) {
    set(&b, 0, i % 2 ? "bits=3" : "bits=2");
    settle(b.desk.session);
  }
  bd_task_line lines[BD_TASKS_MOST];
  assert_int_equal(bd_session_tasks(b.desk.session, lines), BD_TASKS_DONE);
  for (int columns = 1; columns < 90; columns += 7)
    for (int rows = 1; rows < 12; rows++)
      draw(&b, JOBS, columns, rows);
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_waits_is_said_at_once),
      cmocka_unit_test(what_is_done_has_its_time),
      cmocka_unit_test(the_history_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
