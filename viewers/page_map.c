// The heat map of a page: what every layer's weights lose at 1 to 8 bits.
#include "viewers/markup.h"
#include "viewers/page.h"
#include "viewers/sensitivity.h"
#include "viewers/show.h"

#include <math.h>

// In units of the drawing.
enum { NAME = 150, NAME_COLUMNS = 20, CELL = 40, ROW = 20, HEAD = 22, GAP = 1 };

static const bd_layer *layer_at(const bd_session *session, int layer) {
  return bd_model_layer(bd_session_model(session), layer);
}

static void put_cell(const bd_session *session, int layer, int bits, int y, FILE *out) {
  const bd_layer_state *state = bd_session_layer(session, layer);
  double db = state->curve[bits];
  int x = NAME + (bits - 1) * CELL;
  char sqnr[BD_SHOW_SIZE], size[BD_SHOW_SIZE];
  if (isnan(db)) return;
  bool current = state->dial.setting.bits == bits;
  fprintf(out, "<g class=\"h%d%s\"><title>", bd_heat_of_sqnr(db), current ? " now" : "");
  bd_markup_text(out, layer_at(session, layer)->tensor);
  fprintf(out, " at %d bit%s: %s, %s%s</title>", bits, bits == 1 ? "" : "s", bd_show_sqnr(sqnr, db),
          bd_show_bytes(size, state->curve_bytes[bits]), current ? ", as it is set" : "");
  fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/><text x=\"%d\" y=\"%d\">", x, y,
          CELL - GAP, ROW - GAP, x + CELL / 2, y + 14);
  if (isinf(db))
    fputs("exact</text></g>\n", out);
  else
    fprintf(out, "%s%.0f</text></g>\n", db <= -0.5 ? "−" : "", fabs(db));
}

static void put_row(const bd_session *session, int layer, int y, FILE *out) {
  const bd_layer *about = layer_at(session, layer);
  char name[512], brief[512];
  bd_show_short(brief, sizeof brief, bd_show_name(name, sizeof name, about->tensor, false),
                NAME_COLUMNS);
  fprintf(out, "<text class=\"name\" x=\"0\" y=\"%d\">", y + 14);
  bd_markup_text(out, brief);
  fputs("</text>\n", out);
  if (bd_session_layer(session, layer)->refused)
    fprintf(out, "<text class=\"name dim\" x=\"%d\" y=\"%d\">cannot be quantized</text>\n", NAME,
            y + 14);
  else
    for (int bits = 1; bits <= BD_BITS_MAX; bits++)
      put_cell(session, layer, bits, y, out);
}

static void put_drawing(const bd_session *session, FILE *out) {
  int count = bd_session_count(session);
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"map\" role=\"img\" "
          "aria-label=\"SQNR of each layer at 1 to 8 bits\" viewBox=\"0 0 %d %d\">\n",
          NAME + BD_BITS_MAX * CELL, HEAD + count * ROW);
  fputs("<text class=\"name dim\" x=\"0\" y=\"14\">SQNR in dB at … bits</text>\n", out);
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    fprintf(out, "<text x=\"%d\" y=\"14\">%d</text>\n", NAME + (bits - 1) * CELL + CELL / 2, bits);
  for (int i = 0; i < count; i++)
    put_row(session, i, HEAD + i * ROW, out);
  fputs("</svg>\n", out);
}

static void put_numbers(const bd_session *session, int layer, FILE *out) {
  const bd_layer_state *state = bd_session_layer(session, layer);
  char shown[BD_SHOW_SIZE], size[BD_SHOW_SIZE];
  fputs("<tr><th scope=\"row\">", out);
  bd_markup_text(out, layer_at(session, layer)->tensor);
  fputs("</th>", out);
  for (int bits = 1; bits <= BD_BITS_MAX && !state->refused; bits++) {
    fputs("<td class=\"n\">", out);
    bd_markup_number(out, "sqnr_db", state->curve[bits], bd_show_sqnr(shown, state->curve[bits]));
    fputs(" <small>", out);
    bd_markup_number(out, "bytes", state->curve_bytes[bits],
                     bd_show_bytes(size, state->curve_bytes[bits]));
    fputs("</small></td>", out);
  }
  if (state->refused) fprintf(out, "<td colspan=\"%d\">cannot be quantized</td>", BD_BITS_MAX);
  fputs("</tr>\n", out);
}

void bd_page_map(const bd_session *session, FILE *out) {
  fputs("<section id=\"map\"><h2>Every layer at every bit width</h2>\n"
        "<p>What the weights lose, everything else as it is set: SQNR in decibels. Brighter costs "
        "more; a frame marks the width that is set.</p>\n<div class=\"wide\">\n",
        out);
  put_drawing(session, out);
  fputs("</div>\n<details><summary>The same as a table, with sizes</summary>\n"
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\">bits</th>",
        out);
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    fprintf(out, "<th scope=\"col\">%d</th>", bits);
  fputs("</tr></thead>\n<tbody>\n", out);
  for (int i = 0; i < bd_session_count(session); i++)
    put_numbers(session, i, out);
  fputs("</tbody></table></div></details></section>\n", out);
}
