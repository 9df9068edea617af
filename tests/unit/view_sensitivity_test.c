// The heat map: its numbers are those of the session, its order and its signs.
#include "tests/unit/view_bench.h"

#include "viewers/sensitivity.h"

#include <math.h>

static const float coarse[] = {-1, -0.5f, 0.25f, 0.5f, 1, 0.75f, -0.75f, -0.25f};
static const float fine[] = {0.11f, -0.37f, 0.93f, 0.52f, -0.81f, 0.29f, -0.66f, 0.05f};

static bench two_layers(bool ascii) {
  const tiny_layer layers[] = {
      {"first", "Conv", {8, 1, 1, 1}, 4, coarse},
      {"second", "Conv", {8, 1, 1, 1}, 4, fine},
  };
  return bench_open(open_tiny(layers, 2), ascii);
}

static void numbers_are_the_sessions(void **state) {
  (void)state;
  bench b = two_layers(false);
  for (int layer = 0; layer < 2; layer++)
    set(&b, layer, "method=kmeans");
  settle(b.desk.session);
  for (int row = 1; row <= 2; row++) {
    const bd_layer_state *layer = bd_session_layer(b.desk.session, row - 1);
    draw(&b, SENSITIVITY, 60, 4);
    for (int bits = 1; bits <= BD_BITS_MAX; bits++) {
      char want[8] = "==", got[3];
      double db = layer->curve[bits];
      assert_true(db == db);
      if (isfinite(db)) snprintf(want, sizeof want, "%2.0f", db);
      int names = 11; // "second" and its margins, the least
      for (int i = 0; i < 2; i++)
        got[i] = (char)bd_canvas_at(b.canvas, names + 3 * (bits - 1) + 1 + i, row).glyph;
      got[2] = '\0';
      assert_string_equal(got, want);
    }
  }
  bench_close(&b);
}

// One bit whose two levels are far from nearly all weights costs more than leaving them out.
static void less_than_nothing_is_shown_as_such(void **state) {
  (void)state;
  static const float lone[] = {100, 0.5f, -0.5f, 0.25f, -0.25f, 0.75f, -0.75f, 0.125f};
  const tiny_layer layer = {"lone", "Conv", {8, 1, 1, 1}, 4, lone};
  bench b = bench_open(open_tiny(&layer, 1), false);
  set(&b, 0, "method=two-stage,grid=signed");
  settle(b.desk.session);
  double db = bd_session_layer(b.desk.session, 0)->curve[1];
  assert_true(db < -0.5);
  char want[16];
  snprintf(want, sizeof want, "−%.0f", fmin(-db, 9));
  expect(text_of(&b, SENSITIVITY, 60, 4), want);
  bench_close(&b);
}

static void cells_grow_hotter_with_the_loss(void **state) {
  (void)state;
  bench b = two_layers(false);
  settle(b.desk.session);
  draw(&b, SENSITIVITY, 60, 4);
  for (int bits = 2; bits <= BD_BITS_MAX; bits++) {
    bd_role wide = bd_canvas_at(b.canvas, 11 + 3 * (bits - 1) + 2, 2).role;
    bd_role narrow = bd_canvas_at(b.canvas, 11 + 3 * (bits - 2) + 2, 2).role;
    assert_in_range(wide, BD_ROLE_HEAT0, BD_ROLE_HEAT6);
    assert_true(narrow >= wide);
  }
  assert_int_equal(bd_canvas_at(b.canvas, 11 + 3 * 7, 1).glyph, 0x25B8); // as it is set: 8
  bench_close(&b);
}

static void the_worst_comes_first(void **state) {
  (void)state;
  bench b = two_layers(true);
  set(&b, 0, "prune=0.9");
  settle(b.desk.session);
  run(&b, SENSITIVITY, "map-sort-next");
  run(&b, SENSITIVITY, "map-sort-next");
  expect(b.desk.message, "by SQNR of the weights at 2 bits, the worst first");
  const bd_layer_state *first = bd_session_layer(b.desk.session, 0);
  const bd_layer_state *second = bd_session_layer(b.desk.session, 1);
  bool swapped = second->curve[2] < first->curve[2];
  run(&b, SENSITIVITY, "rows-up");
  assert_int_equal(b.desk.layer, swapped ? 1 : 0);
  run(&b, SENSITIVITY, "map-reverse");
  run(&b, SENSITIVITY, "rows-up");
  assert_int_equal(b.desk.layer, swapped ? 0 : 1);
  run(&b, SENSITIVITY, "jump");
  assert_true(b.desk.to_table);
  bench_close(&b);
}

static void any_size_is_drawn(void **state) {
  (void)state;
  bench b = two_layers(true);
  for (int columns = 1; columns < 70; columns += 3)
    for (int rows = 1; rows < 6; rows++)
      draw(&b, SENSITIVITY, columns, rows);
  settle(b.desk.session);
  expect(text_of(&b, SENSITIVITY, 60, 5), "second");
  expect_not(text_of(&b, SENSITIVITY, 60, 5), "cannot");
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_the_sessions),
      cmocka_unit_test(less_than_nothing_is_shown_as_such),
      cmocka_unit_test(cells_grow_hotter_with_the_loss),
      cmocka_unit_test(the_worst_comes_first),
      cmocka_unit_test(any_size_is_drawn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
