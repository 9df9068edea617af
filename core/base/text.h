// Text for people: escaping, UTF-8, sizes, counts, name distance.
#ifndef BD_BASE_TEXT_H
#define BD_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

// Copies `from` into out (size bytes, terminated), control characters and bytes that are not UTF-8
// as \n, \t or \xNN: what comes from a file never reaches a terminal raw. NULL reads as "".
// Returns out. A text that does not fit is cut between characters.
char *bd_text_escape(char *out, size_t size, const char *from);

// Copies `from`, each byte of it that is not UTF-8 as \xNN, and returns the length; out NULL only
// counts. Everything else stays as it is.
size_t bd_text_valid(char *out, const char *from);

// The same for JSON that is printed already: bytes that are not UTF-8 become the text \xNN in their
// string, and characters that a terminal would act on \uNNNN.
size_t bd_text_json(char *out, const char *from);

// Decodes one UTF-8 character at text (of which `left` bytes remain, at least 1). Returns its
// length in bytes, 1..4, or 0 where the bytes are no valid character.
int bd_utf8_decode(const char *text, size_t left, uint32_t *code);

// Encodes code (U+0001..U+10FFFF) as UTF-8, terminated; returns its length in bytes.
int bd_utf8_encode(uint32_t code, char out[5]);

// "421.6 KiB", "9.0 MiB", "812 B": binary units, one decimal.
char *bd_text_bytes(char *out, size_t size, double bytes);

// The last part of a path.
const char *bd_text_base(const char *path);

// "± 0.12", a standard error with so many digits; "± –" where there is none, as of one sample.
char *bd_text_spread(char *out, size_t size, int digits, double error);

// "4096", "500M", "1.5GiB": bytes, with binary units whether they say so or not. NaN for others.
double bd_text_size(const char *text);

// "107,930"
char *bd_text_count(char *out, size_t size, int64_t count);

// Levenshtein distance of two strings by bytes; names over 256 bytes are compared by their first
// 256.
int bd_text_distance(const char *a, const char *b);

#endif
