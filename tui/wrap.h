// Breaking a text into lines.
#ifndef BD_TUI_WRAP_H
#define BD_TUI_WRAP_H

// How many bytes of a UTF-8 text fit into `columns`: up to a blank where there is one. At least one
// character of a text that is not empty.
int bd_wrap(const char *text, int columns);
// The next line: past what was taken and the blanks after it.
const char *bd_wrap_next(const char *text, int taken);
// How many lines a text takes.
int bd_wrap_lines(const char *text, int columns);

#endif
