// What a session computes: one snapshot of what runs, what waits, and what was finished last.
#ifndef BD_SESSION_TASKS_H
#define BD_SESSION_TASKS_H

#include "core/session/session.h"

typedef enum bd_task_state { BD_TASK_RUNS, BD_TASK_WAITS, BD_TASK_DONE } bd_task_state;

typedef struct bd_task_line {
  bd_task_state state;
  const char *what;   // "proof"; a constant
  int layer;          // -1: none in particular
  int layers;         // of BD_TASK_WAITS: for so many
  int64_t done, of;   // samples; 0 of 0: it is not about samples
  double seconds;     // it runs, or took; NaN: not known
  int thread;         // as the system numbers it (htop); 0: not known
  const char *ending; // of BD_TASK_DONE: "", "cancelled", "failed"
  const char *stop;   // which key ends it; NULL: a turned dial makes way
} bd_task_line;

enum { BD_TASKS_MOST = 96, BD_TASKS_DONE = 48 };

// Fills lines: what runs, then what waits, then what is done, the last first. Returns how many.
// Copies; no lock is held.
int bd_session_tasks(const bd_session *session, bd_task_line lines[BD_TASKS_MOST]);

#endif
