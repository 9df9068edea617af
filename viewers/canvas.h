// A grid of cells that a viewer draws on: a glyph and a role in each. No curses here: the screen, a
// test and the text report all read the same grid.
#ifndef BD_VIEWERS_CANVAS_H
#define BD_VIEWERS_CANVAS_H

#include "viewers/roles.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct bd_glyph {
  uint32_t glyph; // Unicode; one column wide
  bd_role role;
} bd_glyph;

typedef struct bd_canvas bd_canvas;

// columns × rows, filled with spaces in BD_ROLE_TEXT. ascii: the glyphs of the tables below give
// way to their ASCII twins, in text too; other text outside ASCII is shown as '?' (names: escaped).
// NULL without memory.
bd_canvas *bd_canvas_new(int columns, int rows, bool ascii);
void bd_canvas_free(bd_canvas *canvas);
// Same size: erases. Returns false without memory (the canvas is then unchanged).
bool bd_canvas_reset(bd_canvas *canvas, int columns, int rows);

int bd_canvas_columns(const bd_canvas *canvas);
int bd_canvas_rows(const bd_canvas *canvas);
bool bd_canvas_ascii(const bd_canvas *canvas);
bd_glyph bd_canvas_at(const bd_canvas *canvas, int column, int row);

// A window on a canvas: drawing is relative to it and never leaves it. Plain value.
typedef struct bd_area {
  bd_canvas *canvas;
  int column, row, columns, rows;
} bd_area;
bd_area bd_area_whole(bd_canvas *canvas);
// The part of an area; cut to it, never negative.
bd_area bd_area_part(bd_area area, int column, int row, int columns, int rows);

// Blanks the whole area.
void bd_clear(bd_area area, bd_role role);
// Puts one glyph; outside: nothing happens.
void bd_put(bd_area area, int column, int row, uint32_t glyph, bd_role role);
// UTF-8 text, cut at the area's edge. Returns the column after it. Control characters, invalid
// bytes and wide or combining characters appear as '?': escape names first (base/text.h).
int bd_print(bd_area area, int column, int row, bd_role role, const char *text);
int bd_printf(bd_area area, int column, int row, bd_role role, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
// Text of at most `width` columns, its middle replaced by … (ASCII: ~) where it is longer.
int bd_print_fit(bd_area area, int column, int row, int width, bd_role role, const char *text);
// Right-aligned to end before `column`.
void bd_print_right(bd_area area, int column, int row, bd_role role, const char *text);
// Sets the role of cells that are there already (the selected row).
void bd_tint(bd_area area, int column, int row, int columns, bd_role role);
// A horizontal or vertical rule.
void bd_rule(bd_area area, int column, int row, int length, bool vertical, bd_role role);

// Glyph tables with ASCII twins. level 0..8 eighths of a cell, rising from below / growing
// rightwards.
uint32_t bd_glyph_bar(const bd_canvas *canvas, int eighths);
uint32_t bd_glyph_row(const bd_canvas *canvas, int eighths);
uint32_t bd_glyph_shade(const bd_canvas *canvas, int level); // 0..4
// A piece of an outline that joins these sides of its cell (or-ed): ┏ is down and right.
enum { BD_EDGE_UP = 1, BD_EDGE_DOWN = 2, BD_EDGE_LEFT = 4, BD_EDGE_RIGHT = 8 };
uint32_t bd_glyph_edge(const bd_canvas *canvas, unsigned sides);
uint32_t bd_glyph_line(const bd_canvas *canvas, unsigned sides); // the same in light lines: ┌
// Named single glyphs: cursor ▸, check ✓, ellipsis …, dash –, minus −, tick ┴, arrow →, dot ·,
// lock ▣, mark ●, up ▲, down ▼, at most ≤, dashed ╌, node ○. One table.
typedef enum bd_sign {
  BD_SIGN_CURSOR,
  BD_SIGN_CHECK,
  BD_SIGN_ELLIPSIS,
  BD_SIGN_DASH,
  BD_SIGN_MINUS,
  BD_SIGN_TICK,
  BD_SIGN_ARROW,
  BD_SIGN_DOT,
  BD_SIGN_LOCK,
  BD_SIGN_MARK,
  BD_SIGN_UP,
  BD_SIGN_DOWN,
  BD_SIGN_RULE,
  BD_SIGN_WALL,
  BD_SIGN_TIMES,
  BD_SIGN_AT_MOST,
  BD_SIGN_DASHED,
  BD_SIGN_NODE,
  BD_SIGN_COUNT
} bd_sign;
uint32_t bd_glyph_sign(const bd_canvas *canvas, bd_sign sign);

// The canvas as text, one line a row, trailing blanks cut; and its roles as a second layer, one
// letter a cell (roles.h gives the letters). Caller frees. For tests, scripts and the report.
char *bd_canvas_text(const bd_canvas *canvas);
char *bd_canvas_roles(const bd_canvas *canvas);

#endif
