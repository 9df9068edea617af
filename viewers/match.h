// Which layers a word of the user means: for the find and filter prompts and the layer table.
#ifndef BD_VIEWERS_MATCH_H
#define BD_VIEWERS_MATCH_H

#include "core/model/model.h"

// The layer's tensor, node or operator holds `text`. Smart case: capitals in text count, text
// without any matches both. "" matches every layer.
bool bd_layer_matches(const bd_layer *layer, const char *text);

#endif
