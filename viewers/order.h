// Which layers the table shows, and in what order: filter and sort. Work is done only where
// something changed: a frame costs one pass over the layers at most, and none in model order.
#ifndef BD_VIEWERS_ORDER_H
#define BD_VIEWERS_ORDER_H

#include "core/session/session.h"
#include "viewers/columns.h"

typedef struct bd_order {
  bd_column sort; // set freely; bd_order_update sees it
  bool reverse;   // equal layers, and those without a value yet, stay in model order at the end
  int *layers;    // those shown, `count` of them. Owned.
  int *places;    // a layer's place in `layers`, -1 where the filter hides it. Owned.
  int count;
  int total; // layers of the model
  char filter[128];
  bd_column done_sort;
  bool done_reverse;
} bd_order;

// Brings the order up to date with the session. "" shows every layer. Without memory nothing is
// shown.
void bd_order_update(bd_order *order, const bd_session *session, const char *filter);
void bd_order_close(bd_order *order);

#endif
