// What runs in the background, what waits, and what was finished last.
#ifndef BD_VIEWERS_JOBS_H
#define BD_VIEWERS_JOBS_H

#include "viewers/view.h"

extern const bd_view_class bd_jobs_view;

#endif
