// The outline of the histogram: one line without loose ends, told apart from the bars by its
// glyphs.
#include "core/base/rng.h"
#include "tests/unit/view_bench.h"

enum { COLUMNS = 120, ROWS = 30, LAYERS = 3, SIZE = 4096 };

static float normal[SIZE], heavy[SIZE], small[64];

static const tiny_layer tiny[LAYERS] = {
    {"normal", "MatMul", {64, 64}, 2, normal},
    {"heavy", "MatMul", {64, 64}, 2, heavy},
    {"small", "MatMul", {8, 8}, 2, small},
};

static void fill_weights(void) {
  bd_rng rng = bd_rng_seed(3, 0);
  for (int i = 0; i < SIZE; i++) {
    double value = bd_rng_normal(&rng);
    normal[i] = (float)value;
    heavy[i] = (float)(value * value * value);
  }
  for (int i = 0; i < 64; i++)
    small[i] = (float)bd_rng_normal(&rng);
}

// --- what a line's glyph joins ------------------------------------------------------------------

static const struct {
  uint32_t glyph;
  const char *sides;
} lines[] = {
    {0x2501, "LR"},  {0x2503, "UD"},  {0x250f, "DR"},   {0x2513, "DL"},
    {0x2517, "UR"},  {0x251b, "UL"},  {0x2523, "UDR"},  {0x252b, "UDL"},
    {0x2533, "DLR"}, {0x253b, "ULR"}, {0x254b, "UDLR"}, {0x257b, "D"},
};

// NULL: not a line.
static const char *sides_of(uint32_t glyph) {
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (lines[i].glyph == glyph) return lines[i].sides;
  return NULL;
}

static bool is_bar(bd_glyph cell) {
  return cell.role == BD_ROLE_AFTER || cell.role == BD_ROLE_PRUNED;
}

static const struct {
  char side, back;
  int column, row;
} ways[] = {{'U', 'D', 0, -1}, {'D', 'U', 0, 1}, {'L', 'R', -1, 0}, {'R', 'L', 1, 0}};

// Each end of a line meets a line, a bar that stands in front of it, or the edge of the plot.
static void check_joins(const bd_canvas *canvas, int columns, int column, int row) {
  const char *sides = sides_of(bd_canvas_at(canvas, column, row).glyph);
  assert_non_null(sides);
  for (int i = 0; i < 4; i++) {
    int x = column + ways[i].column, y = row + ways[i].row;
    bd_glyph beside = bd_canvas_at(canvas, x, y);
    bool back = beside.role == BD_ROLE_BEFORE && sides_of(beside.glyph) &&
                strchr(sides_of(beside.glyph), ways[i].back);
    bool end = x < 0 || x >= columns || y < 0 || is_bar(beside) || beside.role == BD_ROLE_RULE ||
               beside.role == BD_ROLE_WARN;
    if (strchr(sides, ways[i].side)) {
      if (!back && !end) fail_msg("a loose end %c at %d,%d", ways[i].side, column, row);
    } else if (back && beside.role == BD_ROLE_BEFORE) {
      fail_msg("a line runs into %d,%d", column, row);
    }
  }
}

// Returns how many cells the outline takes in the plot, whose axis is the fourth row from below.
static int check_outline(const bench *b, int columns, int rows) {
  int cells = 0;
  for (int row = 0; row < rows - 3; row++)
    for (int column = 0; column < columns; column++) {
      if (bd_canvas_at(b->canvas, column, row).role != BD_ROLE_BEFORE) continue;
      check_joins(b->canvas, columns, column, row);
      cells++;
    }
  return cells;
}

// The plot alone: the legend, which shows a piece of the outline too, stands right of it.
enum { PLOT = COLUMNS - 27 };

static int drawn(bench *b, int layer, const char *fields) {
  set(b, layer, fields);
  settle(b->desk.session);
  b->desk.layer = layer;
  draw(b, HISTOGRAM, COLUMNS, ROWS);
  return check_outline(b, PLOT, ROWS);
}

static void test_the_outline_has_no_loose_ends(void **unused) {
  (void)unused;
  static const char *const settings[] = {"bits=1", "bits=3,prune=0.6", "bits=4", "bits=8"};
  bench b = bench_open(open_tiny(tiny, LAYERS), false);
  for (int log = 0; log < 2; log++) {
    for (int zoom = 0; zoom < 3; zoom++) {
      for (int i = 0; i < 4 * LAYERS; i++)
        assert_true(drawn(&b, i / 4, settings[i % 4]) > 0 || i % 4 == 3);
      run(&b, HISTOGRAM, "zoom-in");
    }
    run(&b, HISTOGRAM, "zoom-reset");
    run(&b, HISTOGRAM, "log-scale");
  }
  bench_close(&b);
}

// Where all weights keep their values the bars stand in front of it everywhere.
static void test_what_stays_the_same_has_no_outline(void **unused) {
  (void)unused;
  bench b = bench_open(open_tiny(tiny, LAYERS), false);
  for (int i = 0; i < LAYERS; i++) {
    assert_int_equal(drawn(&b, i, "bits=32,prune=0"), 0);
    expect(text_of(&b, ERROR, 80, 14), "weights kept as float");
    expect_not(text_of(&b, HISTOGRAM, COLUMNS, ROWS), "levels");
  }
  bench_close(&b);
}

static void test_glyphs_tell_before_from_after(void **unused) {
  (void)unused;
  for (int ascii = 0; ascii < 2; ascii++) {
    bench b = bench_open(open_tiny(tiny, LAYERS), ascii);
    bd_role seen[0x2600] = {0};
    set(&b, 1, "bits=2,prune=0.4");
    settle(b.desk.session);
    b.desk.layer = 1;
    draw(&b, HISTOGRAM, COLUMNS, ROWS);
    for (int i = 0; i < PLOT * (ROWS - 3); i++) {
      bd_glyph cell = bd_canvas_at(b.canvas, i % PLOT, i / PLOT);
      if (cell.glyph == ' ') continue;
      bd_role *role = &seen[cell.glyph % 0x2600];
      assert_true(*role == 0 || *role == cell.role);
      *role = cell.role;
    }
    bench_close(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_the_outline_has_no_loose_ends),
      cmocka_unit_test(test_what_stays_the_same_has_no_outline),
      cmocka_unit_test(test_glyphs_tell_before_from_after),
  };
  fill_weights();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
