#include "viewers/view.h"

#include "core/session/seen.h"
#include "viewers/channels.h"
#include "viewers/codebook.h"
#include "viewers/compare.h"
#include "viewers/convergence.h"
#include "viewers/error.h"
#include "viewers/frontier.h"
#include "viewers/graph.h"
#include "viewers/histogram.h"
#include "viewers/jobs.h"
#include "viewers/layers.h"
#include "viewers/sensitivity.h"

#include <stdarg.h>

static const bd_view_class *const views[] = {
    &bd_layers_view,   &bd_histogram_view, &bd_error_view,       &bd_convergence_view,
    &bd_codebook_view, &bd_channels_view,  &bd_sensitivity_view, &bd_graph_view,
    &bd_frontier_view, &bd_compare_view,   &bd_jobs_view};
enum { VIEWS = sizeof views / sizeof *views };

const bd_view_class *bd_view_at(int index) {
  return index >= 0 && index < VIEWS ? views[index] : NULL;
}

int bd_view_count(void) {
  return VIEWS;
}

void bd_desk_say(bd_desk *desk, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(desk->message, sizeof desk->message, format, arguments);
  va_end(arguments);
  desk->failed = false;
}

bd_status bd_desk_pin(bd_desk *desk, int seen, const char *name, bd_error *err) {
  char letter = bd_session_seen(desk->session, seen)->pin;
  if (letter && !name) {
    bd_session_unpin(desk->session, seen);
    bd_desk_say(desk, "pin %c is off", letter);
    return BD_OK;
  }
  BD_TRY(bd_session_pin(desk->session, seen, name, err));
  bd_desk_say(desk, "pinned as %c: w saves pins with the config, x compares",
              bd_session_seen(desk->session, seen)->pin);
  return BD_OK;
}

void bd_desk_fail(bd_desk *desk, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(desk->message, sizeof desk->message, format, arguments);
  va_end(arguments);
  desk->failed = true;
}
