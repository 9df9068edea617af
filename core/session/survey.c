// The survey of the network: made once in the background, and again by the live thread, whose plan
// knows the shapes of the data.
#include "core/session/internal.h"

#include <stdlib.h>

void bd_session_give_survey(bd_session *session, bd_survey *survey, bool better) {
  pthread_mutex_lock(&session->lock);
  bool taken = better || !session->surveyed;
  bd_survey *old = taken ? session->new_survey : survey;
  if (taken) session->new_survey = survey;
  session->surveyed = true;
  pthread_mutex_unlock(&session->lock);
  bd_survey_free(old);
  bd_session_wake(session);
}

static void make(void *arg, const bd_cancel *cancel) {
  bd_session *session = arg;
  bd_survey *survey = NULL;
  bd_error err;
  if (!bd_cancelled(cancel)) bd_survey_new(session->model, NULL, &survey, &err);
  bd_session_give_survey(session, survey, false);
}

static void drop(void *arg) {
  bd_session_give_survey(arg, NULL, false);
}

void bd_survey_start(bd_session *session) {
  bd_pool_submit(session->pool, (bd_task){make, drop, session, 1});
}

bool bd_survey_poll(bd_session *session) {
  pthread_mutex_lock(&session->lock);
  bd_survey *fresh = session->new_survey;
  session->new_survey = NULL;
  session->survey_pending = !session->surveyed;
  pthread_mutex_unlock(&session->lock);
  if (!fresh) return false;
  bd_survey_free(session->survey);
  session->survey = fresh;
  return true;
}

const bd_survey *bd_session_survey(const bd_session *session) {
  return session->survey;
}
