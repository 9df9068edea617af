#include "viewers/markup.h"

#include "core/base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TEXT_MOST = 4000 };

static const char *reference_of(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  }
  return NULL;
}

// Codes that Unicode keeps out of texts: neither HTML nor XML may hold them.
static bool is_no_character(uint32_t code) {
  return (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
}

void bd_markup_text(FILE *out, const char *text) {
  char safe[TEXT_MOST];
  bd_text_escape(safe, sizeof safe, text);
  for (const char *at = safe; *at;) {
    uint32_t code = 0;
    int length = bd_utf8_decode(at, strlen(at), &code);
    const char *reference = reference_of(*at);
    if (reference)
      fputs(reference, out);
    else if (is_no_character(code))
      fprintf(out, "\\u%04X", (unsigned)code);
    else
      fwrite(at, 1, (size_t)length, out);
    at += length;
  }
}

void bd_markup_number(FILE *out, const char *key, double value, const char *shown) {
  if (isfinite(value)) fprintf(out, "<data class=\"%s\" value=\"%.17g\">", key, value);
  bd_markup_text(out, shown);
  if (isfinite(value)) fputs("</data>", out);
}
