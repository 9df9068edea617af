// The levels of the layer in hand: a row for each, with the weights that take it.
#ifndef BD_VIEWERS_CODEBOOK_H
#define BD_VIEWERS_CODEBOOK_H

#include "viewers/view.h"

extern const bd_view_class bd_codebook_view;

// The rows that it takes to show the whole codebook.
int bd_codebook_rows(const bd_result *result);

#endif
