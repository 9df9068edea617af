#include "viewers/jobs.h"

#include "core/session/tasks.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT = 2, TIME_END = 31, SUBJECT = 33, THREAD_COLUMNS = 16 };

struct bd_view {
  int top;
};

enum { UP, DOWN };

static const bd_command commands[] = {
    {"jobs-up", "<up> k <pgup> <c-u>", NULL, "earlier rows of the jobs", UP},
    {"jobs-down", "<down> j <pgdn> <c-d>", NULL, "later rows of the jobs", DOWN},
};

static bd_view *open_jobs(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_jobs(bd_view *view) {
  free(view);
}

// "12.3 ms", "4.1 s".
static void show_seconds(char out[BD_SHOW_SIZE], double seconds) {
  if (isnan(seconds))
    out[0] = '\0';
  else if (seconds < 1)
    snprintf(out, BD_SHOW_SIZE, "%.1f ms", 1000 * seconds);
  else
    snprintf(out, BD_SHOW_SIZE, "%.1f s", seconds);
}

// What it is about: a layer, samples, or how many layers wait.
static void show_subject(const bd_desk *desk, const bd_task_line *line, bool ascii, char *out,
                         size_t size) {
  out[0] = '\0';
  if (line->layer >= 0)
    bd_show_name(out, size, bd_model_layer(bd_session_model(desk->session), line->layer)->tensor,
                 ascii);
  else if (line->of > 0)
    snprintf(out, size, "%lld of %lld samples", (long long)line->done, (long long)line->of);
  else if (line->layers > 0)
    snprintf(out, size, "%d layer%s wait%s", line->layers, line->layers == 1 ? "" : "s",
             line->layers == 1 ? "s" : "");
}

static void draw_line(const bd_desk *desk, const bd_task_line *line, bd_area area, int row) {
  static const bd_role roles[] = {BD_ROLE_GOOD, BD_ROLE_STALE, BD_ROLE_DIM};
  char text[BD_SHOW_SIZE], subject[512], brief[512];
  bd_sign sign = line->state == BD_TASK_RUNS    ? BD_SIGN_CURSOR
                 : line->state == BD_TASK_WAITS ? BD_SIGN_ELLIPSIS
                                                : BD_SIGN_CHECK;
  bool ended_early = line->ending && *line->ending;
  bd_role role = roles[line->state];
  bd_put(area, 0, row, ended_early ? '!' : bd_glyph_sign(area.canvas, sign), role);
  bd_print(area, WHAT, row, role, line->what);
  show_seconds(text, line->seconds);
  bd_print_right(area, TIME_END, row, role, text);
  show_subject(desk, line, bd_canvas_ascii(area.canvas), subject, sizeof subject);
  int room = area.columns - SUBJECT - THREAD_COLUMNS;
  bd_print(area, SUBJECT, row, role,
           bd_show_short(brief, sizeof brief, subject, room > 8 ? room : area.columns - SUBJECT));
  if (room <= 8) return;
  if (line->stop) snprintf(text, sizeof text, "%s stops it", line->stop);
  if (!line->stop) snprintf(text, sizeof text, "thread %d", line->thread);
  if (ended_early) snprintf(text, sizeof text, "%s", line->ending);
  if (line->stop || line->thread || ended_early)
    bd_print_right(area, area.columns, row, role, text);
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  bd_task_line lines[BD_TASKS_MOST];
  (void)focused;
  if (area.columns <= 0 || area.rows <= 0) return;
  int count = bd_session_tasks(desk->session, lines), row = 0;
  if (desk->exporting) {
    char name[512];
    bd_put(area, 0, row, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_GOOD);
    bd_print(area, WHAT, row, BD_ROLE_GOOD, "export");
    bd_print(area, SUBJECT, row++, BD_ROLE_GOOD,
             bd_show_name(name, sizeof name, desk->exporting, bd_canvas_ascii(area.canvas)));
  }
  if (view->top > count + row - area.rows) view->top = count + row - area.rows;
  if (view->top < 0) view->top = 0;
  if (count + row == 0) bd_print(area, 0, 0, BD_ROLE_DIM, "nothing was computed yet");
  for (int i = view->top; i < count && row < area.rows; i++)
    draw_line(desk, &lines[i], area, row++);
}

static void title(bd_view *view, const bd_desk *desk, bool ascii, int columns, char *out,
                  size_t size) {
  bd_task_line lines[BD_TASKS_MOST];
  int runs = 0, waiting = 0, count = bd_session_tasks(desk->session, lines);
  (void)view;
  (void)ascii;
  (void)columns;
  for (int i = 0; i < count; i++) {
    runs += lines[i].state == BD_TASK_RUNS;
    waiting += lines[i].layers;
  }
  runs += desk->exporting != NULL;
  snprintf(out, size, runs + waiting ? "%d run, %d wait" : "idle", runs, waiting);
}

static void command(bd_view *view, bd_desk *desk, int id) {
  (void)desk;
  view->top += id == DOWN ? 1 : view->top > 0 ? -1 : 0;
}

static void mouse(bd_view *view, bd_desk *desk, int column, int row, int wheel) {
  (void)column;
  (void)row;
  if (wheel) command(view, desk, wheel > 0 ? DOWN : UP);
}

const bd_view_class bd_jobs_view = {
    .name = "jobs",
    .commands = commands,
    .command_count = sizeof commands / sizeof *commands,
    .open = open_jobs,
    .close = close_jobs,
    .draw = draw,
    .title = title,
    .command = command,
    .mouse = mouse,
    .signs = "▸ runs, … waits, ✓ is done, ! was cancelled or failed; thread as htop numbers it. A "
             "turned dial makes way for itself: proofs and widths give way and come back, the "
             "accuracy begins anew; s stops a sweep",
};
