// The explorer without a terminal: it takes keys by name and draws on a canvas. The terminal
// (app.c), scripts (script.c) and tests drive it alike. One thread.
#ifndef BD_TUI_UI_H
#define BD_TUI_UI_H

#include "tui/keys.h"
#include "tui/layout.h"
#include "tui/line.h"
#include "tui/rescue.h"
#include "tui/theme.h"
#include "viewers/view.h"

typedef struct bd_ui bd_ui;
typedef struct bd_handover bd_handover; // handover.h

// What lies over the panels and takes the keys: a prompt, the form, the help, a question. One at a
// time; a table of callbacks and its own state.
typedef struct bd_overlay_class {
  void (*draw)(void *state, bd_ui *ui, bd_area screen);
  // Takes a key. One that ends the overlay calls bd_ui_close, which frees the state.
  void (*key)(void *state, bd_ui *ui, const char *key);
  void (*paste)(void *state, const char *text); // NULL: pasted text is ignored
  void (*free)(void *state);                    // NULL: the state is not the overlay's
} bd_overlay_class;

// Fields are read by every file of tui/; ui.c changes them, and the commands in actions.c.
struct bd_ui {
  bd_desk desk;
  const bd_view_class *classes[BD_PANELS_MAX];
  bd_view *views[BD_PANELS_MAX];
  int panels, focus;
  int detail, below; // the panels chosen last beside the table, below panel 1 (layout.h)
  bd_canvas *canvas;
  bd_layout layout; // of the canvas as drawn last
  bool ascii;
  bool mono;     // no colours, whatever the theme
  bool scripted; // no terminal; nothing is remembered
  bd_theme theme;
  bool theme_chosen;               // here, not by an option: it is remembered
  const bd_overlay_class *overlay; // NULL: none
  void *overlay_state;
  bd_handover *handover; // exports; NULL until the first
  bd_rescue *rescue;     // the owner's (app.c); NULL: nothing is kept
  bd_history history;    // of the command line
  char find[128];        // what was searched for last
  char *clipboard;       // text that waits to go to the terminal's clipboard; NULL none. Owned.
  bool redraw;           // the terminal is to be drawn anew, whatever it shows
  bool asked;            // to leave, once, on a screen too small for a question
  char replace[512];     // the config path that was asked about: "" the usual one
  bool asked_to_replace;
  bool done; // leave
};

typedef struct bd_ui_options {
  bd_session *session; // stays the caller's
  const char *theme;   // name or path; NULL: as remembered, else dark
  bool ascii, mono, read_only, scripted;
  uint64_t compare; // shown beside the session's own at once (session/seen.h); 0: none
} bd_ui_options;

bd_status bd_ui_new(const bd_ui_options *options, bd_ui **out, bd_error *err);
void bd_ui_free(bd_ui *ui);
// Writes theme and history for the next run, unless read-only or scripted.
void bd_ui_remember(const bd_ui *ui);

void bd_ui_key(bd_ui *ui, const char *key);
void bd_ui_paste(bd_ui *ui, const char *text);
// wheel 0: a click; -1 up, +1 down.
void bd_ui_mouse(bd_ui *ui, int column, int row, int wheel);
// Runs what could be typed after `:`. BD_INVALID: there is no such command, or its argument is
// wrong.
bd_status bd_ui_run(bd_ui *ui, const char *line, bd_error *err);
// The same; a failure becomes the message.
void bd_ui_try(bd_ui *ui, const char *line);
// Takes in what the background finished; true where there is something new to draw.
bool bd_ui_poll(bd_ui *ui);
// Draws everything on ui->canvas. False without memory.
bool bd_ui_draw(bd_ui *ui, int columns, int rows);

// For the commands (actions.c): a new overlay in the place of the one that is there. Takes the
// state; NULL state (no memory) opens nothing.
void bd_ui_open(bd_ui *ui, const bd_overlay_class *overlay, void *state);
void bd_ui_close(bd_ui *ui);
void bd_ui_focus(bd_ui *ui, int panel);
void bd_ui_focus_named(bd_ui *ui, const char *panel);
bd_status bd_ui_load_theme(bd_ui *ui, const char *name, bd_error *err);

#endif
