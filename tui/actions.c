#include "tui/actions.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/session/live.h"
#include "core/session/seen.h"
#include "core/session/sensing.h"
#include "core/study/json.h"
#include "tui/clipboard.h"
#include "tui/dials.h"
#include "tui/find.h"
#include "tui/form.h"
#include "tui/handover.h"
#include "tui/help.h"
#include "tui/leave.h"
#include "tui/prompt.h"
#include "tui/rescue.h"
#include "tui/script.h"
#include "tui/spend.h"
#include "tui/spread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool given(const char *argument) {
  return argument && *argument;
}

static bd_status need(const char *argument, const char *what, bd_error *err) {
  if (given(argument)) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s", what);
}

// --- dials ---------------------------------------------------------------------------------------

static bd_status bits_up(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_BITS, 1, err);
}

static bd_status bits_down(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_BITS, -1, err);
}

static bd_status prune_up(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_PRUNE, 5, err);
}

static bd_status prune_down(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_PRUNE, -5, err);
}

static bd_status prune_more(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_PRUNE, 1, err);
}

static bd_status prune_less(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_step(&ui->desk, BD_FIELD_PRUNE, -1, err);
}

// A choice: the one named, else the next.
static bd_status choose(bd_ui *ui, int field, const char *argument, bd_error *err) {
  if (given(argument)) return bd_dials_set(&ui->desk, field, argument, err);
  return bd_dials_step(&ui->desk, field, 1, err);
}

static bd_status method(bd_ui *ui, const char *argument, bd_error *err) {
  return choose(ui, BD_FIELD_METHOD, argument, err);
}

static bd_status init(bd_ui *ui, const char *argument, bd_error *err) {
  return choose(ui, BD_FIELD_INIT, argument, err);
}

// A number: the one given, else a prompt for it.
static bd_status ask(bd_ui *ui, int field, const char *label, const char *argument, bd_error *err) {
  if (given(argument)) return bd_dials_set(&ui->desk, field, argument, err);
  bd_prompt_open(ui, label, bd_setting_field(field)->name, "");
  return BD_OK;
}

static bd_status bits(bd_ui *ui, const char *argument, bd_error *err) {
  return ask(ui, BD_FIELD_BITS, "bits, 1 to 8 or float: ", argument, err);
}

static bd_status prune(bd_ui *ui, const char *argument, bd_error *err) {
  return ask(ui, BD_FIELD_PRUNE, "prune, 0.5 or 50%: ", argument, err);
}

static bd_status set(bd_ui *ui, const char *argument, bd_error *err) {
  BD_TRY(need(argument, "set takes a field and a value, as in :set grid affine", err));
  char name[64];
  size_t length = strcspn(argument, " ");
  snprintf(name, sizeof name, "%.*s", (int)length, argument);
  int field = bd_field_find(name);
  if (field < 0) {
    return bd_fail(err, BD_INVALID, "no field is called '%s': see :help, or Tab after :set", name);
  }
  return bd_dials_set(&ui->desk, field, argument + length + strspn(argument + length, " "), err);
}

static bd_status lock(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_dials_lock(&ui->desk, err);
}

static bd_status form(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_form_open(ui, err);
}

static bd_status allocate(bd_ui *ui, const char *argument, bd_error *err) {
  return given(argument) ? bd_spend_now(ui, argument, err) : bd_spend_open(ui, err);
}

static bd_status prune_overall(bd_ui *ui, const char *argument, bd_error *err) {
  return given(argument) ? bd_spread_now(ui, argument, err) : bd_spread_open(ui, err);
}

static bd_status sweep(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  bd_session *session = ui->desk.session;
  if (bd_session_sensing(session)->running) {
    bd_session_stop_sweep(session);
    bd_desk_say(&ui->desk, "the sweep stops: what it measured stays");
    return BD_OK;
  }
  BD_TRY(bd_session_sweep(session, !ui->desk.read_only, err));
  bd_desk_say(&ui->desk, "sweeping: v in the sensitivity panel shows it, s stops it");
  return BD_OK;
}

static bd_status pin(bd_ui *ui, const char *argument, bd_error *err) {
  int now = bd_session_seen_now(ui->desk.session);
  if (now < 0) return bd_fail(err, BD_INVALID, "it is being computed: pin it in a moment");
  return bd_desk_pin(&ui->desk, now, given(argument) ? argument : NULL, err);
}

static bd_status compare(bd_ui *ui, const char *argument, bd_error *err) {
  if (given(argument))
    BD_TRY(bd_session_take_in(ui->desk.session, argument, &ui->desk.compare, err));
  bd_ui_focus_named(ui, "compare");
  return BD_OK;
}

// Needs data; the repair itself is made in the background.
static bd_status recover(bd_ui *ui, const char *argument, bd_error *err) {
  bd_session *session = ui->desk.session;
  char step[64];
  bd_repair_plan plan = *bd_session_repair(session); // its names stay the session's
  int how = given(argument) ? bd_recovery_find(argument) : ((int)plan.how + 1) % BD_RECOVERY_COUNT;
  if (how < 0)
    return bd_fail(err, BD_INVALID, "recover takes none, match or reconstruct, not '%s'", argument);
  if (how != BD_RECOVER_NONE && !bd_session_live(session)->on)
    return bd_fail(err, BD_INVALID, "repair needs data: start with --data PATH");
  plan.how = (bd_recovery)how;
  snprintf(step, sizeof step, "repair: %s", bd_recoveries[how].name);
  bool changed = bd_session_set_repair(session, &plan, step);
  // What a repair did is said when it is made.
  if (!changed || how == BD_RECOVER_NONE)
    bd_desk_say(&ui->desk, "%s%s", step, changed ? "" : " (as it was)");
  return BD_OK;
}

static bd_status jobs(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  bd_ui_focus_named(ui, "jobs");
  return BD_OK;
}

static bd_status undo(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  const char *what = bd_session_undo(ui->desk.session);
  bd_desk_say(&ui->desk, what ? "undone: %s" : "nothing to undo", what);
  return BD_OK;
}

static bd_status redo(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  const char *what = bd_session_redo(ui->desk.session);
  bd_desk_say(&ui->desk, what ? "done again: %s" : "nothing to do again", what);
  return BD_OK;
}

// --- layers --------------------------------------------------------------------------------------

// Marks the layer in hand and goes on to the next, so that several can be marked in a row.
static bd_status mark(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  bd_desk *desk = &ui->desk;
  if (desk->layer < 0) return bd_fail(err, BD_INVALID, "this model has no layer to mark");
  desk->marks[desk->layer] = !desk->marks[desk->layer];
  bd_binding down = bd_key_lookup("<down>", 0);
  if (down.panel == 0) ui->classes[0]->command(ui->views[0], desk, down.command->id);
  return BD_OK;
}

static bd_status find(bd_ui *ui, const char *argument, bd_error *err) {
  if (given(argument)) return bd_find(ui, argument, err);
  bd_prompt_open(ui, "/", "find", "");
  return BD_OK;
}

static bd_status find_next(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_find_again(ui, 1, err);
}

static bd_status find_previous(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  return bd_find_again(ui, -1, err);
}

static bd_status filter(bd_ui *ui, const char *argument, bd_error *err) {
  if (argument) return bd_find_filter(ui, argument, err);
  bd_prompt_open(ui, "filter: ", "filter", ui->desk.filter);
  return BD_OK;
}

static bd_status choose_layer(bd_ui *ui, const char *argument, bd_error *err) {
  BD_TRY(need(argument, "select takes a tensor's name", err));
  return bd_find_tensor(ui, argument, err);
}

static void clear_marks(bd_desk *desk) {
  for (int i = 0; i < bd_session_count(desk->session); i++)
    desk->marks[i] = false;
}

static bd_status back(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  int marked = 0;
  for (int i = 0; i < bd_session_count(ui->desk.session); i++)
    marked += ui->desk.marks[i];
  if (ui->desk.filter[0]) {
    ui->desk.filter[0] = '\0';
  } else if (marked > 0) {
    clear_marks(&ui->desk);
  } else {
    bd_ui_focus(ui, 0);
  }
  return BD_OK;
}

// --- panels and looks ----------------------------------------------------------------------------

static bd_status next_panel(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  bd_ui_focus(ui, (ui->focus + 1) % ui->panels);
  return BD_OK;
}

static bd_status previous_panel(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  bd_ui_focus(ui, (ui->focus + ui->panels - 1) % ui->panels);
  return BD_OK;
}

static bd_status panel(bd_ui *ui, const char *argument, bd_error *err) {
  BD_TRY(need(argument, "panel takes a number or a name", err));
  for (int i = 0; i < ui->panels; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i + 1);
    if (strcmp(argument, number) != 0 && strcmp(argument, ui->classes[i]->name) != 0) continue;
    bd_ui_focus(ui, i);
    return BD_OK;
  }
  return bd_fail(err, BD_INVALID, "no panel '%s': there are %d", argument, ui->panels);
}

static bd_status theme(bd_ui *ui, const char *argument, bd_error *err) {
  BD_TRY(bd_ui_load_theme(ui, given(argument) ? argument : bd_theme_next(ui->theme.name), err));
  bd_desk_say(&ui->desk, "theme %s", ui->theme.name);
  return BD_OK;
}

static bd_status redraw(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  ui->redraw = true;
  return BD_OK;
}

static bd_status command(bd_ui *ui, const char *argument, bd_error *err) {
  (void)err;
  bd_prompt_open(ui, ":", NULL, argument ? argument : "");
  return BD_OK;
}

static bd_status help(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  bd_help_open(ui);
  return BD_OK;
}

// --- in and out ----------------------------------------------------------------------------------

static bd_status writable(const bd_ui *ui, bd_error *err) {
  if (!ui->desk.read_only) return BD_OK;
  return bd_fail(err, BD_INVALID, "nothing is written: the explorer was started with --read-only");
}

// A file that this run has not read is replaced at the second time of asking; a script means it.
static bd_status ask_to_replace(bd_ui *ui, const char *path, bd_error *err) {
  char name[512];
  const bd_session *session = ui->desk.session;
  bool asked = strcmp(ui->replace, path ? path : "") == 0 && ui->asked_to_replace;
  if (ui->scripted || asked || !bd_session_would_replace(session, path)) return BD_OK;
  snprintf(ui->replace, sizeof ui->replace, "%s", path ? path : "");
  ui->asked_to_replace = true;
  bd_text_escape(name, sizeof name, path ? path : bd_session_config_path(session));
  return bd_fail(err, BD_INVALID,
                 "%s is there already and was not read: once more replaces it, "
                 ":load takes it in",
                 name);
}

static bd_status write_config(bd_ui *ui, const char *argument, bd_error *err) {
  char path[512];
  const char *named = given(argument) ? argument : NULL;
  BD_TRY(writable(ui, err));
  BD_TRY(ask_to_replace(ui, named, err));
  BD_TRY(bd_session_save(ui->desk.session, named, err));
  ui->asked_to_replace = false;
  bd_rescue_forget(ui->rescue);
  bd_text_escape(path, sizeof path, bd_session_config_path(ui->desk.session));
  bd_desk_say(&ui->desk, "saved %s", path);
  return BD_OK;
}

static bd_status load_config(bd_ui *ui, const char *argument, bd_error *err) {
  char path[512];
  const char *from = given(argument) ? argument : bd_session_config_path(ui->desk.session);
  BD_TRY(bd_session_load(ui->desk.session, from, err));
  bd_desk_say(&ui->desk, "read %s",
              bd_text_escape(path, sizeof path, bd_session_config_path(ui->desk.session)));
  return BD_OK;
}

static bd_status rescue(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  BD_TRY(writable(ui, err)); // what was kept is removed
  BD_TRY(bd_rescue_take(ui->rescue, err));
  bd_desk_say(&ui->desk, "the edits are back, not saved yet");
  return BD_OK;
}

static bd_status put_on_clipboard(bd_ui *ui, const char *text, bd_error *err) {
  char shown[128];
  free(ui->clipboard);
  ui->clipboard = strdup(text);
  if (!ui->clipboard) return bd_fail_memory(err, "the clipboard");
  bd_text_escape(shown, sizeof shown, text);
  bd_desk_say(&ui->desk, "copied: %s", shown);
  return BD_OK;
}

static bd_status copy(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  char text[4096] = "";
  const bd_view_class *view = ui->classes[ui->focus];
  if (view->copy) view->copy(ui->views[ui->focus], &ui->desk, text, sizeof text);
  if (!text[0]) return bd_fail(err, BD_INVALID, "nothing to copy here");
  return put_on_clipboard(ui, text, err);
}

static bd_status copy_row(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  const bd_session *session = ui->desk.session;
  int layer = ui->desk.layer;
  const bd_result *result = layer < 0 ? NULL : bd_session_layer(session, layer)->result;
  if (!result) return bd_fail(err, BD_INVALID, "the layer has no result to copy yet");
  cJSON *json = bd_result_json(bd_model_layer(bd_session_model(session), layer), result);
  char *text = bd_json_text(json, false);
  bd_status status = text ? put_on_clipboard(ui, text, err) : bd_fail_memory(err, "the row");
  cJSON_free(text);
  cJSON_Delete(json);
  return status;
}

// Without an argument, the page that asks for it.
static bd_status hand_over(bd_ui *ui, const char *argument, bd_error *err) {
  return given(argument) ? bd_handover_run(ui, argument, err) : bd_handover_open(ui, err);
}

static bd_status target(bd_ui *ui, const char *argument, bd_error *err) {
  return bd_handover_target(ui, argument, err);
}

static bd_status save_screen(bd_ui *ui, const char *argument, bd_error *err) {
  BD_TRY(need(argument, "save-screen takes the path of a file", err));
  BD_TRY(writable(ui, err));
  if (bd_file_same(argument, bd_model_about(bd_session_model(ui->desk.session))->file))
    return bd_fail(err, BD_INVALID, "%s: is the model itself: choose another name", argument);
  return bd_script_save_screen(ui, argument, err);
}

static bd_status wait(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  if (!ui->scripted)
    return bd_fail(err, BD_INVALID, "wait is for scripts: results come by themselves");
  return bd_script_wait(ui, err);
}

static bd_status quit(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  bd_leave(ui);
  return BD_OK;
}

static bd_status leave(bd_ui *ui, const char *argument, bd_error *err) {
  (void)argument;
  (void)err;
  ui->done = true;
  return BD_OK;
}

// --- the table -----------------------------------------------------------------------------------

static bd_status (*const actions[BD_DO_COUNT])(bd_ui *ui, const char *argument, bd_error *err) = {
    [BD_DO_BITS_UP] = bits_up,
    [BD_DO_BITS_DOWN] = bits_down,
    [BD_DO_PRUNE_UP] = prune_up,
    [BD_DO_PRUNE_DOWN] = prune_down,
    [BD_DO_PRUNE_MORE] = prune_more,
    [BD_DO_PRUNE_LESS] = prune_less,
    [BD_DO_METHOD] = method,
    [BD_DO_INIT] = init,
    [BD_DO_BITS] = bits,
    [BD_DO_PRUNE] = prune,
    [BD_DO_PRUNE_OVERALL] = prune_overall,
    [BD_DO_SET] = set,
    [BD_DO_LOCK] = lock,
    [BD_DO_FORM] = form,
    [BD_DO_ALLOCATE] = allocate,
    [BD_DO_SWEEP] = sweep,
    [BD_DO_COMPARE] = compare,
    [BD_DO_PIN] = pin,
    [BD_DO_RECOVER] = recover,
    [BD_DO_JOBS] = jobs,
    [BD_DO_UNDO] = undo,
    [BD_DO_REDO] = redo,
    [BD_DO_MARK] = mark,
    [BD_DO_FIND] = find,
    [BD_DO_FIND_NEXT] = find_next,
    [BD_DO_FIND_PREVIOUS] = find_previous,
    [BD_DO_FILTER] = filter,
    [BD_DO_SELECT] = choose_layer,
    [BD_DO_BACK] = back,
    [BD_DO_NEXT_PANEL] = next_panel,
    [BD_DO_PREVIOUS_PANEL] = previous_panel,
    [BD_DO_PANEL] = panel,
    [BD_DO_THEME] = theme,
    [BD_DO_REDRAW] = redraw,
    [BD_DO_COMMAND] = command,
    [BD_DO_HELP] = help,
    [BD_DO_WRITE] = write_config,
    [BD_DO_LOAD] = load_config,
    [BD_DO_RESCUE] = rescue,
    [BD_DO_EXPORT] = hand_over,
    [BD_DO_TARGET] = target,
    [BD_DO_COPY] = copy,
    [BD_DO_COPY_ROW] = copy_row,
    [BD_DO_SAVE_SCREEN] = save_screen,
    [BD_DO_WAIT] = wait,
    [BD_DO_QUIT] = quit,
    [BD_DO_LEAVE] = leave,
};

bd_status bd_action_run(bd_ui *ui, int id, const char *argument, bd_error *err) {
  return actions[id](ui, argument, err);
}
