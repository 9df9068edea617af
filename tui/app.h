// The explorer: a session in a terminal, or under a script.
#ifndef BD_TUI_APP_H
#define BD_TUI_APP_H

#include "core/session/session.h"

typedef struct bd_explore_options {
  bd_session *session; // taken over, whatever happens
  const char *theme;   // name or path of a theme; NULL: as remembered, else dark
  const char *script;  // a file of keys and commands in the place of a terminal; NULL: none
  bool ascii, no_color, no_mouse, read_only;
  uint64_t compare; // a configuration to show beside the session's (session/seen.h); 0: none
} bd_explore_options;

// Runs until the user leaves. BD_INVALID: no terminal, an unknown TERM, a wrong theme, a script's
// line that failed. BD_CANCELLED: interrupted. After SIGTERM and SIGHUP it cleans up, and the
// process dies by that signal.
bd_status bd_explore(const bd_explore_options *options, bd_error *err);

#endif
