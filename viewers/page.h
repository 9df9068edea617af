// Everything the panels show, as one self-contained page: HTML with SVG, no network, no script
// needed to read it. Light and dark, on paper and on a phone. It is well-formed XML too.
#ifndef BD_VIEWERS_PAGE_H
#define BD_VIEWERS_PAGE_H

#include "viewers/view.h"

// What a page says of itself.
typedef struct bd_page_about {
  const char *version;
  const char *command; // the command line that made it
  char sha256[65];     // of the model file
} bd_page_about;

// Writes the page. All jobs must be done. Errors of `out` are the caller's to look for. False where
// memory ran out for a part of it.
bool bd_page_write(bd_desk *desk, const bd_page_about *about, FILE *out);

// --- its parts, each in a file of its own --------------------------------------------------------

void bd_page_style(FILE *out);  // the style sheet
void bd_page_script(FILE *out); // sorts the table of layers by a click on a head

// The layers at 1 to 8 bits: an SVG, and the same as a table.
void bd_page_map(const bd_session *session, FILE *out);

// Size against error: an SVG, and the same as a table. False without memory.
bool bd_page_frontier(const bd_session *session, FILE *out);

// A layer's weights before and after, and the same small, for a table.
void bd_page_histogram(const bd_layer_state *state, const char *name, FILE *out);
void bd_page_spark(const bd_layer_state *state, FILE *out);

#endif
