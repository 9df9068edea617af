#include "tui/handover.h"

#include "core/base/text.h"
#include "core/export/background.h"
#include "core/export/losses.h"
#include "core/session/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORMAT, VERSION, PATH, ROWS, NAME_COLUMN = 2, VALUE_COLUMN = 12, WIDTH = 96 };

struct bd_handover {
  bd_exporter *exporter;
  bd_news news; // as of the last poll
};

// --- the work ------------------------------------------------------------------------------------

static void wake(void *session) {
  bd_session_wake(session);
}

bool bd_handover_busy(const bd_ui *ui) {
  return ui->handover && ui->handover->exporter && ui->handover->news.busy;
}

const char *bd_handover_writes(const bd_ui *ui) {
  const char *path = bd_handover_busy(ui) ? ui->handover->news.order.path : "";
  return *path ? path : NULL;
}

static bd_status writable(const bd_ui *ui, bd_error *err) {
  if (ui->desk.read_only)
    return bd_fail(err, BD_INVALID,
                   "nothing is written: the explorer was started with --read-only");
  if (!bd_handover_writes(ui)) return BD_OK;
  return bd_fail(err, BD_INVALID, "the export before is still being written: try again");
}

// The repair that the session's plan asks for; *out NULL: it asks for none.
static bd_status repair_of(const bd_session *session, const bd_repair **out, bd_error *err) {
  const bd_live_state *live = bd_session_live(session);
  *out = NULL;
  if (bd_session_repair(session)->how == BD_RECOVER_NONE) return BD_OK;
  if (!live->on)
    return bd_fail(err, BD_INVALID,
                   "the repair needs data: open with --data, or `:recover none` first");
  if (live->current && *live->trouble.text)
    return bd_fail(err, BD_INVALID, "not repaired: %.900s", live->trouble.text);
  if (!live->repair || !live->current)
    return bd_fail(err, BD_INVALID, "the repair of these settings is not ready yet: in a moment");
  *out = live->repair;
  return BD_OK;
}

// An exporter for the settings as they are.
static bd_status start(bd_ui *ui, bd_error *err) {
  bd_session *session = ui->desk.session;
  int count = bd_session_count(session);
  const bd_repair *repair;
  BD_TRY(writable(ui, err));
  BD_TRY(repair_of(session, &repair, err));
  if (!ui->handover) ui->handover = calloc(1, sizeof *ui->handover);
  bd_setting *settings = calloc((size_t)count + 1, sizeof *settings);
  if (!ui->handover || !settings) {
    free(settings);
    return bd_fail_memory(err, "an export");
  }
  for (int i = 0; i < count; i++)
    settings[i] = bd_session_layer(session, i)->dial.setting;
  bd_exporter_free(ui->handover->exporter);
  bd_status status = bd_exporter_new(bd_session_model(session), settings, repair, 0, wake, session,
                                     &ui->handover->exporter, err);
  free(settings);
  return status;
}

static void ask(bd_ui *ui, const bd_order *order) {
  bd_exporter_ask(ui->handover->exporter, order);
  bd_exporter_poll(ui->handover->exporter, &ui->handover->news);
}

static void say_written(bd_ui *ui, const bd_news *news) {
  char path[BD_EXPORT_PATH], disk[32];
  bd_text_escape(path, sizeof path, news->order.path);
  bd_text_bytes(disk, sizeof disk, news->report.on_disk);
  char held[64] = "";
  if (news->loss_count)
    snprintf(held, sizeof held, ", %d layer%s held otherwise", news->loss_count,
             news->loss_count == 1 ? "" : "s");
  bd_desk_say(&ui->desk, "%s: %s, read back%s: %s", news->order.format->name, disk, held, path);
}

bool bd_handover_poll(bd_ui *ui) {
  struct bd_handover *handover = ui->handover;
  if (!handover || !handover->exporter) return false;
  if (!bd_exporter_poll(handover->exporter, &handover->news)) return false;
  const bd_news *news = &handover->news;
  if (news->busy) return true;
  if (news->status != BD_OK && news->status != BD_CANCELLED)
    bd_desk_fail(&ui->desk, "%s", news->error.text);
  if (news->written) say_written(ui, news);
  return true;
}

void bd_handover_free(bd_handover *handover) {
  if (!handover) return;
  bd_exporter_free(handover->exporter);
  free(handover);
}

// --- commands ------------------------------------------------------------------------------------

// "qdq/int4" → its row and version.
static bd_status find(const char *text, size_t length, bd_order *out, bd_error *err) {
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)length, text);
  char *slash = strchr(name, '/');
  if (slash) *slash = '\0';
  return bd_format_find(name, slash ? slash + 1 : NULL, &out->format, &out->version, err);
}

bd_status bd_handover_run(bd_ui *ui, const char *argument, bd_error *err) {
  bd_order order = {0};
  size_t length = strcspn(argument, " ");
  const char *path = argument + length + strspn(argument + length, " ");
  BD_TRY(find(argument, length, &order, err));
  if (!*path || strlen(path) >= sizeof order.path)
    return bd_fail(err, BD_INVALID,
                   "export takes a format and a path, as in :export qdq/int4 FILE");
  snprintf(order.path, sizeof order.path, "%s", path);
  BD_TRY(start(ui, err));
  ask(ui, &order);
  return BD_OK;
}

bd_status bd_handover_target(bd_ui *ui, const char *argument, bd_error *err) {
  bd_order order = {0};
  if (argument && *argument && strcmp(argument, "none") != 0)
    BD_TRY(find(argument, strlen(argument), &order, err));
  ui->desk.target = order.format;
  ui->desk.target_version = order.version;
  bd_desk_say(&ui->desk, order.format ? "the dials warn of what %s cannot hold" : "no target",
              order.format ? order.format->name : "");
  return BD_OK;
}

// --- the page ------------------------------------------------------------------------------------

struct page {
  int row, format, version;
  bd_line path;
  bool typed; // the path is the user's own
  bool asked; // Enter was pressed on a file that is there
  char problem[256];
};

static bd_order order_of(const struct page *page, bool write) {
  bd_order order = {.format = bd_format_at(page->format), .version = page->version};
  if (write) snprintf(order.path, sizeof order.path, "%s", page->path.text);
  return order;
}

// MODEL.format.extension, beside the model.
static void suggest_path(struct page *page, const bd_ui *ui) {
  char path[BD_EXPORT_PATH];
  const bd_format *format = bd_format_at(page->format);
  const char *model = bd_model_about(bd_session_model(ui->desk.session))->file;
  size_t length = strlen(model);
  if (length > 5 && strcmp(model + length - 5, ".onnx") == 0) length -= 5;
  if (page->typed) return;
  snprintf(path, sizeof path, "%.*s.%s.%s", (int)length, model, format->name, format->extension);
  bd_line_set(&page->path, path);
}

static int count_of(bool versions, const bd_format *format) {
  int count = 0;
  while (versions ? format->versions[count].name != NULL : bd_format_at(count) != NULL)
    count++;
  return count;
}

static void turn(struct page *page, bd_ui *ui, int steps) {
  const bd_format *format = bd_format_at(page->format);
  page->problem[0] = '\0';
  page->asked = false;
  if (page->row == FORMAT) {
    int count = count_of(false, NULL);
    page->format = (page->format + steps + count) % count;
    page->version = 0;
    suggest_path(page, ui);
  } else {
    int count = count_of(true, format);
    page->version = (page->version + steps + count) % count;
  }
  bd_order order = order_of(page, false);
  ask(ui, &order);
}

static void write_it(struct page *page, bd_ui *ui) {
  struct stat info;
  if (!page->path.text[0]) {
    snprintf(page->problem, sizeof page->problem, "a path is needed");
    return;
  }
  if (stat(page->path.text, &info) == 0 && !page->asked) {
    snprintf(page->problem, sizeof page->problem,
             "it is there already: Enter once more replaces it");
    page->asked = true;
    return;
  }
  bd_order order = order_of(page, true);
  ui->desk.target = order.format;
  ui->desk.target_version = order.version;
  bd_desk_say(&ui->desk, "exporting to %s …", order.format->name);
  ask(ui, &order);
  bd_ui_close(ui);
}

static bool path_key(struct page *page, const char *key) {
  if (page->row != PATH || !bd_line_key(&page->path, key)) return false;
  page->typed = true;
  page->asked = false;
  page->problem[0] = '\0';
  return true;
}

static void page_key(void *state, bd_ui *ui, const char *key) {
  struct page *page = state;
  if (path_key(page, key)) return;
  if (strcmp(key, "<enter>") == 0)
    write_it(page, ui);
  else if (strcmp(key, "<esc>") == 0 || (page->row != PATH && strcmp(key, "q") == 0))
    bd_ui_close(ui);
  else if (bd_key_among(key, "<up> <btab> <c-p>") || (page->row != PATH && strcmp(key, "k") == 0))
    page->row = (page->row + ROWS - 1) % ROWS;
  else if (bd_key_among(key, "<down> <tab> <c-n>") || (page->row != PATH && strcmp(key, "j") == 0))
    page->row = (page->row + 1) % ROWS;
  else if (page->row != PATH && bd_key_among(key, "<left> h -"))
    turn(page, ui, -1);
  else if (page->row != PATH && bd_key_among(key, "<right> l <space> + ="))
    turn(page, ui, 1);
}

static void page_paste(void *state, const char *text) {
  struct page *page = state;
  if (page->row == PATH) page->typed |= bd_line_insert(&page->path, text);
}

// --- drawing -------------------------------------------------------------------------------------

static void draw_row(const struct page *page, int row, bd_area area) {
  static const char *const names[ROWS] = {"format", "version", "path"};
  const bd_format *format = bd_format_at(page->format);
  const char *values[ROWS] = {format->name, format->versions[page->version].name, page->path.text};
  const char *value = *values[row] || row == PATH ? values[row] : "(only one)";
  bd_print(area, NAME_COLUMN, 0, BD_ROLE_TEXT, names[row]);
  int room = area.columns - VALUE_COLUMN - 2;
  int end = bd_print_fit(area, VALUE_COLUMN, 0, room, BD_ROLE_TEXT, value);
  if (row == FORMAT) bd_print_fit(area, VALUE_COLUMN + 12, 0, room - 12, BD_ROLE_DIM, format->help);
  if (page->row != row) return;
  bd_tint(area, 0, 0, area.columns, BD_ROLE_CURSOR);
  bd_put(area, NAME_COLUMN - 1, 0, bd_glyph_sign(area.canvas, BD_SIGN_CURSOR), BD_ROLE_CURSOR);
  if (row == PATH) {
    bd_tint(area, VALUE_COLUMN + bd_line_column(&page->path), 0, 1, BD_ROLE_PROMPT);
    return;
  }
  bd_put(area, VALUE_COLUMN - 2, 0, '<', BD_ROLE_CURSOR);
  bd_put(area, end + 1, 0, '>', BD_ROLE_CURSOR);
}

static void draw_group(const bd_ui *ui, const bd_loss_group *group, bd_area area) {
  char names[256], before[32], after[32], text[768], cost[64] = "", more[300] = "", layers[32];
  const bd_loss *loss = group->first, *worst = group->worst;
  bd_loss_group_names(group, bd_session_model(ui->desk.session), names, sizeof names);
  snprintf(layers, sizeof layers, "%d layers", group->count);
  if (group->count > 1) snprintf(more, sizeof more, " (%s)", names);
  bd_print_fit(area, NAME_COLUMN, 0, 24, BD_ROLE_TEXT, group->count > 1 ? layers : names);
  if (worst)
    snprintf(cost, sizeof cost, ", %s%.2f → %.2f dB", group->count > 1 ? "at worst " : "",
             worst->sqnr_before, worst->sqnr_after);
  snprintf(text, sizeof text, "%s: %s, %s → %s%s%s", loss->what, loss->instead,
           bd_text_bytes(before, sizeof before, group->bytes_before),
           bd_text_bytes(after, sizeof after, group->bytes_after), cost, more);
  bd_print_fit(area, 28, 0, area.columns - 30, BD_ROLE_WARN, text);
}

// What will be lost, as far as there is room.
static void draw_losses(const bd_ui *ui, bd_area area) {
  const bd_news *news = &ui->handover->news;
  char size[32];
  if (news->busy) {
    bd_print(area, NAME_COLUMN, 0, BD_ROLE_STALE, "looking at what will be lost …");
    return;
  }
  if (news->loss_count == 0) {
    bd_printf(area, NAME_COLUMN, 0, BD_ROLE_GOOD, "every layer is held as it is, %s",
              bd_text_bytes(size, sizeof size, news->bytes));
    return;
  }
  bd_printf(area, NAME_COLUMN, 0, BD_ROLE_WARN,
            "%d layer%s cannot be held as they are (%s in all):", news->loss_count,
            news->loss_count == 1 ? "" : "s", bd_text_bytes(size, sizeof size, news->bytes));
  bd_loss_group groups[BD_NEWS_LOSSES];
  int kept = news->loss_count < BD_NEWS_LOSSES ? news->loss_count : BD_NEWS_LOSSES;
  int count = bd_losses_group(news->losses, kept, groups), rows = area.rows - 1;
  for (int i = 0; i < count && i < rows; i++) {
    bd_area line = bd_area_part(area, 0, i + 1, area.columns, 1);
    if (i == rows - 1 && count > rows)
      bd_printf(line, NAME_COLUMN, 0, BD_ROLE_DIM, "… and %d more kinds", count - i);
    else
      draw_group(ui, &groups[i], line);
  }
}

static void draw_hints(bd_area area) {
  static const char *const hints[][2] = {
      {"Left Right", "choose"}, {"Enter", "write"}, {"Esc", "cancel"}};
  int column = NAME_COLUMN;
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
    column = bd_print(area, column, 0, BD_ROLE_KEY, hints[i][0]);
    column = bd_print(area, column + 1, 0, BD_ROLE_DIM, hints[i][1]) + 2;
  }
}

static void page_draw(void *state, bd_ui *ui, bd_area screen) {
  struct page *page = state;
  const bd_format *format = bd_format_at(page->format);
  int columns = screen.columns < WIDTH ? screen.columns : WIDTH;
  int rows = screen.rows < 22 ? screen.rows : 22, losses = rows - ROWS - 7;
  bd_area box =
      bd_area_part(screen, (screen.columns - columns) / 2, (screen.rows - rows) / 2, columns, rows);
  bd_clear(box, BD_ROLE_TEXT);
  bd_rule(box, 0, 0, columns, false, BD_ROLE_RULE);
  bd_print(box, 1, 0, BD_ROLE_FOCUS, " export ");
  for (int row = 0; row < ROWS; row++)
    draw_row(page, row, bd_area_part(box, 0, row + 1, columns, 1));
  bd_printf(bd_area_part(box, 0, ROWS + 1, columns - 2, 1), NAME_COLUMN, 0, BD_ROLE_DIM, "takes %s",
            format->takes);
  bd_printf(bd_area_part(box, 0, ROWS + 2, columns - 2, 1), NAME_COLUMN, 0, BD_ROLE_DIM, "loses %s",
            format->loses);
  draw_losses(ui, bd_area_part(box, 0, ROWS + 4, columns, losses));
  if (page->problem[0])
    bd_print_fit(box, NAME_COLUMN, rows - 3, columns - 4, BD_ROLE_ERROR, page->problem);
  draw_hints(bd_area_part(box, 0, rows - 2, columns, 1));
  bd_rule(box, 0, rows - 1, columns, false, BD_ROLE_RULE);
}

static const bd_overlay_class page_class = {page_draw, page_key, page_paste, free};

bd_status bd_handover_open(bd_ui *ui, bd_error *err) {
  BD_TRY(start(ui, err));
  struct page *page = calloc(1, sizeof *page);
  if (!page) return bd_fail_memory(err, "the page");
  for (int i = 0; bd_format_at(i); i++)
    if (bd_format_at(i) == ui->desk.target) {
      page->format = i;
      page->version = ui->desk.target_version;
    }
  suggest_path(page, ui);
  bd_order order = order_of(page, false);
  ask(ui, &order);
  bd_ui_open(ui, &page_class, page);
  return BD_OK;
}
