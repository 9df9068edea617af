#include "core/base/text.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_COMPARED = 256 };

// Bytes that continue a character of first byte `first`, and the least code that needs them.
static int utf8_tail(uint8_t first, uint32_t *least) {
  if (first < 0x80) return *least = 0, 0;
  if (first >= 0xC2 && first < 0xE0) return *least = 0x80, 1;
  if (first >= 0xE0 && first < 0xF0) return *least = 0x800, 2;
  if (first >= 0xF0 && first < 0xF5) return *least = 0x10000, 3;
  return -1;
}

int bd_utf8_decode(const char *text, size_t left, uint32_t *code) {
  uint8_t first = (uint8_t)text[0];
  uint32_t least;
  int tail = utf8_tail(first, &least);
  if (tail < 0 || (size_t)tail >= left) return 0;
  uint32_t value = tail == 0 ? first : first & (0x3Fu >> tail);
  for (int i = 1; i <= tail; i++) {
    uint8_t next = (uint8_t)text[i];
    if ((next & 0xC0) != 0x80) return 0;
    value = value << 6 | (next & 0x3F);
  }
  if (value < least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return 0;
  *code = value;
  return tail + 1;
}

int bd_utf8_encode(uint32_t code, char out[5]) {
  int tail = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t lead[] = {0, 0xC0, 0xE0, 0xF0};
  for (int i = tail; i > 0; i--) {
    out[i] = (char)(0x80 | (code & 0x3F));
    code >>= 6;
  }
  out[0] = (char)(lead[tail] | code);
  out[tail + 1] = '\0';
  return tail + 1;
}

// Characters that move a cursor, change direction of writing, or show nothing.
static bool is_unsafe(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

// Writes one piece of the escaped text to piece; returns the bytes of `from` that it stands for.
static int escape_one(const char *from, char piece[8]) {
  uint32_t code = 0;
  int length = bd_utf8_decode(from, strnlen(from, 4), &code);
  if (length > 0 && !is_unsafe(code)) {
    memcpy(piece, from, (size_t)length);
    piece[length] = '\0';
    return length;
  }
  if (length > 1) {
    snprintf(piece, 8, "\\u%04X", code & 0xFFFFu);
    return length;
  }
  static const char named[] = "\n\t\r";
  const char *at = strchr(named, *from);
  if (at)
    snprintf(piece, 8, "\\%c", "ntr"[at - named]);
  else
    snprintf(piece, 8, "\\x%02X", (unsigned)(uint8_t)*from);
  return 1;
}

char *bd_text_escape(char *out, size_t size, const char *from) {
  if (size == 0) return out;
  size_t used = 0;
  for (const char *at = from ? from : ""; *at;) {
    char piece[8];
    int taken = escape_one(at, piece);
    size_t length = strlen(piece);
    if (used + length >= size) break;
    memcpy(out + used, piece, length);
    used += length;
    at += taken;
  }
  out[used] = '\0';
  return out;
}

// Writes one piece of a valid text.
static int valid_one(const char *from, char piece[8]) {
  uint32_t code;
  int length = bd_utf8_decode(from, strnlen(from, 4), &code);
  if (length == 0) return escape_one(from, piece);
  memcpy(piece, from, (size_t)length);
  piece[length] = '\0';
  return length;
}

// Writes one piece of JSON, where ASCII controls stand between values alone.
static int json_one(const char *from, char piece[8]) {
  if ((uint8_t)*from < 0x7F) {
    piece[0] = *from;
    piece[1] = '\0';
    return 1;
  }
  int length = escape_one(from, piece);
  if (*from == 0x7F) strcpy(piece, "\\u007F");
  if (strncmp(piece, "\\x", 2) == 0) snprintf(piece, 8, "\\\\x%02X", (unsigned)(uint8_t)*from);
  return length;
}

static size_t copy_by(int (*one)(const char *, char[8]), char *out, const char *from) {
  size_t used = 0;
  while (*from) {
    char piece[8];
    from += one(from, piece);
    size_t length = strlen(piece);
    if (out) memcpy(out + used, piece, length + 1);
    used += length;
  }
  return used;
}

size_t bd_text_valid(char *out, const char *from) {
  if (out) *out = '\0';
  return copy_by(valid_one, out, from);
}

size_t bd_text_json(char *out, const char *from) {
  if (out) *out = '\0';
  return copy_by(json_one, out, from);
}

char *bd_text_bytes(char *out, size_t size, double bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (bytes >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
    bytes /= 1024;
    unit++;
  }
  snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return out;
}

char *bd_text_count(char *out, size_t size, int64_t count) {
  char digits[24], grouped[32];
  snprintf(digits, sizeof digits, "%lld", (long long)count);
  size_t length = strlen(digits), used = 0, sign = digits[0] == '-';
  for (size_t i = 0; i < length; i++) {
    if (i > sign && (length - i) % 3 == 0) grouped[used++] = ',';
    grouped[used++] = digits[i];
  }
  grouped[used] = '\0';
  snprintf(out, size, "%s", grouped);
  return out;
}

static int least_of(int a, int b, int c) {
  int least = a < b ? a : b;
  return least < c ? least : c;
}

int bd_text_distance(const char *a, const char *b) {
  int row[NAME_MAX_COMPARED + 1];
  size_t width = strnlen(b, NAME_MAX_COMPARED), height = strnlen(a, NAME_MAX_COMPARED);
  for (size_t j = 0; j <= width; j++)
    row[j] = (int)j;
  for (size_t i = 1; i <= height; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= width; j++) {
      int above = row[j];
      row[j] = least_of(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[width];
}

const char *bd_text_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *bd_text_spread(char *out, size_t size, int digits, double error) {
  if (isfinite(error))
    snprintf(out, size, "± %.*f", digits, error);
  else
    snprintf(out, size, "± –");
  return out;
}

double bd_text_size(const char *text) {
  static const char units[] = "KMGT";
  char *end;
  double value = strtod(text, &end);
  const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
  if (unit) {
    value *= (double)(1LL << 10 * (unit - units + 1));
    end++;
  }
  if (*end == 'i') end++;
  if (*end == 'B' || *end == 'b') end++;
  return *end || end == text ? NAN : value;
}
