#include "tui/line.h"

#include "tui/keys.h"

#include <stdlib.h>
#include <string.h>

static bool is_tail(char byte) {
  return ((unsigned char)byte & 0xC0) == 0x80;
}

static void left(bd_line *line) {
  while (line->cursor > 0 && is_tail(line->text[--line->cursor]))
    continue;
}

static void right(bd_line *line) {
  if (!line->text[line->cursor]) return;
  while (is_tail(line->text[++line->cursor]))
    continue;
}

static void home(bd_line *line) {
  line->cursor = 0;
}

static void end(bd_line *line) {
  line->cursor = strlen(line->text);
}

// Takes out what stands between `from` and the cursor.
static void cut_from(bd_line *line, size_t from) {
  memmove(line->text + from, line->text + line->cursor, strlen(line->text + line->cursor) + 1);
  line->cursor = from;
}

static void erase(bd_line *line) {
  bd_line before = *line;
  left(&before);
  cut_from(line, before.cursor);
}

static void erase_next(bd_line *line) {
  if (!line->text[line->cursor]) return;
  right(line);
  erase(line);
}

static void erase_before(bd_line *line) {
  cut_from(line, 0);
}

static void erase_after(bd_line *line) {
  line->text[line->cursor] = '\0';
}

static void erase_word(bd_line *line) {
  size_t from = line->cursor;
  while (from > 0 && line->text[from - 1] == ' ')
    from--;
  while (from > 0 && line->text[from - 1] != ' ')
    from--;
  cut_from(line, from);
}

static const struct {
  const char *keys;
  void (*edit)(bd_line *line);
} edits[] = {{"<left> <c-b>", left},  {"<right> <c-f>", right}, {"<home> <c-a>", home},
             {"<end> <c-e>", end},    {"<bs> <c-h>", erase},    {"<del> <c-d>", erase_next},
             {"<c-u>", erase_before}, {"<c-k>", erase_after},   {"<c-w>", erase_word}};

bool bd_line_key(bd_line *line, const char *key) {
  if (bd_key_text(key)) return bd_line_insert(line, bd_key_text(key)), true;
  for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
    if (!bd_key_among(key, edits[i].keys)) continue;
    edits[i].edit(line);
    return true;
  }
  return false;
}

void bd_line_set(bd_line *line, const char *text) {
  size_t length = strlen(text);
  if (length >= BD_LINE_MAX) {
    length = BD_LINE_MAX - 1;
    while (length > 0 && is_tail(text[length]))
      length--;
  }
  memcpy(line->text, text, length);
  line->text[length] = '\0';
  line->cursor = length;
}

// Copies without control characters; returns the length. out: as large as text.
static size_t plain(const char *text, char *out) {
  size_t length = 0;
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte >= ' ' && byte != 127) out[length++] = *text;
  }
  out[length] = '\0';
  return length;
}

bool bd_line_insert(bd_line *line, const char *text) {
  char clean[BD_LINE_MAX];
  if (strlen(text) >= sizeof clean) return false;
  size_t length = plain(text, clean), tail = strlen(line->text + line->cursor) + 1;
  if (line->cursor + length + tail > BD_LINE_MAX) return false;
  memmove(line->text + line->cursor + length, line->text + line->cursor, tail);
  memcpy(line->text + line->cursor, clean, length);
  line->cursor += length;
  return true;
}

int bd_line_column(const bd_line *line) {
  int column = 0;
  for (size_t i = 0; i < line->cursor; i++)
    column += !is_tail(line->text[i]);
  return column;
}

void bd_history_add(bd_history *history, const char *text) {
  int count = history->count;
  char *copy =
      text[0] && (count == 0 || strcmp(history->lines[count - 1], text) != 0) ? strdup(text) : NULL;
  if (copy && count == BD_HISTORY_MAX) {
    free(history->lines[0]);
    memmove(history->lines, history->lines + 1, sizeof history->lines[0] * (BD_HISTORY_MAX - 1));
    history->count--;
  }
  if (copy) history->lines[history->count++] = copy;
  history->at = history->count;
}

void bd_history_step(bd_history *history, bd_line *line, int step) {
  int to = history->at + step;
  if (to < 0 || to > history->count) return;
  if (history->at == history->count) memcpy(history->typed, line->text, sizeof history->typed);
  history->at = to;
  bd_line_set(line, to == history->count ? history->typed : history->lines[to]);
}

void bd_history_clear(bd_history *history) {
  for (int i = 0; i < history->count; i++)
    free(history->lines[i]);
  *history = (bd_history){0};
}
