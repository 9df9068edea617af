#include "tui/colour.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[16] = {
    "black",        "red",           "green",       "yellow",         "blue",
    "magenta",      "cyan",          "white",       "grey",           "bright-red",
    "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan",
    "bright-white"};

// xterm's own sixteen: what most terminals come near to.
static const int sixteen[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};

static bool read_hex(const char *text, bd_colour *out) {
  if (strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6) return false;
  *out = (bd_colour){BD_COLOUR_RGB, (int)strtol(text + 1, NULL, 16)};
  return true;
}

static bool read_name(const char *text, bd_colour *out) {
  for (int i = 0; i < 16; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = (bd_colour){BD_COLOUR_PALETTE, i};
    return true;
  }
  return false;
}

bool bd_colour_read(const cJSON *json, bd_colour *out) {
  if (cJSON_IsNumber(json)) {
    if (!(json->valuedouble >= 0 && json->valuedouble <= 255)) return false;
    *out = (bd_colour){BD_COLOUR_PALETTE, (int)json->valuedouble};
    return out->value == json->valuedouble;
  }
  if (!cJSON_IsString(json)) return false;
  if (json->valuestring[0] == '#') return read_hex(json->valuestring, out);
  if (strcmp(json->valuestring, "default") != 0) return read_name(json->valuestring, out);
  *out = (bd_colour){BD_COLOUR_DEFAULT, 0};
  return true;
}

// The colour of a number: sixteen, a cube of 6×6×6, 24 greys.
static int palette_rgb(int number) {
  static const int steps[6] = {0, 95, 135, 175, 215, 255};
  if (number < 16) return sixteen[number];
  if (number >= 232) return (8 + 10 * (number - 232)) * 0x010101;
  int cube = number - 16;
  return steps[cube / 36] << 16 | steps[cube / 6 % 6] << 8 | steps[cube % 6];
}

static int distance(int a, int b) {
  int red = (a >> 16) - (b >> 16), green = (a >> 8 & 255) - (b >> 8 & 255),
      blue = (a & 255) - (b & 255);
  return 2 * red * red + 4 * green * green + 3 * blue * blue; // the eye's rough weights
}

static int nearest(int rgb, int from, int to) {
  int best = from;
  for (int i = from + 1; i < to; i++) {
    if (distance(rgb, palette_rgb(i)) < distance(rgb, palette_rgb(best))) best = i;
  }
  return best;
}

// Of sixteen to eight: the bright ones lose their brightness, grey is nearer to white than to
// black.
static int darken(int number) {
  return number < 8 ? number : number == 8 ? 7 : number - 8;
}

int bd_colour_number(bd_colour colour, int colours) {
  if (colour.kind == BD_COLOUR_UNSET || colour.kind == BD_COLOUR_DEFAULT) return -1;
  bool palette = colour.kind == BD_COLOUR_PALETTE;
  int number = colour.value;
  if (!palette || (number >= 16 && colours < 256)) {
    int rgb = palette ? palette_rgb(number) : number;
    number = colours >= 256 ? nearest(rgb, 16, 256) : nearest(rgb, 0, 16);
  }
  return colours < 16 ? darken(number) : number;
}
