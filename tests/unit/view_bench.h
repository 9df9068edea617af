// A desk with all panels opened on a session: for the tests of the views.
#ifndef BD_TESTS_UNIT_VIEW_BENCH_H
#define BD_TESTS_UNIT_VIEW_BENCH_H

#include "tests/unit/view_model.h"
#include "viewers/view.h"

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
  PANELS
};

typedef struct bench {
  bd_desk desk;
  bd_view *views[PANELS];
  bd_canvas *canvas;
} bench;

static bench bench_open(bd_session *session, bool ascii) {
  bench b = {.desk = {.session = session}};
  assert_non_null(session);
  int count = bd_session_count(session);
  b.desk.layer = count > 0 ? 0 : -1;
  b.desk.marks = calloc((size_t)count + 1, sizeof *b.desk.marks);
  assert_int_equal(bd_view_count(), PANELS);
  for (int i = 0; i < PANELS; i++)
    b.views[i] = bd_view_at(i)->open();
  b.canvas = bd_canvas_new(1, 1, ascii);
  return b;
}

static void bench_close(bench *b) {
  for (int i = 0; i < PANELS; i++)
    bd_view_at(i)->close(b->views[i]);
  bd_canvas_free(b->canvas);
  free(b->desk.marks);
  bd_session_free(b->desk.session);
}

static inline void set(bench *b, int layer, const char *fields) {
  bd_error err;
  bd_dial dial = bd_session_layer(b->desk.session, layer)->dial;
  if (bd_setting_parse(&dial.setting, fields, &err) != BD_OK) fail_msg("%s", err.text);
  bd_session_edit(b->desk.session, &layer, &dial, 1, "test");
}

static void draw(bench *b, int panel, int columns, int rows) {
  assert_true(bd_canvas_reset(b->canvas, columns, rows));
  bd_view_at(panel)->draw(b->views[panel], &b->desk, bd_area_whole(b->canvas), true);
}

// The text of a panel; valid until the next call.
static const char *text_of(bench *b, int panel, int columns, int rows) {
  static char *text;
  free(text);
  draw(b, panel, columns, rows);
  return text = bd_canvas_text(b->canvas);
}

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("'%s' is not in\n%s", part, text);
}

static inline void expect_not(const char *text, const char *part) {
  if (strstr(text, part)) fail_msg("'%s' is in\n%s", part, text);
}

static int command_id(int panel, const char *name) {
  const bd_view_class *view = bd_view_at(panel);
  for (int i = 0; i < view->command_count; i++)
    if (strcmp(view->commands[i].name, name) == 0) return view->commands[i].id;
  fail_msg("no command %s", name);
  return -1;
}

static inline void run(bench *b, int panel, const char *name) {
  bd_view_at(panel)->command(b->views[panel], &b->desk, command_id(panel, name));
}

#endif
