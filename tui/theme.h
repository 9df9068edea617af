// Themes: how each role looks. A theme is a JSON file:
//   {"extends": "dark", "roles": {"cursor": {"fg": "#RRGGBB", "bg": 24, "bold": true}, …}}
// A style's keys: fg, bg (colour.h says what they may be), fg16, bg16 (instead of fg and bg where
// the terminal has 16 colours or fewer), bold, dim, reverse, underline. A role that is not named,
// and a colour that is not given, is that of "text".
#ifndef BD_TUI_THEME_H
#define BD_TUI_THEME_H

#include "core/base/status.h"
#include "tui/colour.h"
#include "viewers/roles.h"

typedef struct bd_style {
  bd_colour fg, bg, fg16, bg16;
  bool bold, dim, reverse, underline;
} bd_style;

typedef struct bd_theme {
  char name[64];
  bd_style styles[BD_ROLE_COUNT];
} bd_theme;

// A theme by path (it holds a '/' or ends in ".json"), else by name: a file in
// XDG_CONFIG_HOME/bitdial/themes, else one that the program carries. BD_INVALID with one line that
// names the file and the key at fault; *out is then unchanged.
bd_status bd_theme_load(const char *name, bd_theme *out, bd_error *err);

// The theme in a text; `where` names it in errors.
bd_status bd_theme_parse(const char *text, const char *where, bd_theme *out, bd_error *err);

// The names of the themes that the program carries, by index; NULL past the last.
const char *bd_theme_name(int index);
// The one after `name`, around; the first where `name` is not among them.
const char *bd_theme_next(const char *name);

// A role's colour on a terminal of so many colours: its number, -1 for the terminal's default.
int bd_theme_fg(const bd_theme *theme, bd_role role, int colours);
int bd_theme_bg(const bd_theme *theme, bd_role role, int colours);

#endif
