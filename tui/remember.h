// What the explorer remembers from one run to the next, in XDG_STATE_HOME/bitdial: the theme
// (state.json) and the lines typed after `:` (history). What cannot be read or written is passed
// over: none of it is worth a failure.
#ifndef BD_TUI_REMEMBER_H
#define BD_TUI_REMEMBER_H

#include "tui/line.h"

// The theme's name; "" where none is remembered. Returns out.
char *bd_remember_theme(char *out, size_t size);
void bd_remember_history(bd_history *history);
// Written whole or not at all. theme NULL: the remembered one stays.
void bd_remember_save(const char *theme, const bd_history *history);

#endif
