// Size against error on a page: the same bits everywhere, what exact allocation makes of so many
// bytes, and the network as it is set. Error: SSE / Σw², the mean over the layers, without data.
#include "viewers/markup.h"
#include "viewers/page.h"
#include "viewers/show.h"

#include "core/base/text.h"
#include "core/session/spend.h"
#include "core/study/pareto.h"

#include <math.h>
#include <stdlib.h>

// In units of the drawing.
enum { WIDTH = 640, HEIGHT = 300, LEFT = 64, RIGHT = 24, TOP = 12, BOTTOM = 40 };
// Beyond so many layers the exact answers would keep the page waiting.
enum { BUDGETS = 25, POINTS = BD_BITS_MAX + BUDGETS + 1, EXACT_LAYERS = 150 };

typedef enum kind { EQUAL, ALLOCATED, NOW } kind;

typedef struct point {
  kind kind;
  int bits;     // of EQUAL
  bool optimal; // of ALLOCATED
} point;

typedef struct frontier {
  point points[POINTS];
  bd_tradeoff at[POINTS];
  int count;
  int line[POINTS], on_line;
  double low[2], high[2]; // bytes, loss: what the axes show, as logarithms
} frontier;

static void add(frontier *f, point what, double bytes, double loss) {
  if (isnan(bytes) || isnan(loss)) return;
  f->at[f->count] = (bd_tradeoff){bytes, loss};
  f->points[f->count++] = what;
}

// Every layer at so many bits (0: as it is set), summed up.
static void add_sum(frontier *f, const bd_session *session, point what, int bits) {
  double bytes = 0, loss = 0;
  int layers = 0;
  for (int i = 0; i < bd_session_count(session); i++) {
    const bd_layer_state *state = bd_session_layer(session, i);
    if (state->refused) continue;
    bool known = bits || state->result;
    bytes += !known ? (double)NAN : bits ? state->curve_bytes[bits] : state->result->bytes;
    loss +=
        !known ? (double)NAN : bd_sqnr_share(bits ? state->curve[bits] : state->result->sqnr_db);
    layers++;
  }
  if (layers) add(f, what, bytes, loss / layers);
}

static int quantizable(const bd_session *session) {
  int layers = 0;
  for (int i = 0; i < bd_session_count(session); i++)
    layers += !bd_session_layer(session, i)->refused;
  return layers;
}

// Budgets evenly on a logarithmic scale between the sizes at 2 and at 8 bits.
static void add_allocations(frontier *f, const bd_session *session) {
  double least = NAN, most = NAN;
  int layers = quantizable(session);
  for (int i = 0; i < f->count; i++) {
    if (f->points[i].bits == 2) least = f->at[i].bytes;
    if (f->points[i].bits == BD_BITS_MAX) most = f->at[i].bytes;
  }
  for (int i = 0; i < BUDGETS && least < most; i++) {
    bd_spend spend;
    bd_error err;
    double budget = least * pow(most / least, (double)i / (BUDGETS - 1));
    if (bd_session_spend(session, ceil(budget), layers <= EXACT_LAYERS, &spend, &err) != BD_OK)
      continue; // locked layers alone take more
    add(f, (point){ALLOCATED, 0, spend.found.optimal}, spend.bytes, spend.found.cost / layers);
    bd_spend_free(&spend);
  }
}

// A loss of 0 has no place on a logarithmic axis: it stands at the bottom.
static double place(const frontier *f, int axis, double value) {
  double at = (log10(fmax(value, 1e-12)) - f->low[axis]) / (f->high[axis] - f->low[axis]);
  return fmax(0, fmin(at, 1));
}

static double x_of(const frontier *f, double bytes) {
  return LEFT + place(f, 0, bytes) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const frontier *f, double loss) {
  return TOP + (1 - place(f, 1, loss)) * (HEIGHT - TOP - BOTTOM);
}

static void set_axes(frontier *f) {
  for (int axis = 0; axis < 2; axis++) {
    f->low[axis] = INFINITY;
    f->high[axis] = -INFINITY;
    for (int i = 0; i < f->count; i++) {
      double value = axis ? f->at[i].loss : f->at[i].bytes;
      if (value <= 0) continue;
      f->low[axis] = fmin(f->low[axis], log10(value) - 0.03);
      f->high[axis] = fmax(f->high[axis], log10(value) + 0.03);
    }
    if (!(f->low[axis] < f->high[axis])) f->low[axis] = 0, f->high[axis] = 1;
  }
  f->low[1] = floor(f->low[1]);
  f->high[1] = fmax(ceil(f->high[1] - 0.04), f->low[1] + 1);
}

// --- the drawing ---------------------------------------------------------------------------------

static void put_axes(const frontier *f, FILE *out) {
  char text[BD_SHOW_SIZE];
  for (int decade = (int)f->low[1]; decade <= (int)f->high[1]; decade++) {
    double y = y_of(f, pow(10, decade));
    fprintf(out, "<path class=\"axis\" d=\"M%d %.1fH%d\"/><text class=\"end\" x=\"%d\" y=\"%.1f\">",
            LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4);
    if (decade < -4)
      fprintf(out, "1e−%d</text>\n", -decade);
    else
      fprintf(out, "%g%%</text>\n", 100 * pow(10, decade));
  }
  for (double bytes = 1; log10(bytes) <= f->high[0]; bytes *= 2) {
    if (log10(bytes) < f->low[0]) continue;
    double x = x_of(f, bytes);
    fprintf(out, "<path class=\"axis\" d=\"M%.1f %dv5\"/><text x=\"%.1f\" y=\"%d\">%s</text>\n", x,
            HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18, bd_show_bytes(text, bytes));
  }
  fprintf(out, "<text x=\"%d\" y=\"%d\">size</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4);
}

static const char *name_of(const point *what, char out[64]) {
  if (what->kind == EQUAL)
    snprintf(out, 64, "%d bit%s everywhere", what->bits, what->bits == 1 ? "" : "s");
  else
    snprintf(out, 64, "%s",
             what->kind == NOW ? "as it is set"
             : what->optimal   ? "allocated, the best there is"
                               : "allocated");
  return out;
}

static void put_point(const frontier *f, int i, FILE *out) {
  static const char *const classes[] = {"equal", "allocated", "at"};
  const point *what = &f->points[i];
  double x = x_of(f, f->at[i].bytes), y = y_of(f, f->at[i].loss);
  char name[64], size[BD_SHOW_SIZE];
  fprintf(out, "<g class=\"%s\"><title>%s: %s, relative error %.3g</title>", classes[what->kind],
          name_of(what, name), bd_text_bytes(size, sizeof size, f->at[i].bytes), f->at[i].loss);
  if (what->kind == ALLOCATED)
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", x, y);
  else if (what->kind == EQUAL)
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">%d</text>", x, y + 4, what->bits);
  else
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"9\"/><text x=\"%.1f\" y=\"%.1f\">@</text>", x,
            y, x, y + 4);
  fputs("</g>\n", out);
}

static void put_drawing(const frontier *f, FILE *out) {
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"frontier\" role=\"img\" "
          "aria-label=\"size against error\" viewBox=\"0 0 %d %d\">\n",
          WIDTH, HEIGHT);
  put_axes(f, out);
  fputs("<path class=\"line\" d=\"", out);
  for (int i = 0; i < f->on_line; i++) {
    const bd_tradeoff *at = &f->at[f->line[i]];
    fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(f, at->bytes), y_of(f, at->loss));
  }
  fputs("\"/>\n", out);
  for (int i = 0; i < f->count; i++)
    put_point(f, i, out);
  fputs("</svg>\n", out);
}

static bool is_on_line(const frontier *f, int i) {
  for (int k = 0; k < f->on_line; k++)
    if (f->line[k] == i) return true;
  return false;
}

static void put_numbers(const frontier *f, FILE *out) {
  fputs(
      "<details><summary>The same as a table</summary>\n<div class=\"wide\"><table class=\"sort\">"
      "<thead><tr><th scope=\"col\">bits</th><th scope=\"col\">size</th><th scope=\"col\">"
      "relative error</th><th scope=\"col\">on the line</th></tr></thead>\n<tbody>\n",
      out);
  for (int i = 0; i < f->count; i++) {
    char name[64], size[BD_SHOW_SIZE], loss[BD_SHOW_SIZE];
    fprintf(out, "<tr><th scope=\"row\">%s</th><td class=\"n\">", name_of(&f->points[i], name));
    bd_text_bytes(size, sizeof size, f->at[i].bytes);
    bd_markup_number(out, "bytes", f->at[i].bytes, size);
    fputs("</td><td class=\"n\">", out);
    snprintf(loss, sizeof loss, "%.3g", f->at[i].loss);
    bd_markup_number(out, "relative_sse", f->at[i].loss, loss);
    fprintf(out, "</td><td>%s</td></tr>\n", is_on_line(f, i) ? "✓" : "");
  }
  fputs("</tbody></table></div></details>\n", out);
}

bool bd_page_frontier(const bd_session *session, FILE *out) {
  frontier *f = calloc(1, sizeof *f);
  if (!f) return false;
  for (int bits = 1; bits <= BD_BITS_MAX; bits++)
    add_sum(f, session, (point){EQUAL, bits, false}, bits);
  add_allocations(f, session);
  add_sum(f, session, (point){NOW, 0, false}, 0);
  f->on_line = bd_pareto(f->at, f->count, f->line);
  set_axes(f);
  fputs("<section id=\"frontier\"><h2>Size against error</h2>\n"
        "<p>Relative squared error of the weights, the mean over the layers, without data. Digits: "
        "the same bits everywhere. Dots: 2 to 8 bits spent layer by layer so that the error is "
        "least (locked layers stay). @: as it is set. The line joins what nothing else beats.</p>\n"
        "<div class=\"wide\">\n",
        out);
  put_drawing(f, out);
  fputs("</div>\n", out);
  put_numbers(f, out);
  fputs("</section>\n", out);
  free(f);
  return true;
}
