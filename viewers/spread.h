// Where K-means ends from each init with 20 seeds: a row for each init.
#ifndef BD_VIEWERS_SPREAD_H
#define BD_VIEWERS_SPREAD_H

#include "core/session/insight.h"
#include "viewers/canvas.h"

enum { BD_SPREAD_COLUMNS_LEAST = 38 };

// Rows of the table: its head, and one for each init there is.
int bd_spread_rows(void);
// As many rows as the area has. optimum NaN: not known yet. init: the one in use is pointed at.
void bd_spread_draw(const bd_insight *insight, double optimum, int init, bd_area area);

#endif
