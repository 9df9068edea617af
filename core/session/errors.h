// Local errors of a session's layers (study/local.h), each as it is in the network that was run
// last, repaired where that is: the live thread measures one whenever it has nothing better to do.
// For core/session alone.
#ifndef BD_SESSION_ERRORS_H
#define BD_SESSION_ERRORS_H

#include "core/session/internal.h"

typedef struct bd_errors bd_errors;

bd_status bd_errors_new(const bd_model *model, int threads, bd_errors **out, bd_error *err);
void bd_errors_free(bd_errors *errors); // NULL is allowed

// --- on the UI thread ---
void bd_errors_look_at(bd_errors *errors, int in_hand, int first, int last);
// Puts what is new into the session's layers; true where something is.
bool bd_errors_poll(bd_errors *errors, bd_session *session);

// --- on the live thread ---
// The samples that they are measured over from now on: those that are scored. They must stay until
// others are named.
void bd_errors_over(bd_errors *errors, const bd_data *data);
// The network is another one now: what was measured of other layers is marked.
void bd_errors_renew(bd_errors *errors, const bd_remake *remake);
// The layer whose error is wanted most: in hand, visible, any. False where all are known.
bool bd_errors_next(bd_errors *errors, const bd_remake *remake, int *layer);
// Measures it. BD_CANCELLED leaves everything as it was.
bd_status bd_errors_measure(bd_errors *errors, int layer, const bd_remake *remake,
                            const bd_cancel *cancel, bd_error *err);
// They cannot be had: no layer has one, and none is wanted again.
void bd_errors_give_up(bd_errors *errors);

#endif
