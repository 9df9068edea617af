// A layer's weights before and after, as SVG: the same shapes as the histogram panel (density.h).
#include "viewers/density.h"
#include "viewers/markup.h"
#include "viewers/page.h"
#include "viewers/show.h"

#include "core/base/text.h"

#include <math.h>

// In units of the drawing.
enum { COLUMNS = 128, STEP = 5, WIDTH = COLUMNS * STEP, HEIGHT = 150, FOOT = 34 };
enum { SPARK_COLUMNS = 32, SPARK_STEP = 3, SPARK_HEIGHT = 16 };

typedef struct plot {
  const bd_density *density;
  double scale; // weights in a column that fills the height
  int step, height;
  FILE *out;
} plot;

static double y_of(const plot *to, double weights) {
  return to->height * (1 - fmin(weights / to->scale, 1));
}

// A staircase over all columns, from the floor to the floor.
static void put_stairs(const plot *to, const char *class, const double *weights) {
  double last = to->height;
  fprintf(to->out, "<path class=\"%s\" d=\"M0 %d", class, to->height);
  for (int i = 0; i < to->density->columns; i++) {
    double y = y_of(to, weights[i]);
    if (fabs(y - last) >= 0.05) fprintf(to->out, "V%.1f", y);
    fprintf(to->out, "h%d", to->step);
    last = y;
  }
  fprintf(to->out, "V%d\"/>\n", to->height);
}

static double x_of(const bd_density *density, double value) {
  return fmax(0, fmin(bd_density_column(density, value), density->columns)) * STEP;
}

static void put_levels(const bd_density *density, const bd_result *result, FILE *out) {
  if (!result->level_count) return;
  fputs("<path class=\"level\" d=\"", out);
  for (int i = 0; i < result->level_count; i++)
    if (result->levels[i] >= density->low && result->levels[i] <= density->high)
      fprintf(out, "M%.1f %dv7", x_of(density, result->levels[i]), HEIGHT + 2);
  fputs("\"/>\n", out);
}

static void put_label(FILE *out, const char *anchor, double x, const char *text) {
  fprintf(out, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%d\">%s</text>\n", anchor, x, HEIGHT + 24,
          text);
}

// The ends of the window, how many weights lie beyond them, and zero.
static void put_labels(const bd_density *density, const bd_index *index, FILE *out) {
  char value[BD_SHOW_SIZE], count[BD_SHOW_SIZE], text[3 * BD_SHOW_SIZE];
  size_t less = bd_index_before(index, density->low);
  size_t more = bd_index_stats(index)->count - bd_index_through(index, density->high);
  bd_text_count(count, sizeof count, (int64_t)less);
  bd_show_value(value, density->low);
  snprintf(text, sizeof text, less ? "%s · %s less" : "%s", value, count);
  put_label(out, "start", 0, text);
  bd_text_count(count, sizeof count, (int64_t)more);
  bd_show_value(value, density->high);
  snprintf(text, sizeof text, "%s%s%s", more ? count : "", more ? " more · " : "", value);
  put_label(out, "end", WIDTH, text);
  double zero = x_of(density, 0);
  if (zero > WIDTH / 4 && zero < WIDTH - WIDTH / 4) put_label(out, "middle", zero, "0");
}

static void put_hole(const bd_density *density, FILE *out) {
  if (density->hole_low > density->hole_high) return;
  double from = x_of(density, density->hole_low), to = x_of(density, density->hole_high);
  fprintf(out, "<path class=\"hole\" d=\"M%.1f %dv5H%.1fv-5\"/>\n", from, HEIGHT + 1,
          fmax(to, from + 1));
}

void bd_page_histogram(const bd_layer_state *state, const char *name, FILE *out) {
  bd_density density;
  bool clipped;
  bd_window seen = bd_density_window(bd_index_stats(state->index), 0, 0);
  bd_density_fill(&density, state->index, state->result, seen.low, seen.high, COLUMNS);
  plot to = {&density, bd_density_scale(&density, &clipped), STEP, HEIGHT, out};
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"histogram\" role=\"img\" "
          "viewBox=\"-2 -2 %d %d\"><title>weights of ",
          WIDTH + 4, HEIGHT + FOOT);
  bd_markup_text(out, name);
  fprintf(out, ", before and after; %.0f in a column that fills the height%s</title>\n", to.scale,
          clipped ? ", more in those cut off" : "");
  put_stairs(&to, "after", density.after);
  if (density.hole_low <= density.hole_high) put_stairs(&to, "pruned", density.pruned);
  put_stairs(&to, "before", density.before);
  fprintf(out, "<path class=\"axis\" d=\"M0 %dH%d\"/>\n", HEIGHT, WIDTH);
  put_hole(&density, out);
  put_levels(&density, state->result, out);
  put_labels(&density, state->index, out);
  fputs("</svg>\n", out);
}

void bd_page_spark(const bd_layer_state *state, FILE *out) {
  bd_density density;
  bool clipped;
  bd_window seen = bd_density_window(bd_index_stats(state->index), 0, 0);
  bd_density_fill(&density, state->index, state->result, seen.low, seen.high, SPARK_COLUMNS);
  plot to = {&density, bd_density_scale(&density, &clipped), SPARK_STEP, SPARK_HEIGHT, out};
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"spark\" aria-hidden=\"true\" "
          "width=\"%d\" height=\"%d\">",
          SPARK_COLUMNS * SPARK_STEP, SPARK_HEIGHT);
  put_stairs(&to, "after", density.after);
  put_stairs(&to, "before", density.before);
  fputs("</svg>", out);
}
