// Which characters may stand in a cell, and what stands for them on an ASCII screen. canvas.c uses
// these; views draw through canvas.h.
#ifndef BD_VIEWERS_GLYPHS_H
#define BD_VIEWERS_GLYPHS_H

#include <stdbool.h>
#include <stdint.h>

// True for printable characters that every terminal shows in one column. Not for control, combining
// and wide characters, nor for those that turn the direction of text.
bool bd_glyph_narrow(uint32_t glyph);

// The ASCII character for a glyph: its twin in the tables of canvas.h, '?' where it has none.
char bd_glyph_ascii(uint32_t glyph);

#endif
