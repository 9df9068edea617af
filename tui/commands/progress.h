// What a command says while it works: nothing for two seconds, then on standard error a bar with
// the time left (on a terminal) or a line every few seconds.
#ifndef BD_TUI_COMMANDS_PROGRESS_H
#define BD_TUI_COMMANDS_PROGRESS_H

#include "core/base/pool.h"

typedef struct bd_bar {
  const char *what; // "layers"
  double start;     // bd_seconds
  double last;      // when it was drawn last, seconds after start
  bool terminal, drawn;
} bd_bar;

bd_bar bd_bar_start(const char *what);
// A bd_progress (study/study.h): arg is the bd_bar.
void bd_bar_show(void *arg, int done, int total);
// Takes the bar off the terminal.
void bd_bar_end(bd_bar *bar);

// Set by SIGINT, SIGTERM and SIGHUP from the first call on: the command stops and exits with 130.
const bd_cancel *bd_interrupt(void);

#endif
