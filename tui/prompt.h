// Prompts: the command line, and the questions for a number or a text, on the last line.
#ifndef BD_TUI_PROMPT_H
#define BD_TUI_PROMPT_H

#include "tui/ui.h"

// Opens a prompt: `label` in front, `text` to begin with. Enter runs `command` (a command's name)
// with the line as its argument; NULL: the line is the command itself, with completion and history.
// An empty line runs nothing, unless there was a text to begin with.
void bd_prompt_open(bd_ui *ui, const char *label, const char *command, const char *text);

#endif
