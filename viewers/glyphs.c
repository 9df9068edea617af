#include "viewers/glyphs.h"

#include "viewers/canvas.h"

#include <stddef.h>

typedef struct twin {
  uint32_t glyph;
  char ascii;
} twin;

// Eighths of a cell, rising from below. Seven ASCII characters serve nine heights.
static const twin bars[9] = {
    {' ', ' '},    {0x2581, '_'}, {0x2582, '_'}, {0x2583, '.'}, {0x2584, '-'},
    {0x2585, '-'}, {0x2586, '='}, {0x2587, '*'}, {0x2588, '#'},
};

// Eighths of a cell, growing rightwards. ASCII has whole cells only: half a cell counts.
static const twin rows[9] = {
    {' ', ' '},    {0x258f, ' '}, {0x258e, ' '}, {0x258d, ' '}, {0x258c, '#'},
    {0x258b, '#'}, {0x258a, '#'}, {0x2589, '#'}, {0x2588, '#'},
};

static const twin shades[5] = {
    {' ', ' '}, {0x2591, ':'}, {0x2592, '%'}, {0x2593, '+'}, {0x2588, '#'},
};

// Edges by the sides that they join: up 1, down 2, left 4, right 8. Heavy lines, for neither rules
// nor bars look like them; in ASCII too an edge shares no character with a bar.
static const twin edges[16] = {
    {' ', ' '},    {0x2579, '\''}, {0x257b, ','}, {0x2503, '|'}, // ╹ ╻ ┃
    {0x2578, '~'}, {0x251b, '\''}, {0x2513, ','}, {0x252b, '|'}, // ╸ ┛ ┓ ┫
    {0x257a, '~'}, {0x2517, '\''}, {0x250f, ','}, {0x2523, '|'}, // ╺ ┗ ┏ ┣
    {0x2501, '~'}, {0x253b, '\''}, {0x2533, ','}, {0x254b, '|'}, // ━ ┻ ┳ ╋
};

// Light lines, by the sides that they join.
static const twin lines[16] = {
    {' ', ' '},    {0x2575, '|'}, {0x2577, '|'}, {0x2502, '|'}, // ╵ ╷ │
    {0x2574, '-'}, {0x2518, '+'}, {0x2510, '+'}, {0x2524, '+'}, // ╴ ┘ ┐ ┤
    {0x2576, '-'}, {0x2514, '+'}, {0x250c, '+'}, {0x251c, '+'}, // ╶ └ ┌ ├
    {0x2500, '-'}, {0x2534, '+'}, {0x252c, '+'}, {0x253c, '+'}, // ─ ┴ ┬ ┼
};

static const twin signs[BD_SIGN_COUNT] = {
    [BD_SIGN_CURSOR] = {0x25b8, '>'},   // ▸
    [BD_SIGN_CHECK] = {0x2713, '='},    // ✓
    [BD_SIGN_ELLIPSIS] = {0x2026, '~'}, // …
    [BD_SIGN_DASH] = {0x2013, '-'},     // –
    [BD_SIGN_MINUS] = {0x2212, '-'},    // −
    [BD_SIGN_TICK] = {0x2534, '+'},     // ┴
    [BD_SIGN_ARROW] = {0x2192, '>'},    // →
    [BD_SIGN_DOT] = {0x00b7, '.'},      // ·
    [BD_SIGN_LOCK] = {0x25a3, 'L'},     // ▣
    [BD_SIGN_MARK] = {0x25cf, '*'},     // ●
    [BD_SIGN_UP] = {0x25b2, '^'},       // ▲
    [BD_SIGN_DOWN] = {0x25bc, 'v'},     // ▼
    [BD_SIGN_RULE] = {0x2500, '-'},     // ─
    [BD_SIGN_WALL] = {0x2502, '|'},     // │
    [BD_SIGN_TIMES] = {0x00d7, 'x'},    // ×
    [BD_SIGN_AT_MOST] = {0x2264, '<'},  // ≤
    [BD_SIGN_DASHED] = {0x254c, '-'},   // ╌
    [BD_SIGN_NODE] = {0x25cb, 'o'},     // ○
};

static uint32_t pick(const twin *table, int count, int index, const bd_canvas *canvas) {
  int last = count - 1;
  const twin *found = &table[index < 0 ? 0 : index > last ? last : index];
  return bd_canvas_ascii(canvas) ? (uint32_t)found->ascii : found->glyph;
}

uint32_t bd_glyph_bar(const bd_canvas *canvas, int eighths) {
  return pick(bars, 9, eighths, canvas);
}

uint32_t bd_glyph_row(const bd_canvas *canvas, int eighths) {
  return pick(rows, 9, eighths, canvas);
}

uint32_t bd_glyph_shade(const bd_canvas *canvas, int level) {
  return pick(shades, 5, level, canvas);
}

uint32_t bd_glyph_edge(const bd_canvas *canvas, unsigned sides) {
  return pick(edges, 16, (int)(sides & 15), canvas);
}

uint32_t bd_glyph_line(const bd_canvas *canvas, unsigned sides) {
  return pick(lines, 16, (int)(sides & 15), canvas);
}

uint32_t bd_glyph_sign(const bd_canvas *canvas, bd_sign sign) {
  return pick(signs, BD_SIGN_COUNT, (int)sign, canvas);
}

static char find(const twin *table, int count, uint32_t glyph) {
  for (int i = 0; i < count; i++)
    if (table[i].glyph == glyph) return table[i].ascii;
  return '\0';
}

char bd_glyph_ascii(uint32_t glyph) {
  if (glyph >= 0x20 && glyph < 0x7f) return (char)glyph;
  char ascii = find(signs, BD_SIGN_COUNT, glyph);
  if (!ascii) ascii = find(bars, 9, glyph);
  if (!ascii) ascii = find(rows, 9, glyph);
  if (!ascii) ascii = find(shades, 5, glyph);
  if (!ascii) ascii = find(edges, 16, glyph);
  if (!ascii) ascii = find(lines, 16, glyph);
  return ascii ? ascii : '?';
}

// A list of what is allowed, by blocks: what is not listed is safer as '?' than as a broken screen.
static const struct {
  uint32_t first, last;
} narrow[] = {
    {0x0020, 0x007e}, {0x00a0, 0x00ac}, {0x00ae, 0x02ff}, // Latin, phonetics
    {0x0370, 0x0377}, {0x037a, 0x037f}, {0x0384, 0x038a}, // Greek
    {0x038c, 0x038c}, {0x038e, 0x03a1}, {0x03a3, 0x0482},
    {0x048a, 0x052f}, {0x0531, 0x0556}, {0x0561, 0x0587}, // Cyrillic, Armenian
    {0x10d0, 0x10ff}, {0x1e00, 0x1f15}, {0x1f20, 0x1f45}, // Georgian, Latin and Greek extended
    {0x2010, 0x2027}, {0x2030, 0x205e}, {0x2070, 0x2071}, // punctuation, super- and subscripts
    {0x2074, 0x208e}, {0x2090, 0x209c}, {0x20a0, 0x20bf},
    {0x2100, 0x218b}, {0x2190, 0x2319}, {0x2500, 0x25fc}, // letterlike, arrows, mathematics, blocks
    {0x2701, 0x2704}, {0x2713, 0x2727}, {0x27c0, 0x27e5}, // check marks, more mathematics
    {0x2900, 0x2b1a},
};

bool bd_glyph_narrow(uint32_t glyph) {
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
    if (glyph >= narrow[i].first && glyph <= narrow[i].last) return true;
  return false;
}
