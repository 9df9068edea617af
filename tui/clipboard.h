// The clipboard: through tmux inside it, else by the terminal's own escape sequence (OSC 52), which
// works over SSH.
#ifndef BD_TUI_CLIPBOARD_H
#define BD_TUI_CLIPBOARD_H

#include <stdbool.h>

// Gives the text to `tmux load-buffer -w -`. False where this is not tmux, or it failed.
bool bd_clipboard_tmux(const char *text);
// The sequence that gives the text to the terminal. Caller frees; NULL without memory.
char *bd_clipboard_sequence(const char *text);

#endif
