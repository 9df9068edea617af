#include "tui/wrap.h"

#include <string.h>

static int next_character(const char *text, int at) {
  at++;
  while (((unsigned char)text[at] & 0xC0) == 0x80)
    at++;
  return at;
}

int bd_wrap(const char *text, int columns) {
  int at = 0, blank = 0;
  if (!text[0]) return 0;
  for (int column = 0; column < columns && text[at]; column++) {
    if (text[at] == ' ') blank = at;
    at = next_character(text, at);
  }
  if (at == 0) return next_character(text, 0);
  if (text[at] && text[at] != ' ' && blank > 0) at = blank;
  while (at > 1 && text[at - 1] == ' ')
    at--; // no line ends in blanks
  return at;
}

const char *bd_wrap_next(const char *text, int taken) {
  text += taken;
  return text + strspn(text, " ");
}

int bd_wrap_lines(const char *text, int columns) {
  int lines = 0;
  for (; *text; lines++)
    text = bd_wrap_next(text, bd_wrap(text, columns));
  return lines;
}
