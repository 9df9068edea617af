#include "core/session/tasks.h"

#include "core/base/clock.h"
#include "core/session/internal.h"

#include <math.h>

static const char *const names[] = {
    [BD_STAGE_INDEX] = "reading and sorting",
    [BD_STAGE_QUICK] = "clustering",
    [BD_STAGE_PROOF] = "proof",
    [BD_STAGE_CURVE] = "every width",
    [BD_STAGE_INSIGHT] = "for a panel",
    [BD_STAGE_SEEN] = "for the comparison",
};

void bd_tasks_begin(bd_session *session, bd_delivery *delivery) {
  delivery->began = bd_seconds();
  delivery->beside = session->flying;
  session->flying = delivery;
}

void bd_tasks_end(bd_session *session, const bd_delivery *delivery) {
  bd_delivery **at = &session->flying;
  while (*at && *at != delivery)
    at = &(*at)->beside;
  if (*at) *at = delivery->beside;
  bool failed = delivery->status != BD_OK && delivery->status != BD_CANCELLED;
  session->finished[session->finished_count++ % BD_TASKS_DONE] = (bd_task_line){
      .state = BD_TASK_DONE,
      .what = names[delivery->stage],
      .layer = delivery->layer,
      .seconds = delivery->took,
      .thread = atomic_load(&delivery->thread),
      .ending = failed                      ? "failed"
                : delivery->status == BD_OK ? ""
                                            : "cancelled",
  };
}

typedef struct list {
  bd_task_line *lines;
  int count;
} list;

static void add(list *to, bd_task_line line) {
  if (to->count < BD_TASKS_MOST) to->lines[to->count++] = line;
}

static void add_running(const bd_session *session, list *to) {
  double now = bd_seconds();
  for (const bd_delivery *d = session->flying; d; d = d->beside)
    add(to, (bd_task_line){.what = names[d->stage],
                           .layer = d->layer,
                           .seconds = now - d->began,
                           .thread = atomic_load(&d->thread)});
  const bd_live_state *live = &session->live_state;
  if (bd_live_pending(session))
    add(to, (bd_task_line){.what = "accuracy",
                           .layer = -1,
                           .done = live->figures.samples,
                           .of = live->figures.wanted,
                           .seconds = NAN});
  const bd_sensing_state *sweep = &session->sensing_state;
  if (sweep->running)
    add(to, (bd_task_line){.what = "sweep",
                           .layer = -1,
                           .done = sweep->samples,
                           .of = sweep->wanted,
                           .seconds = NAN,
                           .stop = "s"});
  if (session->survey_pending)
    add(to, (bd_task_line){.what = "reading the graph", .layer = -1, .seconds = NAN});
}

// Does the layer wait for that stage, and is not at work on it?
static bool waits(const bd_session *session, int layer, bd_stage stage) {
  const bd_layer_state *state = &session->states[layer];
  const bd_slot *slot = &session->slots[layer];
  if (state->refused || (slot->busy && slot->stage == stage)) return false;
  if (stage == BD_STAGE_INDEX) return !state->index;
  if (stage == BD_STAGE_QUICK) return state->stale && !slot->failed;
  return stage == BD_STAGE_PROOF ? state->proving : !slot->curve_done;
}

static void add_waiting(const bd_session *session, list *to) {
  for (bd_stage stage = BD_STAGE_INDEX; stage <= BD_STAGE_CURVE; stage++) {
    bd_task_line line = {.state = BD_TASK_WAITS, .what = names[stage], .layer = -1, .seconds = NAN};
    for (int i = 0; i < session->count; i++)
      line.layers += waits(session, i, stage);
    if (line.layers) add(to, line);
  }
}

int bd_session_tasks(const bd_session *session, bd_task_line lines[BD_TASKS_MOST]) {
  list all = {lines, 0};
  add_running(session, &all);
  add_waiting(session, &all);
  int last = session->finished_count, kept = last < BD_TASKS_DONE ? last : BD_TASKS_DONE;
  for (int i = 1; i <= kept; i++)
    add(&all, session->finished[(last - i) % BD_TASKS_DONE]);
  return all.count;
}
