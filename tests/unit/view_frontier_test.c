// The frontier: what is drawn is what the session has seen, where it belongs; pins, adopting,
// measures.
#include "tests/unit/view_bench.h"

#include "core/session/seen.h"
#include "viewers/show.h"
#include "viewers/spots.h"

#include <math.h>

static const float coarse[] = {-1, -0.5f, 0.25f, 0.5f, 1, 0.75f, -0.75f, -0.25f};
static const float fine[] = {0.11f, -0.37f, 0.93f, 0.52f, -0.81f, 0.29f, -0.66f, 0.05f};

static bench two_layers(bool ascii) {
  const tiny_layer layers[] = {
      {"first", "Conv", {8, 1, 1, 1}, 4, coarse},
      {"second", "Conv", {8, 1, 1, 1}, 4, fine},
  };
  bench b = bench_open(open_tiny(layers, 2), ascii);
  settle(b.desk.session);
  return b;
}

static void turn(bench *b, int layer, const char *fields) {
  set(b, layer, fields);
  settle(b->desk.session);
}

static int count_of(const char *text, char sign, int columns) {
  int count = 0;
  for (int column = 0; *text; text++) {
    column = *text == '\n' ? 0 : column + 1;
    count += *text == sign && column > 7 && column <= columns;
  }
  return count;
}

// An independent line: pair by pair.
static bool is_beaten(const bd_spots *spots, int i) {
  const bd_spot *own = &spots->list[i];
  for (int k = 0; k < spots->count; k++) {
    const bd_spot *other = &spots->list[k];
    bool better = other->bytes < own->bytes || other->sqnr_db > own->sqnr_db;
    if (other->id && better && other->bytes <= own->bytes && other->sqnr_db >= own->sqnr_db)
      return true;
  }
  return false;
}

static void every_configuration_is_a_point(void **state) {
  (void)state;
  bench b = two_layers(true);
  turn(&b, 0, "bits=3");
  turn(&b, 1, "bits=2,method=linear");
  turn(&b, 1, "bits=5,method=linear");
  bd_spots spots;
  int left_out, own = 0;
  bd_spots_gather(b.desk.session, BD_BY_SQNR, &spots, &left_out);
  for (int i = 0; i < spots.count; i++) {
    if (i > 0) assert_true(spots.list[i].bytes >= spots.list[i - 1].bytes);
    own += spots.list[i].id != 0;
    if (spots.list[i].id) assert_int_equal(spots.list[i].on_line, !is_beaten(&spots, i));
  }
  assert_int_equal(own, bd_session_seen_count(b.desk.session));
  assert_int_equal(own, 4);
  const char *text = text_of(&b, FRONTIER, 100, 30);
  assert_int_equal(count_of(text, '@', 51), 1);
  char size[BD_SHOW_SIZE], sqnr[BD_SHOW_SIZE], row[128];
  for (int i = 0; i < spots.count; i++) {
    const bd_spot *spot = &spots.list[i];
    snprintf(row, sizeof row, "%c %5s %6.2f %7s", bd_spot_sign(spot),
             bd_show_bytes(size, spot->bytes), spot->bits_per_weight,
             bd_show_sqnr(sqnr, spot->sqnr_db));
    expect(text, row);
  }
  free(spots.list);
  bench_close(&b);
}

// The references are each layer at so many bits, by itself.
static void references_are_equal_bits(void **state) {
  (void)state;
  bench b = two_layers(true);
  turn(&b, 0, "method=kmeans,prune=0.25");
  bd_spots spots;
  int left_out, references = 0;
  bd_spots_gather(b.desk.session, BD_BY_SQNR, &spots, &left_out);
  for (int i = 0; i < spots.count; i++) {
    bd_spot spot = spots.list[i];
    if (spot.id) continue;
    references++;
    int held;
    bd_session_adopt_bits(b.desk.session, spot.bits, &held);
    settle(b.desk.session);
    bd_totals totals = bd_session_totals(b.desk.session);
    assert_true(fabs(totals.bytes - spot.bytes) < 1e-9);
    assert_true(fabs(totals.bits_per_weight - spot.bits_per_weight) < 1e-9);
    assert_true(totals.sqnr_db == spot.sqnr_db || fabs(totals.sqnr_db - spot.sqnr_db) < 1e-6);
    bd_session_undo(b.desk.session);
    settle(b.desk.session);
  }
  assert_int_equal(references, 7); // at 8 it is
  free(spots.list);
  bench_close(&b);
}

static void enter_takes_the_point_in_hand(void **state) {
  (void)state;
  bench b = two_layers(true);
  turn(&b, 0, "bits=3");
  turn(&b, 1, "bits=4");
  run(&b, FRONTIER, "largest");
  run(&b, FRONTIER, "adopt");
  expect(b.desk.message, "2 layers changed; u takes it back");
  settle(b.desk.session);
  assert_int_equal(bd_session_layer(b.desk.session, 0)->dial.setting.bits, 8);
  run(&b, FRONTIER, "adopt");
  expect(b.desk.message, "that is as the layers are");
  int layer = 1;
  bd_dial locked = bd_session_layer(b.desk.session, layer)->dial;
  locked.locked = true;
  bd_session_edit(b.desk.session, &layer, &locked, 1, "a lock");
  run(&b, FRONTIER, "smallest"); // 1 bit everywhere
  run(&b, FRONTIER, "adopt");
  expect(b.desk.message, "1 layer changed, 1 locked one kept; u takes it back");
  assert_int_equal(bd_session_layer(b.desk.session, 0)->dial.setting.bits, 1);
  assert_int_equal(bd_session_layer(b.desk.session, 1)->dial.setting.bits, 8);
  bench_close(&b);
}

static void pins_have_letters(void **state) {
  (void)state;
  bench b = two_layers(true);
  run(&b, FRONTIER, "pin-point");
  expect(b.desk.message, "pinned as A");
  turn(&b, 0, "bits=3");
  run(&b, FRONTIER, "pin-point");
  expect(b.desk.message, "pinned as B");
  turn(&b, 0, "bits=2");
  const char *text = text_of(&b, FRONTIER, 100, 30);
  expect(text, " A ");
  expect(text, " B ");
  run(&b, FRONTIER, "largest");
  run(&b, FRONTIER, "pin-point");
  expect(b.desk.message, "pin A is off");
  expect_not(text_of(&b, FRONTIER, 100, 30), " A ");
  run(&b, FRONTIER, "smallest");
  run(&b, FRONTIER, "pin-point");
  expect(b.desk.message, "Enter takes the 1 bits");
  bench_close(&b);
}

static void without_data_kl_says_so(void **state) {
  (void)state;
  bench b = two_layers(false);
  run(&b, FRONTIER, "frontier-measure");
  expect(text_of(&b, FRONTIER, 100, 30), "not measured yet");
  bench_close(&b);
}

static bd_status open_live(void *arg, const bd_model *model, const bd_cancel *cancel,
                           bd_live_parts *out, bd_error *err) {
  const bd_transform none = bd_transform_none();
  (void)cancel;
  BD_TRY(bd_data_open(model, "samples/fashion_x.npy", &none, 8, &out->data, err));
  if (arg) BD_TRY(bd_data_labels(out->data, arg, &out->labels, err));
  return bd_engine_compile(model, bd_data_inputs(out->data), NULL, &out->engine, err);
}

// labels NULL: none.
static bench on_data(char *labels) {
  bd_error err;
  bench b = bench_open(open_model("samples/fashion.onnx"), true);
  if (bd_session_go_live(b.desk.session, open_live, labels, &err) != BD_OK)
    fail_msg("%s", err.text);
  turn(&b, 0, "bits=3");
  return b;
}

static bd_spot spot_now(const bench *b) {
  return bd_spot_of(b->desk.session,
                    bd_session_seen(b->desk.session, bd_session_seen_now(b->desk.session)));
}

static void figures_before_a_repair_are_not_those_after(void **state) {
  (void)state;
  bench b = on_data(NULL);
  bd_spot before = spot_now(&b);
  assert_true(before.now && before.kl > 0 && before.top1 > 0);
  bd_repair_plan plan = {.how = BD_RECOVER_MATCH};
  assert_true(bd_session_set_repair(b.desk.session, &plan, "test"));
  settle(b.desk.session);
  bd_spot after = spot_now(&b);
  assert_true(after.now && isnan(after.kl) && isnan(after.top1));
  assert_true(after.bytes == before.bytes);
  turn(&b, 0, "bits=4");
  assert_true(isnan(spot_now(&b).kl));
  bd_session_undo(b.desk.session);
  bd_session_undo(b.desk.session);
  settle(b.desk.session);
  assert_true(spot_now(&b).kl == before.kl);
  bench_close(&b);
}

static const char *title_of(const bench *b) {
  static char title[256];
  bd_view_at(FRONTIER)->title(b->views[FRONTIER], &b->desk, true, 80, title, sizeof title);
  return title;
}

static void agreement_is_not_called_top1(void **state) {
  (void)state;
  char labels[] = "samples/fashion_y.npy";
  bench b = on_data(NULL);
  expect(text_of(&b, FRONTIER, 100, 30), "KL  same");
  expect_not(text_of(&b, FRONTIER, 100, 30), "top-1");
  run(&b, FRONTIER, "frontier-measure");
  run(&b, FRONTIER, "frontier-measure");
  expect(b.desk.message, "size against same class");
  expect(title_of(&b), "size against same class: ");
  bench_close(&b);
  b = on_data(labels);
  expect(text_of(&b, FRONTIER, 100, 30), "KL top-1");
  run(&b, FRONTIER, "frontier-measure");
  run(&b, FRONTIER, "frontier-measure");
  expect(title_of(&b), "size against top-1: ");
  bench_close(&b);
}

static void any_size_is_drawn(void **state) {
  (void)state;
  bench b = two_layers(true);
  turn(&b, 0, "bits=3");
  for (int columns = 1; columns < 130; columns += 3)
    for (int rows = 1; rows < 30; rows += 2) {
      draw(&b, FRONTIER, columns, rows);
      for (int cell = 0; cell < columns * rows; cell += 7)
        bd_view_at(FRONTIER)->mouse(b.views[FRONTIER], &b.desk, cell % columns, cell / columns, 0);
    }
  bench_close(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_configuration_is_a_point),
      cmocka_unit_test(references_are_equal_bits),
      cmocka_unit_test(enter_takes_the_point_in_hand),
      cmocka_unit_test(pins_have_letters),
      cmocka_unit_test(without_data_kl_says_so),
      cmocka_unit_test(any_size_is_drawn),
      cmocka_unit_test(figures_before_a_repair_are_not_those_after),
      cmocka_unit_test(agreement_is_not_called_top1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
