#include "viewers/canvas.h"

#include "core/base/text.h"
#include "viewers/glyphs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bd_canvas {
  int columns, rows;
  bool ascii;
  size_t capacity; // cells allocated
  bd_glyph *cells;
};

// --- the grid -----------------------------------------------------------------------------------

static int positive(int value) {
  return value > 0 ? value : 0;
}

bd_canvas *bd_canvas_new(int columns, int rows, bool ascii) {
  bd_canvas *canvas = calloc(1, sizeof *canvas);
  if (!canvas) return NULL;
  canvas->ascii = ascii;
  if (!bd_canvas_reset(canvas, columns, rows)) {
    free(canvas);
    return NULL;
  }
  return canvas;
}

void bd_canvas_free(bd_canvas *canvas) {
  if (!canvas) return;
  free(canvas->cells);
  free(canvas);
}

bool bd_canvas_reset(bd_canvas *canvas, int columns, int rows) {
  columns = positive(columns);
  rows = positive(rows);
  size_t count = (size_t)columns * (size_t)rows;
  if (count > canvas->capacity) {
    bd_glyph *cells = reallocarray(canvas->cells, count, sizeof *cells);
    if (!cells) return false;
    canvas->cells = cells;
    canvas->capacity = count;
  }
  canvas->columns = columns;
  canvas->rows = rows;
  for (size_t i = 0; i < count; i++)
    canvas->cells[i] = (bd_glyph){' ', BD_ROLE_TEXT};
  return true;
}

int bd_canvas_columns(const bd_canvas *canvas) {
  return canvas->columns;
}

int bd_canvas_rows(const bd_canvas *canvas) {
  return canvas->rows;
}

bool bd_canvas_ascii(const bd_canvas *canvas) {
  return canvas->ascii;
}

static bd_glyph *cell(const bd_canvas *canvas, int column, int row) {
  if (column < 0 || row < 0 || column >= canvas->columns || row >= canvas->rows) return NULL;
  return &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column];
}

bd_glyph bd_canvas_at(const bd_canvas *canvas, int column, int row) {
  const bd_glyph *at = cell(canvas, column, row);
  return at ? *at : (bd_glyph){' ', BD_ROLE_TEXT};
}

// --- areas --------------------------------------------------------------------------------------

bd_area bd_area_whole(bd_canvas *canvas) {
  return (bd_area){canvas, 0, 0, canvas->columns, canvas->rows};
}

// Cuts the span [start, start + length) to [0, limit).
static void cut(int *start, int *length, int limit) {
  int64_t end = (int64_t)*start + positive(*length);
  int from = *start < 0 ? 0 : *start > limit ? limit : *start;
  int to = end < from ? from : end > limit ? limit : (int)end;
  *start = from;
  *length = to - from;
}

bd_area bd_area_part(bd_area area, int column, int row, int columns, int rows) {
  cut(&column, &columns, positive(area.columns));
  cut(&row, &rows, positive(area.rows));
  return (bd_area){area.canvas, area.column + column, area.row + row, columns, rows};
}

static bd_glyph *inside(bd_area area, int column, int row) {
  if (column < 0 || row < 0 || column >= area.columns || row >= area.rows) return NULL;
  return cell(area.canvas, area.column + column, area.row + row);
}

// --- drawing ------------------------------------------------------------------------------------

void bd_put(bd_area area, int column, int row, uint32_t glyph, bd_role role) {
  bd_glyph *at = inside(area, column, row);
  if (!at) return;
  if (area.canvas->ascii) glyph = (uint32_t)bd_glyph_ascii(glyph);
  *at = (bd_glyph){bd_glyph_narrow(glyph) ? glyph : '?', role};
}

void bd_clear(bd_area area, bd_role role) {
  for (int row = 0; row < area.rows; row++)
    for (int column = 0; column < area.columns; column++)
      bd_put(area, column, row, ' ', role);
}

// Takes one character off the text; what is invalid goes byte by byte, as U+FFFD.
static uint32_t take(const char **text, size_t *left) {
  uint32_t code = 0;
  int length = bd_utf8_decode(*text, *left, &code);
  if (length <= 0) {
    code = 0xfffd;
    length = 1;
  }
  *text += length;
  *left -= (size_t)length;
  return code;
}

static int columns_of(const char *text) {
  int columns = 0;
  for (size_t left = strlen(text); left > 0; columns++)
    take(&text, &left);
  return columns;
}

// Prints the characters [from, to) of the text. Returns the column after them.
static int print_slice(bd_area area, int column, int row, bd_role role, const char *text, int from,
                       int to) {
  size_t left = strlen(text);
  for (int i = 0; left > 0 && i < to; i++) {
    uint32_t code = take(&text, &left);
    if (i < from) continue;
    if (column >= area.columns) break;
    bd_put(area, column++, row, code, role);
  }
  return column;
}

int bd_print(bd_area area, int column, int row, bd_role role, const char *text) {
  return print_slice(area, column, row, role, text, 0, INT32_MAX);
}

int bd_printf(bd_area area, int column, int row, bd_role role, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return bd_print(area, column, row, role, text);
}

int bd_print_fit(bd_area area, int column, int row, int width, bd_role role, const char *text) {
  if (width <= 0) return column;
  int length = columns_of(text);
  if (length <= width) return bd_print(area, column, row, role, text);
  int tail = (width - 1) / 2, head = width - 1 - tail;
  column = print_slice(area, column, row, role, text, 0, head);
  if (column < area.columns)
    bd_put(area, column++, row, bd_glyph_sign(area.canvas, BD_SIGN_ELLIPSIS), role);
  return print_slice(area, column, row, role, text, length - tail, length);
}

void bd_print_right(bd_area area, int column, int row, bd_role role, const char *text) {
  bd_print(area, column - columns_of(text), row, role, text);
}

void bd_tint(bd_area area, int column, int row, int columns, bd_role role) {
  cut(&column, &columns, positive(area.columns));
  for (int i = 0; i < columns; i++) {
    bd_glyph *at = inside(area, column + i, row);
    if (at) at->role = role;
  }
}

void bd_rule(bd_area area, int column, int row, int length, bool vertical, bd_role role) {
  uint32_t glyph = bd_glyph_sign(area.canvas, vertical ? BD_SIGN_WALL : BD_SIGN_RULE);
  int *start = vertical ? &row : &column;
  cut(start, &length, positive(vertical ? area.rows : area.columns));
  for (int i = 0; i < length; i++, ++*start)
    bd_put(area, column, row, glyph, role);
}

// --- as text ------------------------------------------------------------------------------------

char *bd_canvas_text(const bd_canvas *canvas) {
  size_t width = (size_t)canvas->columns, height = (size_t)canvas->rows;
  char *text = malloc(height * (width * 4 + 1) + 5); // 4 bytes a character, its NUL at the very end
  if (!text) return NULL;
  char *end = text;
  for (int row = 0; row < canvas->rows; row++) {
    char *filled = end;
    for (int column = 0; column < canvas->columns; column++) {
      uint32_t glyph = bd_canvas_at(canvas, column, row).glyph;
      end += bd_utf8_encode(glyph, end);
      if (glyph != ' ') filled = end;
    }
    end = filled;
    *end++ = '\n';
  }
  *end = '\0';
  return text;
}

char *bd_canvas_roles(const bd_canvas *canvas) {
  size_t width = (size_t)canvas->columns, height = (size_t)canvas->rows;
  char *text = malloc(height * (width + 1) + 1);
  if (!text) return NULL;
  char *end = text;
  for (int row = 0; row < canvas->rows; row++) {
    for (int column = 0; column < canvas->columns; column++)
      *end++ = bd_role_letter(bd_canvas_at(canvas, column, row).role);
    *end++ = '\n';
  }
  *end = '\0';
  return text;
}
