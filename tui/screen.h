// The terminal: the only file of bitdial that knows curses. It shows a canvas, and reads keys,
// pasted text and the mouse. However the program ends, the terminal is left as it was found.
#ifndef BD_TUI_SCREEN_H
#define BD_TUI_SCREEN_H

#include "tui/theme.h"
#include "viewers/canvas.h"

typedef struct bd_screen bd_screen;

typedef struct bd_event {
  enum { BD_EVENT_KEY, BD_EVENT_PASTE, BD_EVENT_MOUSE } kind;
  char key[8];     // its name (keys.h)
  char *text;      // pasted; belongs to the screen, until the next event
  int column, row; // of the mouse
  int wheel;       // 0: a click; -1 up, +1 down
} bd_event;

// Takes the terminal over. BD_INVALID: standard input or output is no terminal, TERM is not known
// or cannot move a cursor. There can be one screen at a time.
bd_status bd_screen_open(bool mouse, bd_screen **out, bd_error *err);
// Gives it back as it was. NULL is allowed.
void bd_screen_close(bd_screen *screen);

int bd_screen_columns(const bd_screen *screen);
int bd_screen_rows(const bd_screen *screen);
// 0 where the terminal has none.
int bd_screen_colours(const bd_screen *screen);

// Shows the canvas: what changed goes to the terminal at once. anew: everything does.
void bd_screen_show(bd_screen *screen, const bd_canvas *canvas, const bd_theme *theme, bool anew);
// Takes up the terminal's size after SIGWINCH.
void bd_screen_resize(bd_screen *screen);

// The next event; false: there is none yet. Never waits longer than ESCDELAY (25 ms unless the user
// set it).
bool bd_screen_read(bd_screen *screen, bd_event *out);

// Before the process stops, and after it goes on.
void bd_screen_suspend(bd_screen *screen);
void bd_screen_resume(bd_screen *screen);

// Sends an escape sequence as it is (the clipboard).
void bd_screen_send(bd_screen *screen, const char *sequence);

#endif
