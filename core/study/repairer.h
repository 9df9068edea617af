// Recovery again and again, as settings change (recover.h is one of it): the network compiled, the
// float network's outputs and the layers repaired before stay. A layer is repaired anew only where
// its setting, or something in front of it, has changed; so the result is that of a first time,
// byte for byte.
#ifndef BD_STUDY_REPAIRER_H
#define BD_STUDY_REPAIRER_H

#include "core/study/points.h"
#include "core/study/recover.h"

typedef struct bd_repairer bd_repairer;

// Model and calibration data must outlive it. BD_INVALID: the network cannot be run.
bd_status bd_repairer_new(const bd_model *model, const bd_data *calibration,
                          const bd_recover_options *options, const bd_cancel *cancel,
                          bd_repairer **out, bd_error *err);
void bd_repairer_free(bd_repairer *repairer);

// As bd_recover; after BD_CANCELLED what was repaired by then stays for the next time. how is not
// BD_RECOVER_NONE. One call at a time, from any thread. progress: layers done, of those that are
// not there yet.
bd_status bd_repairer_run(bd_repairer *repairer, const bd_layer_study *studies, bd_recovery how,
                          const bd_cancel *cancel, bd_progress progress, void *arg, bd_repair **out,
                          bd_error *err);

// Repairs each point alone, all other layers float: no bisection judges it. Layers that cannot be
// repaired, and points that stay float, keep coded NULL. Of a fresh repairer; progress counts
// layers.
bd_status bd_repairer_points(bd_repairer *repairer, const bd_layer_study *studies,
                             bd_points *points, bd_recovery how, const bd_cancel *cancel,
                             bd_progress progress, void *arg, bd_error *err);

#endif
