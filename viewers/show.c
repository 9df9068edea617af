#include "viewers/show.h"

#include "core/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char none[] = "–";

// Puts the typographic minus in front of a number that is below zero.
static char *with_minus(char out[BD_SHOW_SIZE], const char *magnitude, bool negative) {
  snprintf(out, BD_SHOW_SIZE, "%s%s", negative ? "−" : "", magnitude);
  return out;
}

char *bd_show_sqnr(char out[BD_SHOW_SIZE], double db) {
  char digits[BD_SHOW_SIZE - 8];
  if (isnan(db)) return strcpy(out, none);
  if (isinf(db)) return strcpy(out, db > 0 ? "exact" : "−∞dB");
  snprintf(digits, sizeof digits, "%.1fdB", fabs(db));
  return with_minus(out, digits, db <= -0.05);
}

char *bd_show_prune(char out[BD_SHOW_SIZE], double ratio) {
  if (!(ratio > 0)) return strcpy(out, none);
  double percent = ratio * 100;
  bool whole = fabs(percent - round(percent)) < 0.005;
  snprintf(out, BD_SHOW_SIZE, whole ? "%.0f%%" : percent < 0.1 ? "%.2f%%" : "%.1f%%", percent);
  return out;
}

// A distance in percent without its leading zero (".02%", "1.3%", "130%"), or as a factor ("×20").
// up: a bound, which may only be rounded up.
static void print_distance(char out[16], double ratio, bool up) {
  double percent = (ratio - 1) * 100;
  int decimals = percent < 1 ? 2 : percent < 10 ? 1 : 0;
  double unit = percent < 1 ? 0.01 : percent < 10 ? 0.1 : 1;
  char digits[16];
  if (percent >= 999.5) {
    snprintf(out, 16, "×%.0f", up ? ceil(ratio) : ratio);
  } else if (percent < 0.01 && !up) {
    snprintf(out, 16, "+<.01%%");
  } else {
    snprintf(digits, sizeof digits, "%.*f", decimals,
             up ? fmax(ceil(percent / unit), 1) * unit : percent);
    snprintf(out, 16, "+%.8s%%", digits[0] == '0' && digits[1] == '.' ? digits + 1 : digits);
  }
}

char *bd_show_distance(char out[BD_SHOW_SIZE], double ratio) {
  char distance[16];
  print_distance(distance, ratio, false);
  return strcpy(out, distance);
}

char *bd_show_optimum(char out[BD_SHOW_SIZE], const bd_result *result) {
  double ratio = result->optimum_ratio;
  char distance[16];
  if (!bd_setting_clusters(&result->setting)) return strcpy(out, none);
  if (isnan(ratio) || ratio > 9999) return strcpy(out, "…");
  if (result->proved && ratio < 1 + 1e-8) return strcpy(out, "✓");
  print_distance(distance, ratio, !result->proved);
  snprintf(out, BD_SHOW_SIZE, "%s%s", result->proved ? "" : "≤", distance);
  return out;
}

// Three digits of a count, and which power of `thousand` it is in.
static char *print_scaled(char out[BD_SHOW_SIZE], double count, double thousand,
                          const char *units) {
  if (!(count >= 0)) return strcpy(out, none);
  int unit = 0;
  for (; count >= 999.5 && units[unit + 1]; unit++)
    count /= thousand;
  snprintf(out, BD_SHOW_SIZE, "%.*f%.*s", unit && count < 99.95 ? 1 : 0, count, units[unit] != ' ',
           &units[unit]);
  return out;
}

char *bd_show_kl(char out[BD_SHOW_SIZE], double kl) {
  if (isnan(kl)) return strcpy(out, none);
  snprintf(out, BD_SHOW_SIZE, kl < 9.9995 ? "%.3f" : "%.2f", kl);
  return out;
}

char *bd_show_share(char out[BD_SHOW_SIZE], double share) {
  if (isnan(share)) return strcpy(out, none);
  snprintf(out, BD_SHOW_SIZE, "%.1f%%", 100 * share);
  return out;
}

char *bd_show_bytes(char out[BD_SHOW_SIZE], double bytes) {
  return print_scaled(out, bytes, 1024, "BKMGTP");
}

char *bd_show_macs(char out[BD_SHOW_SIZE], double macs) {
  return print_scaled(out, macs, 1000, " KMGTP");
}

char *bd_show_value(char out[BD_SHOW_SIZE], double value) {
  double size = fabs(value);
  char digits[BD_SHOW_SIZE - 8], scientific[16];
  if (!isfinite(value)) return strcpy(out, none);
  if (size == 0) return strcpy(out, "0");
  if (size < 1e-3 || size >= 1e5) {
    snprintf(scientific, sizeof scientific, "%.1e", size);
    int exponent = atoi(strchr(scientific, 'e') + 1);
    snprintf(digits, sizeof digits, "%.3se%s%d", scientific, exponent < 0 ? "−" : "",
             abs(exponent));
  } else {
    int decimals = size < 0.1 ? 4 : size < 1 ? 3 : size < 100 ? 2 : 0;
    snprintf(digits, sizeof digits, "%.*f", decimals, size);
  }
  return with_minus(out, digits, value < 0);
}

char *bd_show_shape(char *out, size_t size, const bd_layer *layer) {
  if (layer->rank <= 0) {
    snprintf(out, size, "%s", none);
    return out;
  }
  size_t used = 0;
  for (int i = 0; i < layer->rank && i < 8 && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i ? "×" : "", layer->shape[i]);
  return out;
}

const char *bd_show_kind(const bd_layer *layer) {
  return layer->depthwise ? "dwConv" : layer->op;
}

char *bd_show_op(char *out, size_t size, const bd_layer *layer) {
  return bd_text_escape(out, size, bd_show_kind(layer));
}

char *bd_show_name(char *out, size_t size, const char *name, bool ascii) {
  char safe[1024];
  bd_text_escape(ascii ? safe : out, ascii ? sizeof safe : size, name);
  if (!ascii) return out;
  size_t used = 0;
  out[0] = '\0';
  for (const char *c = safe; *c && used + 5 <= size; c++) {
    bool plain = (unsigned char)*c < 0x80;
    used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "\\x%02X", (unsigned char)*c);
  }
  return out;
}

int bd_show_columns(const char *text) {
  int columns = 0; // continuation bytes take none
  for (; *text; text++)
    columns += ((unsigned char)*text & 0xC0) != 0x80;
  return columns;
}

static bool is_letter(char c) {
  return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

// The character after the one at c.
static char *next(char *c) {
  do
    c++;
  while (((unsigned char)*c & 0xC0) == 0x80);
  return c;
}

static int letters_at(char *c) {
  int letters = 0;
  for (; is_letter(*c); c = next(c))
    letters++;
  return letters;
}

static void erase(char *from, int characters) {
  char *to = from;
  for (; characters > 0 && *to; characters--)
    to = next(to);
  memmove(from, to, strlen(to) + 1);
}

// Shortens words from the left, each to one letter at least, until `excess` letters are gone.
// Returns how many are still to go; *last: where the last word ends that lost some.
static int shorten_words(char *text, int excess, char **last) {
  for (char *c = text; *c && excess > 0;) {
    int letters = letters_at(c), keep = letters - excess < 1 ? 1 : letters - excess;
    if (letters == 0) keep = 1; // a digit or a separator stays
    for (int i = 0; i < keep; i++)
      c = next(c);
    if (letters > keep) {
      erase(c, letters - keep);
      excess -= letters - keep;
      *last = c;
    }
  }
  return excess;
}

static void insert_ellipsis(char *text, char *at, size_t size) {
  static const char ellipsis[] = "…";
  if (strlen(text) + sizeof ellipsis > size) return;
  memmove(at + sizeof ellipsis - 1, at, strlen(at) + 1);
  memcpy(at, ellipsis, sizeof ellipsis - 1);
}

char *bd_show_short(char *out, size_t size, const char *name, int columns) {
  snprintf(out, size, "%s", name);
  int excess = bd_show_columns(out) - columns;
  if (excess <= 0 || columns < 1) return out;
  char *mark = out;
  excess = shorten_words(out, excess + 1, &mark); // one more for the mark
  erase(out, excess);
  insert_ellipsis(out, excess > 0 ? out : mark, size);
  return out;
}

char *bd_show_tail(char *out, size_t size, const char *name, int columns) {
  snprintf(out, size, "%s", name);
  int excess = bd_show_columns(out) - columns;
  if (excess <= 0 || columns < 1) return out;
  erase(out, excess + 1);
  insert_ellipsis(out, out, size);
  return out;
}
