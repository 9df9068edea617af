// A line that is being typed: text, cursor, history. No screen.
#ifndef BD_TUI_LINE_H
#define BD_TUI_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum { BD_LINE_MAX = 512, BD_HISTORY_MAX = 200 };

typedef struct bd_line {
  char text[BD_LINE_MAX]; // UTF-8, terminated
  size_t cursor;          // in bytes, on the edge of a character
} bd_line;

// The lines typed before, oldest first. Owned.
typedef struct bd_history {
  char *lines[BD_HISTORY_MAX];
  int count;
  int at;                  // where Up and Down are; count: at the line being typed
  char typed[BD_LINE_MAX]; // that line, while another one is shown
} bd_history;

// Replaces the text; the cursor goes to its end. A text that is too long is cut.
void bd_line_set(bd_line *line, const char *text);
// Puts text before the cursor; control characters are left out. False where it does not fit (then
// nothing is put).
bool bd_line_insert(bd_line *line, const char *text);
// Takes an editing key: characters, <left> <right> <home> <end> <bs> <del> <c-a> <c-e> <c-b> <c-f>
// <c-d> <c-h> <c-u> <c-k> <c-w>. False: it is none of these.
bool bd_line_key(bd_line *line, const char *key);
// The cursor in characters, for drawing.
int bd_line_column(const bd_line *line);

// Adds a line; one like the last is not repeated. The oldest goes where it is full.
void bd_history_add(bd_history *history, const char *text);
// Shows the line before (step -1) or after (+1) the one shown.
void bd_history_step(bd_history *history, bd_line *line, int step);
void bd_history_clear(bd_history *history);

#endif
