#include "tui/script.h"

#include "core/base/file.h"
#include "core/base/text.h"
#include "tui/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_BYTES = 1 << 20, COLUMNS_MOST = 1000, ROWS_MOST = 1000 };

// A size from the environment.
static int size_from(const char *name, int fallback, int most) {
  const char *text = getenv(name);
  int value = text ? atoi(text) : 0;
  return value < 1 || value > most ? fallback : value;
}

static bd_status draw(bd_ui *ui, bd_error *err) {
  int columns = size_from("COLUMNS", 80, COLUMNS_MOST), rows = size_from("LINES", 24, ROWS_MOST);
  return bd_ui_draw(ui, columns, rows) ? BD_OK : bd_fail_memory(err, "the screen");
}

static void press(bd_ui *ui, const char *key) {
  if (!ui->done) bd_ui_key(ui, key);
}

// Types a word letter by letter.
static bd_status type(bd_ui *ui, const char *word, bd_error *err) {
  for (size_t left = strlen(word); left > 0;) {
    char key[5];
    uint32_t code;
    int length = bd_utf8_decode(word, left, &code);
    if (length == 0) return bd_fail(err, BD_INVALID, "'%s' is not UTF-8", word);
    bd_utf8_encode(code, key);
    press(ui, key);
    word += length;
    left -= (size_t)length;
  }
  return BD_OK;
}

static bd_status run_word(bd_ui *ui, const char *word, bd_error *err) {
  size_t length = strlen(word);
  if (bd_key_valid(word)) return press(ui, word), BD_OK;
  if (length > 2 && word[0] == '<' && word[length - 1] == '>') {
    return bd_fail(err, BD_INVALID, "no key is called %s", word);
  }
  return type(ui, word, err);
}

// A failure that a command or key put on the screen ends the script: it is not what was meant.
static bd_status check(const bd_ui *ui, bd_error *err) {
  return ui->desk.failed ? bd_fail(err, BD_INVALID, "%s", ui->desk.message) : BD_OK;
}

static bd_status run_line(bd_ui *ui, char *line, bd_error *err) {
  char *rest;
  line += strspn(line, " \t");
  BD_TRY(draw(ui, err)); // so that keys find the panels as a user would see them
  if (line[0] == '#' || line[0] == '\0') return BD_OK;
  if (line[0] == ':' && line[1] && line[1] != ' ') {
    bd_ui_try(ui, line + 1);
    return check(ui, err);
  }
  for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
    BD_TRY(run_word(ui, word, err));
    BD_TRY(check(ui, err));
    BD_TRY(draw(ui, err));
  }
  return BD_OK;
}

static bd_status at_line(const char *path, int number, bd_status status, bd_error *err) {
  bd_error why = *err;
  return bd_fail(err, status, "%s:%d: %s", path, number, why.text);
}

bd_status bd_script_run(bd_ui *ui, const char *path, bd_error *err) {
  char *text;
  size_t size;
  bd_error why = {{0}};
  BD_TRY(bd_file_read(path, SCRIPT_BYTES, &text, &size, err));
  bd_status status = BD_OK;
  char *next = text;
  for (int number = 1; next && !ui->done && status == BD_OK; number++) {
    char *line = strsep(&next, "\n");
    line[strcspn(line, "\r")] = '\0';
    status = run_line(ui, line, &why);
    if (status == BD_OK) continue;
    *err = why;
    at_line(path, number, status, err);
  }
  free(text);
  return status;
}

bd_status bd_script_wait(bd_ui *ui, bd_error *err) {
  bd_session *session = ui->desk.session;
  BD_TRY(draw(ui, err)); // what is seen decides what is worked on
  bd_ui_poll(ui);
  while (bd_session_pending(session) > 0 || bd_handover_busy(ui)) {
    struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
    if (poll(&wake, 1, -1) < 0 && errno != EINTR) {
      return bd_fail(err, BD_FAILED, "waiting failed: %s", strerror(errno));
    }
    bd_ui_poll(ui);
  }
  return bd_session_trouble(session, err);
}

bd_status bd_script_save_screen(bd_ui *ui, const char *path, bd_error *err) {
  const bd_canvas *canvas = ui->canvas;
  int columns = bd_canvas_columns(canvas), rows = bd_canvas_rows(canvas);
  if (!bd_ui_draw(ui, columns, rows)) return bd_fail_memory(err, "the screen");
  char *text = bd_canvas_text(canvas), *roles = bd_canvas_roles(canvas), *both = NULL;
  int size =
      text && roles ? asprintf(&both, "screen %dx%d\n%sroles\n%s", columns, rows, text, roles) : -1;
  bd_status status =
      size < 0 ? bd_fail_memory(err, "the screen") : bd_file_write(path, both, (size_t)size, err);
  if (size >= 0) free(both);
  free(text);
  free(roles);
  return status;
}
