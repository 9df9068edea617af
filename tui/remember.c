#include "tui/remember.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "tui/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HISTORY_BYTES = BD_HISTORY_MAX * BD_LINE_MAX };

// The remembered values, an empty object where there are none yet. Unknown keys are kept.
static cJSON *read_state(void) {
  char path[4096];
  cJSON *state = NULL;
  if (bd_path_state("state.json", path, sizeof path)) bd_json_read(path, &state, NULL);
  if (cJSON_IsObject(state)) return state;
  cJSON_Delete(state);
  return cJSON_CreateObject();
}

char *bd_remember_theme(char *out, size_t size) {
  cJSON *state = read_state();
  snprintf(out, size, "%s", bd_json_string(state, "theme", ""));
  cJSON_Delete(state);
  return out;
}

void bd_remember_history(bd_history *history) {
  char path[4096], *text = NULL, *rest;
  size_t size;
  if (!bd_path_state("history", path, sizeof path)) return;
  if (bd_file_read(path, HISTORY_BYTES, &text, &size, NULL) != BD_OK) return;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    bd_history_add(history, line);
  }
  free(text);
}

static void write_theme(const char *theme) {
  char path[4096];
  cJSON *state = read_state();
  bool same = strcmp(bd_json_string(state, "theme", ""), theme) == 0;
  if (!same && bd_path_state("state.json", path, sizeof path) && bd_path_make(path)) {
    cJSON_DeleteItemFromObjectCaseSensitive(state, "theme");
    cJSON_AddStringToObject(state, "theme", theme);
    bd_json_write(path, state, NULL);
  }
  cJSON_Delete(state);
}

static void write_history(const bd_history *history) {
  char path[4096];
  bd_writer *writer;
  if (history->count == 0 || !bd_path_state("history", path, sizeof path) || !bd_path_make(path) ||
      bd_writer_open(path, &writer, NULL) != BD_OK) {
    return;
  }
  for (int i = 0; i < history->count; i++) {
    bd_writer_put(writer, history->lines[i], strlen(history->lines[i]));
    bd_writer_put(writer, "\n", 1);
  }
  bd_writer_commit(writer, NULL);
}

void bd_remember_save(const char *theme, const bd_history *history) {
  if (theme) write_theme(theme);
  write_history(history);
}
