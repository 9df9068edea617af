// Completion of the command line: command names, then what each command takes.
#ifndef BD_TUI_COMPLETE_H
#define BD_TUI_COMPLETE_H

#include "tui/ui.h"

enum { BD_CANDIDATES_MAX = 256 };

typedef struct bd_candidate {
  const char *text; // belongs to a table, or to the model
  const char *help; // NULL: nothing to say
} bd_candidate;

typedef struct bd_candidates {
  size_t from; // where in the line the text begins that they complete
  int count;
  bd_candidate items[BD_CANDIDATES_MAX]; // those past the last are left out
} bd_candidates;

void bd_complete(const bd_ui *ui, const char *line, bd_candidates *out);

#endif
