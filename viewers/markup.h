// Writing HTML that is well-formed XML too, so that the strictest reader takes it.
#ifndef BD_VIEWERS_MARKUP_H
#define BD_VIEWERS_MARKUP_H

#include <stdio.h>

// Text or an attribute's value, whatever it holds: what means something to HTML becomes a
// reference, controls and bytes that are not UTF-8 appear as \n or \xNN. Cut past 4,000 bytes.
void bd_markup_text(FILE *out, const char *text);

// A number as people read it, exactly in its value: <data class="sqnr_db" value="13.2041…">13.2
// dB</data>. key: its name in --json. One that is not finite is the text alone.
void bd_markup_number(FILE *out, const char *key, double value, const char *shown);

#endif
