#include "tui/ui.h"

#include "tui/actions.h"
#include "tui/footer.h"
#include "tui/handover.h"
#include "tui/remember.h"
#include "tui/tabs.h"
#include "viewers/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- life ----------------------------------------------------------------------------------------

static bd_status open_views(bd_ui *ui, bd_error *err) {
  for (int i = 0; i < bd_view_count() && i < BD_PANELS_MAX; i++) {
    ui->classes[i] = bd_view_at(i);
    ui->views[i] = ui->classes[i]->open();
    if (!ui->views[i]) return bd_fail_memory(err, "a panel");
    ui->panels++;
  }
  ui->detail = 1;
  return BD_OK;
}

static bd_status open_theme(bd_ui *ui, const char *wanted, bd_error *err) {
  char remembered[64] = "";
  if (ui->mono) return bd_theme_load("mono", &ui->theme, err);
  if (wanted) return bd_theme_load(wanted, &ui->theme, err);
  if (!ui->scripted) bd_remember_theme(remembered, sizeof remembered);
  // A remembered theme that is gone is no reason not to start.
  if (remembered[0] && bd_theme_load(remembered, &ui->theme, NULL) == BD_OK) return BD_OK;
  return bd_theme_load("dark", &ui->theme, err);
}

static bd_status open_parts(bd_ui *ui, const bd_ui_options *options, bd_error *err) {
  int layers = bd_session_count(options->session);
  ui->desk.session = options->session;
  ui->desk.layer = layers > 0 ? 0 : -1;
  ui->desk.read_only = options->read_only;
  ui->ascii = options->ascii;
  ui->mono = options->mono;
  ui->scripted = options->scripted;
  ui->desk.marks = calloc((size_t)layers + 1, sizeof *ui->desk.marks);
  ui->canvas = bd_canvas_new(BD_COLUMNS_LEAST, BD_ROWS_LEAST, ui->ascii);
  if (!ui->desk.marks || !ui->canvas) return bd_fail_memory(err, "the screen");
  BD_TRY(open_views(ui, err));
  BD_TRY(open_theme(ui, options->theme, err));
  if (!ui->scripted) bd_remember_history(&ui->history);
  ui->desk.compare = options->compare;
  if (options->compare) bd_ui_focus_named(ui, "compare");
  return BD_OK;
}

bd_status bd_ui_new(const bd_ui_options *options, bd_ui **out, bd_error *err) {
  *out = NULL;
  bd_ui *ui = calloc(1, sizeof *ui);
  if (!ui) return bd_fail_memory(err, "the explorer");
  bd_status status = open_parts(ui, options, err);
  if (status == BD_OK) {
    *out = ui;
  } else {
    bd_ui_free(ui);
  }
  return status;
}

void bd_ui_close(bd_ui *ui) {
  if (ui->overlay && ui->overlay->free) ui->overlay->free(ui->overlay_state);
  ui->overlay = NULL;
  ui->overlay_state = NULL;
}

void bd_ui_free(bd_ui *ui) {
  if (!ui) return;
  bd_ui_close(ui);
  bd_handover_free(ui->handover);
  for (int i = 0; i < ui->panels; i++)
    ui->classes[i]->close(ui->views[i]);
  bd_canvas_free(ui->canvas);
  bd_history_clear(&ui->history);
  free(ui->desk.marks);
  free(ui->clipboard);
  free(ui);
}

void bd_ui_remember(const bd_ui *ui) {
  if (ui->scripted || ui->desk.read_only) return;
  bd_remember_save(ui->theme_chosen ? ui->theme.name : NULL, &ui->history);
}

// --- what it is asked to do ----------------------------------------------------------------------

void bd_ui_open(bd_ui *ui, const bd_overlay_class *overlay, void *state) {
  if (!state) {
    bd_desk_fail(&ui->desk, "out of memory");
    return;
  }
  bd_ui_close(ui);
  ui->overlay = overlay;
  ui->overlay_state = state;
}

void bd_ui_focus(bd_ui *ui, int panel) {
  if (panel < 0 || panel >= ui->panels) return;
  ui->focus = panel;
  if (panel > 0) ui->detail = panel;
  if (panel > 1) ui->below = panel;
}

void bd_ui_focus_named(bd_ui *ui, const char *panel) {
  for (int i = 0; i < ui->panels; i++)
    if (strcmp(ui->classes[i]->name, panel) == 0) bd_ui_focus(ui, i);
}

bd_status bd_ui_load_theme(bd_ui *ui, const char *name, bd_error *err) {
  if (ui->mono) {
    return bd_fail(err, BD_INVALID, "colours are off: --no-color or NO_COLOR asked for it");
  }
  BD_TRY(bd_theme_load(name, &ui->theme, err));
  ui->theme_chosen = true;
  return BD_OK;
}

static void clear_message(bd_ui *ui) {
  ui->desk.message[0] = '\0';
  ui->desk.failed = false;
}

static bd_status run_binding(bd_ui *ui, bd_binding row, const char *argument, bd_error *err) {
  // What only looks on leaves the message of what came before.
  bool looks_on =
      row.panel < 0 && (row.command->id == BD_DO_SAVE_SCREEN || row.command->id == BD_DO_WAIT);
  if (!looks_on) clear_message(ui);
  if (row.panel < 0) return bd_action_run(ui, row.command->id, argument, err);
  if (argument && *argument) {
    return bd_fail(err, BD_INVALID, "%s takes nothing after its name", row.command->name);
  }
  ui->classes[row.panel]->command(ui->views[row.panel], &ui->desk, row.command->id);
  if (ui->desk.to_table) bd_ui_focus(ui, 0);
  ui->desk.to_table = false;
  return BD_OK;
}

// "grid affine": a field of the setting and its value.
static bd_status run_field(bd_ui *ui, int field, const char *value, bd_error *err) {
  char line[BD_LINE_MAX];
  snprintf(line, sizeof line, "%s %s", bd_setting_field(field)->name, value);
  return bd_action_run(ui, BD_DO_SET, line, err);
}

bd_status bd_ui_run(bd_ui *ui, const char *line, bd_error *err) {
  char name[64], near[160];
  line += strspn(line, " :");
  size_t length = strcspn(line, " ");
  if (length == 0) return BD_OK;
  snprintf(name, sizeof name, "%.*s", (int)length, line);
  const char *argument = line + length + strspn(line + length, " ");
  bd_binding row = bd_key_command(name);
  if (row.command) return run_binding(ui, row, line[length] ? argument : NULL, err);
  int field = bd_field_find(name);
  if (field >= 0) return run_field(ui, field, argument, err);
  bd_key_nearest(name, near, sizeof near);
  return bd_fail(err, BD_INVALID, "no command is called '%s'%s%s%s", name,
                 near[0] ? ": perhaps " : "", near, near[0] ? "" : ": see :help");
}

static void show_failure(bd_ui *ui, bd_status status, const bd_error *err) {
  if (status != BD_OK) bd_desk_fail(&ui->desk, "%s", err->text);
}

void bd_ui_try(bd_ui *ui, const char *line) {
  bd_error err;
  show_failure(ui, bd_ui_run(ui, line, &err), &err);
}

// --- keys, mouse, paste --------------------------------------------------------------------------

// A screen that is too small takes `q` alone: with unsaved edits the second one.
static void key_too_small(bd_ui *ui, const char *key) {
  if (strcmp(key, "q") != 0) return;
  ui->done = ui->asked || !bd_session_dirty(ui->desk.session);
  ui->asked = true;
}

void bd_ui_key(bd_ui *ui, const char *key) {
  bd_error err;
  if (!ui->layout.fits) {
    key_too_small(ui, key);
    return;
  }
  clear_message(ui);
  if (ui->overlay) {
    ui->overlay->key(ui->overlay_state, ui, key);
    return;
  }
  bd_binding row = bd_key_lookup(key, ui->focus);
  if (!row.command) return;
  bool panel = row.panel < 0 && row.command->id == BD_DO_PANEL;
  show_failure(ui, run_binding(ui, row, panel ? key : NULL, &err), &err);
}

void bd_ui_paste(bd_ui *ui, const char *text) {
  if (ui->overlay && ui->overlay->paste) ui->overlay->paste(ui->overlay_state, text);
}

static bool holds(bd_rect rect, int column, int row) {
  return column >= rect.column && column < rect.column + rect.columns && row >= rect.row &&
         row < rect.row + rect.rows;
}

// The wheel scrolls what lies over the panels.
static void mouse_to_overlay(bd_ui *ui, int wheel) {
  if (wheel != 0) ui->overlay->key(ui->overlay_state, ui, wheel < 0 ? "<up>" : "<down>");
}

void bd_ui_mouse(bd_ui *ui, int column, int row, int wheel) {
  if (!ui->layout.fits) return;
  if (ui->overlay) {
    mouse_to_overlay(ui, wheel);
    return;
  }
  int tab = wheel == 0 ? bd_tabs_at(ui, column, row) : -1;
  if (tab >= 0) {
    clear_message(ui);
    bd_ui_focus(ui, tab);
    return;
  }
  for (int i = 0; i < ui->panels; i++) {
    bd_rect inside = ui->layout.panels[i].inside;
    bool on_title = wheel == 0 && holds(ui->layout.panels[i].title, column, row);
    if (!on_title && !holds(inside, column, row)) continue;
    clear_message(ui);
    if (wheel == 0) bd_ui_focus(ui, i);
    if (on_title || !ui->classes[i]->mouse) return;
    ui->classes[i]->mouse(ui->views[i], &ui->desk, column - inside.column, row - inside.row, wheel);
    return;
  }
}

bool bd_ui_poll(bd_ui *ui) {
  bool changed = bd_session_poll(ui->desk.session);
  changed |= bd_handover_poll(ui);
  // A notice waits until the line is free, so that it hides no answer to a key.
  const char *notice = ui->desk.message[0] ? NULL : bd_session_notice(ui->desk.session);
  if (notice) bd_desk_say(&ui->desk, "%s", notice);
  return changed || notice;
}

// --- drawing -------------------------------------------------------------------------------------

static bd_area part(bd_area screen, bd_rect rect) {
  return bd_area_part(screen, rect.column, rect.row, rect.columns, rect.rows);
}

// "─ name: what the panel says of itself ──"
static void draw_title(const bd_ui *ui, int panel, bd_area area) {
  const bd_view_class *view = ui->classes[panel];
  char more[512] = "";
  bd_rule(area, 0, 0, area.columns, false, BD_ROLE_RULE);
  int taken = 3 + bd_show_columns(view->name);
  int tabs = bd_tabs_in(ui, panel) ? bd_tabs_draw(ui, area, taken) : 0;
  bd_area text = bd_area_part(area, 1, 0, area.columns - 2 - tabs, 1);
  bd_role role = panel == ui->focus ? BD_ROLE_FOCUS : BD_ROLE_TITLE;
  int column = bd_printf(text, 0, 0, role, " %s ", view->name), room = text.columns - column - 2;
  if (view->title) view->title(ui->views[panel], &ui->desk, ui->ascii, room, more, sizeof more);
  if (!more[0]) return;
  column = bd_print(text, column, 0, BD_ROLE_TEXT, " ");
  column = bd_print_fit(text, column, 0, room, BD_ROLE_TEXT, more);
  bd_put(text, column, 0, ' ', BD_ROLE_TEXT);
}

static void draw_panels(bd_ui *ui, bd_area screen) {
  bd_area wall = part(screen, ui->layout.wall);
  if (wall.columns > 0) bd_rule(wall, 0, 1, wall.rows - 1, true, BD_ROLE_RULE);
  for (int i = 0; i < ui->panels; i++) {
    bd_frame frame = ui->layout.panels[i];
    if (frame.title.rows == 0) continue;
    draw_title(ui, i, part(screen, frame.title));
    ui->classes[i]->draw(ui->views[i], &ui->desk, part(screen, frame.inside), i == ui->focus);
  }
}

// Tells the session what the panels on the screen show of the layer in hand.
static void want(const bd_ui *ui) {
  unsigned wants = 0;
  for (int i = 0; i < ui->panels && ui->layout.fits; i++) {
    bd_rect inside = ui->layout.panels[i].inside;
    if (inside.rows > 0 && ui->classes[i]->wants)
      wants |= ui->classes[i]->wants(inside.columns, inside.rows);
  }
  bd_session_want(ui->desk.session, wants);
}

static void draw_too_small(const bd_ui *ui, bd_area screen) {
  bool ask = ui->asked && bd_session_dirty(ui->desk.session);
  bd_printf(screen, 0, 0, ask ? BD_ROLE_WARN : BD_ROLE_TEXT,
            ask ? "unsaved edits: q again leaves" : "needs %d×%d, has %d×%d; q quits",
            BD_COLUMNS_LEAST, BD_ROWS_LEAST, screen.columns, screen.rows);
}

bool bd_ui_draw(bd_ui *ui, int columns, int rows) {
  if (!bd_canvas_reset(ui->canvas, columns, rows)) return false;
  bd_area screen = bd_area_whole(ui->canvas);
  bd_layout_wish wish = {ui->panels, ui->detail, bd_session_count(ui->desk.session) + 1, ui->below};
  ui->layout = bd_layout_make(columns, rows, wish);
  want(ui);
  ui->desk.exporting = bd_handover_writes(ui);
  if (!ui->layout.fits) {
    draw_too_small(ui, screen);
    return true;
  }
  ui->asked = false;
  bd_draw_header(&ui->desk, part(screen, ui->layout.header));
  draw_panels(ui, screen);
  bd_draw_footer(ui, part(screen, ui->layout.footer));
  bd_draw_long_message(ui, screen);
  if (ui->overlay) ui->overlay->draw(ui->overlay_state, ui, screen);
  return true;
}
