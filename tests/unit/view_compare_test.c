// The comparison: with which pin, its order, what differs.
#include "tests/unit/view_bench.h"

#include "core/session/seen.h"

static const float coarse[] = {-1, -0.5f, 0.25f, 0.5f, 1, 0.75f, -0.75f, -0.25f};
static const float fine[] = {0.11f, -0.37f, 0.93f, 0.52f, -0.81f, 0.29f, -0.66f, 0.05f};

// Pins A (as it starts), B (first at 3 bits); now first at 3, second at 5 and pruned.
static bench two_pins(void) {
  static const tiny_layer layers[] = {
      {"first", "Conv", {8, 1, 1, 1}, 4, coarse},
      {"second", "Conv", {8, 1, 1, 1}, 4, fine},
  };
  bench b = bench_open(open_tiny(layers, 2), true);
  bd_error err;
  settle(b.desk.session);
  bd_session_pin(b.desk.session, bd_session_seen_now(b.desk.session), NULL, &err);
  set(&b, 0, "bits=3");
  settle(b.desk.session);
  bd_session_pin(b.desk.session, bd_session_seen_now(b.desk.session), "three", &err);
  set(&b, 1, "bits=5,prune=0.5,method=kmeans");
  settle(b.desk.session);
  return b;
}

static const char *title_of(bench *b) {
  static char title[512];
  bd_view_at(COMPARE)->title(b->views[COMPARE], &b->desk, true, 60, title, sizeof title);
  return title;
}

static void what_differs_is_said(void **state) {
  (void)state;
  bench b = two_pins();
  expect(title_of(&b), "@ with A  2 layers differ");
  const char *text = text_of(&b, COMPARE, 80, 12);
  expect(strstr(text, "first "), "3   8");
  expect(strstr(text, "second "), "5   8   50%     -");
  expect(text, "bits 3 > 8"); // of the layer in hand
  run(&b, COMPARE, "compare-down");
  assert_int_equal(b.desk.layer, 1);
  expect(text_of(&b, COMPARE, 80, 12), "bits 5 > 8, prune 0.5 > 0, method kmeans > two-stage");
  run(&b, COMPARE, "compare-jump");
  assert_true(b.desk.to_table);
  bench_close(&b);
}

static void x_takes_the_next_pin(void **state) {
  (void)state;
  bench b = two_pins();
  run(&b, COMPARE, "compare-next");
  expect(b.desk.message, "compared with B three");
  expect(title_of(&b), "@ with B three  1 layer differs");
  expect(strstr(text_of(&b, COMPARE, 80, 12), "first "), "3   =");
  run(&b, COMPARE, "compare-next");
  expect(b.desk.message, "compared with A");
  for (int i = 0; i < bd_session_seen_count(b.desk.session); i++)
    bd_session_unpin(b.desk.session, i);
  expect(text_of(&b, COMPARE, 80, 12), "nothing to compare with yet");
  run(&b, COMPARE, "compare-next");
  expect(b.desk.message, "nothing is pinned");
  bench_close(&b);
}

static void any_column_sorts(void **state) {
  (void)state;
  bench b = two_pins();
  for (int column = 1; column <= 8; column++) {
    run(&b, COMPARE, "compare-sort-next");
    const char *text = text_of(&b, COMPARE, 80, 12);
    bool falls = strstr(text, "second ") < strstr(text, "first ");
    const bd_layer_state *first = bd_session_layer(b.desk.session, 0);
    const bd_layer_state *second = bd_session_layer(b.desk.session, 1);
    if (column == 5) assert_int_equal(falls, second->result->sqnr_db < first->result->sqnr_db);
    if (column == 1) assert_false(falls); // 3 bits, then 5
    if (column == 7) assert_int_equal(falls, second->result->bytes < first->result->bytes);
    if (column != 1) continue;
    run(&b, COMPARE, "compare-reverse");
    text = text_of(&b, COMPARE, 80, 12);
    assert_true(strstr(text, "second ") < strstr(text, "first "));
    run(&b, COMPARE, "compare-reverse");
  }
  run(&b, COMPARE, "compare-sort-next");
  expect(b.desk.message, "in the model's order");
  bench_close(&b);
}

static void any_size_is_drawn(void **state) {
  (void)state;
  bench b = two_pins();
  for (int columns = 1; columns < 110; columns += 3)
    for (int rows = 1; rows < 14; rows++) {
      draw(&b, COMPARE, columns, rows);
      for (int cell = 0; cell < columns * rows; cell += 5)
        bd_view_at(COMPARE)->mouse(b.views[COMPARE], &b.desk, cell % columns, cell / columns, 0);
    }
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_differs_is_said),
      cmocka_unit_test(x_takes_the_next_pin),
      cmocka_unit_test(any_column_sorts),
      cmocka_unit_test(any_size_is_drawn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
