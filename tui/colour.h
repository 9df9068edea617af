// Colours as a theme names them, and the nearest that a terminal has.
#ifndef BD_TUI_COLOUR_H
#define BD_TUI_COLOUR_H

#include <cjson/cJSON.h>
#include <stdbool.h>

typedef struct bd_colour {
  enum { BD_COLOUR_UNSET, BD_COLOUR_DEFAULT, BD_COLOUR_PALETTE, BD_COLOUR_RGB } kind;
  int value; // a palette number 0..255, or 0xRRGGBB
} bd_colour;

// "default", "#RRGGBB", a palette number 0..255, or a name of the first sixteen ("blue",
// "bright-blue"; "grey" is 8). False where the value is none of these.
bool bd_colour_read(const cJSON *json, bd_colour *out);

// The number to give a terminal of 8, 16 or 256 colours; -1: its default. The first sixteen are the
// user's own, so that an RGB colour takes the nearest of the other 240 where there are 256.
int bd_colour_number(bd_colour colour, int colours);

#endif
