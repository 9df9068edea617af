// Panels that the screen has no place for: they are named, a click takes them, and the session
// works for what is on the screen alone.
#include "core/base/rng.h"
#include "core/session/insight.h"
#include "tests/unit/view_model.h"
#include "tui/tabs.h"
#include "tui/ui.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
  TABLE,
  HISTOGRAM,
  ERROR,
  CONVERGENCE,
  CODEBOOK,
  CHANNELS,
  SENSITIVITY,
  GRAPH,
  FRONTIER,
  COMPARE,
  JOBS,
  PANELS,
  SIZE = 512
};

static float normal[SIZE];
static const tiny_layer layers[] = {{"normal", "MatMul", {16, 32}, 2, normal}};

static bd_ui *open_ui(void) {
  bd_error err;
  bd_ui *ui;
  bd_ui_options options = {.session = open_tiny(layers, 1), .mono = true, .scripted = true};
  assert_non_null(options.session);
  if (bd_ui_new(&options, &ui, &err) != BD_OK) fail_msg("%s", err.text);
  return ui;
}

static void close_ui(bd_ui *ui) {
  bd_session *session = ui->desk.session;
  bd_ui_free(ui);
  bd_session_free(session);
}

static bool is_shown(const bd_ui *ui, int panel) {
  return ui->layout.panels[panel].inside.rows > 0;
}

// Every panel that is not shown stands in one title with its number, with its whole name or none;
// the panel that Tab comes to next has its name where there is any room.
static void check_names(bd_ui *ui, int columns, int rows) {
  assert_true(bd_ui_draw(ui, columns, rows));
  char *text = bd_canvas_text(ui->canvas), tab[64];
  int own = 0, named = 0;
  for (int i = 1; i < ui->panels; i++)
    if (is_shown(ui, i)) own = i;
  const char *start = text;
  for (int i = 0; i < ui->layout.panels[own].title.row; i++)
    start = strchr(start, '\n') + 1;
  char line[1024];
  snprintf(line, sizeof line, "%.*s ", (int)strcspn(start, "\n"), start);
  for (int i = 1; i < ui->panels; i++) {
    snprintf(tab, sizeof tab, " %d %s ", i + 1, ui->classes[i]->name);
    bool whole = strstr(line, tab) != NULL;
    named += whole;
    snprintf(tab, sizeof tab, " %d ", i + 1);
    if (is_shown(ui, i) ? whole : !strstr(line, tab)) fail_msg("'%s' in\n%s", tab, text);
  }
  assert_true(named >= (columns >= 200 ? 3 : columns == 80 ? 1 : 0));
  free(text);
}

static void test_what_is_not_shown_is_named(void **unused) {
  (void)unused;
  bd_ui *ui = open_ui();
  for (int panel = 0; panel < ui->panels; panel++) {
    bd_ui_focus(ui, panel);
    check_names(ui, 80, 24);
    check_names(ui, 80, 40);
    check_names(ui, 120, 30);
    check_names(ui, 120, 40);
    check_names(ui, 200, 60);
  }
  close_ui(ui);
}

// Every cell of the screen is clicked; a panel that is not shown comes from its own name alone.
static void test_a_click_on_a_name_takes_the_panel(void **unused) {
  (void)unused;
  static const int sizes[][2] = {{60, 16}, {80, 24}, {100, 30}, {120, 40}};
  bd_ui *ui = open_ui();
  for (int i = 0; i < 4; i++) {
    int taken[PANELS] = {0};
    for (int cell = 0; cell < sizes[i][0] * sizes[i][1]; cell++) {
      bd_ui_focus(ui, ERROR);
      bd_ui_draw(ui, sizes[i][0], sizes[i][1]);
      int panel = bd_tabs_at(ui, cell % sizes[i][0], cell / sizes[i][0]);
      bd_glyph under = bd_canvas_at(ui->canvas, cell % sizes[i][0], cell / sizes[i][0]);
      if (panel < 0) continue;
      assert_false(is_shown(ui, panel));
      assert_true(under.role == BD_ROLE_KEY || under.role == BD_ROLE_DIM);
      taken[panel]++;
      bd_ui_mouse(ui, cell % sizes[i][0], cell / sizes[i][0], 0);
      assert_int_equal(ui->focus, panel);
      bd_ui_draw(ui, sizes[i][0], sizes[i][1]);
      assert_true(is_shown(ui, panel));
    }
    bd_ui_focus(ui, ERROR);
    bd_ui_draw(ui, sizes[i][0], sizes[i][1]);
    for (int panel = 1; panel < PANELS; panel++)
      assert_true(is_shown(ui, panel) == (taken[panel] == 0));
  }
  close_ui(ui);
}

static void look_at(bd_ui *ui, int panel, int columns, int rows) {
  bd_ui_focus(ui, panel);
  bd_ui_draw(ui, columns, rows);
  settle(ui->desk.session);
}

static void test_the_session_works_for_what_is_seen(void **unused) {
  (void)unused;
  bd_ui *ui = open_ui();
  const bd_insight *insight = bd_session_insight(ui->desk.session);
  look_at(ui, CODEBOOK, 120, 40);
  assert_true(isnan(insight->methods[0][4]) && isnan(insight->optimum));
  look_at(ui, ERROR, 100, 30); // too narrow for every method
  assert_true(isnan(insight->methods[0][4]) && isnan(insight->optimum));
  look_at(ui, ERROR, 120, 40);
  assert_true(!isnan(insight->methods[0][4]) && isnan(insight->optimum));
  look_at(ui, CONVERGENCE, 120, 40);
  assert_true(!isnan(insight->optimum) && !isnan(insight->spread[0][19]));
  close_ui(ui);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_not_shown_is_named),
      cmocka_unit_test(test_a_click_on_a_name_takes_the_panel),
      cmocka_unit_test(test_the_session_works_for_what_is_seen),
  };
  bd_rng rng = bd_rng_seed(5, 0);
  for (int i = 0; i < SIZE; i++)
    normal[i] = (float)bd_rng_normal(&rng);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
