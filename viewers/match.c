#include "viewers/match.h"

#include <ctype.h>
#include <string.h>

static bool has_capital(const char *text) {
  for (; *text; text++) {
    if (isupper((unsigned char)*text)) return true;
  }
  return false;
}

static bool holds(const char *name, const char *text, bool exact) {
  return (exact ? strstr(name, text) : strcasestr(name, text)) != NULL;
}

bool bd_layer_matches(const bd_layer *layer, const char *text) {
  bool exact = has_capital(text);
  return holds(layer->tensor, text, exact) || holds(layer->node, text, exact) ||
         holds(layer->op, text, exact);
}
