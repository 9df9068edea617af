// Scripts: keys and commands from a file, in the place of a terminal. One instruction a line:
//   # a comment
//   :command line         (": " is the key)
//   j j <enter> /conv    keys apart by blanks; a word that names no key is typed letter by letter
#ifndef BD_TUI_SCRIPT_H
#define BD_TUI_SCRIPT_H

#include "tui/ui.h"

// Runs the script ("-": standard input) on a screen of LINES and COLUMNS (else 24×80), until its
// end or until it quits. BD_INVALID: "script.txt:7: …".
bd_status bd_script_run(bd_ui *ui, const char *path, bd_error *err);

// Until no job is running.
bd_status bd_script_wait(bd_ui *ui, bd_error *err);
// Draws, and writes the screen in two layers: what is drawn, then each cell's role
// (viewers/roles.h).
bd_status bd_script_save_screen(bd_ui *ui, const char *path, bd_error *err);

#endif
