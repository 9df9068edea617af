#include "tui/app.h"

#include "core/base/clock.h"
#include "core/base/text.h"
#include "tui/clipboard.h"
#include "tui/leave.h"
#include "tui/rescue.h"
#include "tui/screen.h"
#include "tui/script.h"
#include "tui/signals.h"
#include "tui/ui.h"

#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_MS = 16, EVENTS_A_FRAME = 256 };

struct app {
  bd_ui *ui;
  bd_screen *screen;
  bool changed;  // there is something new to draw
  bool urgent;   // a key is to be seen at once
  bool anew;     // the terminal shows something else
  int ended_by;  // the signal that ends the program; 0 none
  int64_t drawn; // when, in ms
};

static bd_status draw(struct app *app, bd_error *err) {
  int columns = bd_screen_columns(app->screen), rows = bd_screen_rows(app->screen);
  if (!bd_ui_draw(app->ui, columns, rows)) return bd_fail_memory(err, "the screen");
  bd_screen_show(app->screen, app->ui->canvas, &app->ui->theme, app->anew || app->ui->redraw);
  app->changed = app->urgent = app->anew = app->ui->redraw = false;
  app->drawn = bd_now_ms();
  return BD_OK;
}

static void send_clipboard(struct app *app) {
  char *text = app->ui->clipboard;
  app->ui->clipboard = NULL;
  char *sequence = bd_clipboard_tmux(text) ? NULL : bd_clipboard_sequence(text);
  if (sequence) bd_screen_send(app->screen, sequence);
  free(sequence);
  free(text);
}

static void take_event(struct app *app, const bd_event *event) {
  if (event->kind == BD_EVENT_KEY) bd_ui_key(app->ui, event->key);
  if (event->kind == BD_EVENT_PASTE) bd_ui_paste(app->ui, event->text);
  if (event->kind == BD_EVENT_MOUSE) {
    bd_ui_mouse(app->ui, event->column, event->row, event->wheel);
  }
  if (app->ui->clipboard) send_clipboard(app);
  app->changed = app->urgent = true;
}

// Another group of processes has the terminal, and still this one was not stopped: the shell that
// it belonged to is gone, and reading will always fail.
static bool is_orphaned(int fd) {
  pid_t front = tcgetpgrp(fd);
  return front >= 0 && front != getpgrp();
}

static void take_input(struct app *app, const struct pollfd *input) {
  bd_event event;
  int taken = 0;
  while (taken < EVENTS_A_FRAME && !app->ui->done && bd_screen_read(app->screen, &event)) {
    take_event(app, &event);
    taken++;
  }
  bool gone = input->revents & (POLLHUP | POLLERR | POLLNVAL);
  if (gone || (taken == 0 && is_orphaned(input->fd))) app->ended_by = SIGHUP;
}

// Where nobody could continue it (a terminal with no shell) it does not stop: it goes on at once.
static void stop(struct app *app) {
  bd_screen_suspend(app->screen);
  bd_signals_stop();
  bd_screen_resume(app->screen);
  app->anew = true;
}

// ^C is the key q; where that asks a question, a second ^C leaves.
static void interrupt(struct app *app) {
  if (bd_leave_asks(app->ui) || !bd_session_dirty(app->ui->desk.session)) {
    app->ended_by = SIGINT;
    return;
  }
  bd_ui_close(app->ui); // a prompt or form is in the way
  bd_ui_try(app->ui, "quit");
  app->changed = app->urgent = true;
}

static void take_signal(struct app *app, int number) {
  switch (number) {
  case SIGWINCH:
    bd_screen_resize(app->screen);
    app->anew = true; // also at a size that only came back: what the terminal cut is gone
    break;
  case SIGCONT:
    bd_screen_resume(app->screen);
    app->anew = true;
    break;
  case SIGTSTP:
    stop(app);
    break;
  case SIGINT:
    interrupt(app);
    return;
  default:
    app->ended_by = number;
    return;
  }
  app->changed = app->urgent = true;
}

// How long until the next frame: results that came while one was fresh wait for it.
static int frame_ms(const struct app *app) {
  if (!app->changed) return -1;
  int64_t left = app->drawn + FRAME_MS - bd_now_ms();
  return app->urgent || left < 0 ? 0 : (int)left;
}

// How long poll may sleep.
static int sleep_ms(const struct app *app) {
  int frame = frame_ms(app), rescue = bd_rescue_tick(app->ui->rescue);
  return frame < 0 || (rescue >= 0 && rescue < frame) ? rescue : frame;
}

// What an earlier run left: unsaved edits, or a config that was not named.
static void offer_earlier(bd_ui *ui) {
  char path[512];
  const bd_session *session = ui->desk.session;
  if (bd_rescue_waits(ui->rescue))
    bd_desk_say(&ui->desk, "an earlier run left unsaved edits: :rescue takes them back");
  else if (bd_session_would_replace(session, NULL))
    bd_desk_say(&ui->desk, "%s is there: :load takes it in",
                bd_text_escape(path, sizeof path, bd_session_config_path(session)));
}

static bd_status run(struct app *app, bd_error *err) {
  struct pollfd files[] = {{STDIN_FILENO, POLLIN, 0},
                           {bd_signals_fd(), POLLIN, 0},
                           {bd_session_wake_fd(app->ui->desk.session), POLLIN, 0}};
  offer_earlier(app->ui);
  BD_TRY(draw(app, err));
  while (!app->ui->done && !app->ended_by) {
    if (poll(files, 3, sleep_ms(app)) > 0) {
      for (int number = bd_signals_next(); number; number = bd_signals_next()) {
        take_signal(app, number);
      }
      if (files[0].revents && !app->ended_by) take_input(app, &files[0]);
      if (bd_ui_poll(app->ui)) app->changed = true;
    }
    if (app->changed && frame_ms(app) == 0) BD_TRY(draw(app, err));
  }
  return app->ended_by == SIGINT ? BD_CANCELLED : BD_OK;
}

static bd_status run_on_screen(struct app *app, const bd_explore_options *options, bd_error *err) {
  BD_TRY(bd_screen_open(!options->no_mouse, &app->screen, err));
  if (bd_screen_colours(app->screen) < 8) app->ui->mono = true;
  bd_status status = app->ui->mono ? bd_theme_load("mono", &app->ui->theme, err) : BD_OK;
  if (!options->read_only) app->ui->rescue = bd_rescue_open(app->ui->desk.session);
  if (status == BD_OK) status = run(app, err);
  bd_screen_close(app->screen);
  // Edits that nobody was asked about are kept for the next run.
  bd_rescue_close(app->ui->rescue, app->ended_by != 0);
  app->ui->rescue = NULL;
  bd_ui_remember(app->ui);
  return status;
}

static bd_status run_in_terminal(struct app *app, const bd_explore_options *options,
                                 bd_error *err) {
  // Before the screen: curses takes only those signals that nobody else has.
  BD_TRY(bd_signals_open(err));
  bd_status status = run_on_screen(app, options, err);
  bd_signals_close();
  return status;
}

static void die_by(int number) {
  signal(number, SIG_DFL);
  raise(number);
}

static bool wants_no_colour(const bd_explore_options *options) {
  const char *asked = getenv("NO_COLOR");
  return options->no_color || (asked && *asked);
}

bd_status bd_explore(const bd_explore_options *options, bd_error *err) {
  struct app app = {0};
  bd_ui_options ui = {
      .session = options->session,
      .theme = options->theme,
      .ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
      .mono = wants_no_colour(options),
      .read_only = options->read_only,
      .compare = options->compare,
      .scripted = options->script != NULL,
  };
  bd_status status = bd_ui_new(&ui, &app.ui, err);
  if (status == BD_OK) {
    status = options->script ? bd_script_run(app.ui, options->script, err)
                             : run_in_terminal(&app, options, err);
  }
  bd_ui_free(app.ui);
  bd_session_free(options->session);
  if (app.ended_by == SIGTERM || app.ended_by == SIGHUP) die_by(app.ended_by);
  return status;
}
