#include "tui/leave.h"

#include <stddef.h>
#include <string.h>

// One line: the keys and what they do.
static void question_draw(void *state, bd_ui *ui, bd_area screen) {
  static const char *const answers[][2] = {
      {"w", "save and leave"}, {"q", "leave without"}, {"Esc", "stay"}};
  (void)state;
  bd_area row = bd_area_part(screen, 0, screen.rows - 1, screen.columns, 1);
  bd_clear(row, BD_ROLE_PROMPT);
  int column = bd_print(row, 0, 0, BD_ROLE_WARN, "unsaved edits:") + 2;
  for (size_t i = ui->desk.read_only ? 1 : 0; i < sizeof answers / sizeof answers[0]; i++) {
    column = bd_print(row, column, 0, BD_ROLE_KEY, answers[i][0]);
    column = bd_print(row, column + 1, 0, BD_ROLE_PROMPT, answers[i][1]) + 2;
  }
}

static void question_key(void *state, bd_ui *ui, const char *key) {
  (void)state;
  if (bd_key_among(key, "q y")) {
    ui->done = true;
  } else if (strcmp(key, "w") == 0) {
    bd_ui_close(ui);
    bd_ui_try(ui, "write");
    ui->done = !bd_session_dirty(ui->desk.session);
  } else if (bd_key_among(key, "<esc> <bs> n")) {
    bd_ui_close(ui);
  }
}

static const bd_overlay_class question_class = {question_draw, question_key, NULL, NULL};

void bd_leave(bd_ui *ui) {
  if (bd_session_dirty(ui->desk.session)) {
    bd_ui_open(ui, &question_class, ui);
  } else {
    ui->done = true;
  }
}

bool bd_leave_asks(const bd_ui *ui) {
  return ui->overlay == &question_class;
}
