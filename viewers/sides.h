// What the comparison of two configurations says of a layer: a column for each side of bits, prune
// ratio, SQNR and size.
#ifndef BD_VIEWERS_SIDES_H
#define BD_VIEWERS_SIDES_H

#include "core/session/seen.h"
#include "viewers/show.h"

// Own and other by turns.
typedef enum bd_side_column {
  BD_SIDE_TENSOR,
  BD_SIDE_BITS,
  BD_SIDE_OTHER_BITS,
  BD_SIDE_PRUNE,
  BD_SIDE_OTHER_PRUNE,
  BD_SIDE_SQNR,
  BD_SIDE_OTHER_SQNR,
  BD_SIDE_SIZE,
  BD_SIDE_OTHER_SIZE,
  BD_SIDE_COLUMNS
} bd_side_column;

static inline bool bd_side_is_other(bd_side_column column) {
  return column > BD_SIDE_TENSOR && column % 2 == 0;
}

// The value of a numeric column, NaN where it is not known. other: what the session is compared
// with.
double bd_side_value(const bd_session *session, const bd_seen *other, int layer,
                     bd_side_column column);
// The same as people read it; "" where it is not known.
char *bd_side_show(char out[BD_SHOW_SIZE], double value, bd_side_column column);

// The other side's setting of the layer differs from the session's.
bool bd_side_differs(const bd_session *session, const bd_seen *other, int layer);
// Names the fields that differ: "bits 8 → 3, method kmeans → linear"; "" none.
char *bd_side_difference(const bd_session *session, const bd_seen *other, int layer, char *out,
                         size_t size);

#endif
