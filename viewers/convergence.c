// The convergence panel: distance from the optimum; the steps of the swarm and of Lloyd (trace.h);
// where 20 seeds of each init end (spread.h). Everything is measured in SSE above the proved
// optimum.
#include "viewers/convergence.h"

#include "viewers/excess.h"
#include "viewers/shared.h"
#include "viewers/show.h"
#include "viewers/spread.h"
#include "viewers/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  SIDE_BY_SIDE = 76, // columns; where rows are many enough for both, they stand one above the other
  ROWS_FOR_TRACE = 8,
  GAP = 3,
  TRACE_ROWS_MOST = 14,
  TRACE_COLUMNS_MOST = 100,
};

struct bd_view {
  char unused; // the panel keeps no state
};

static bd_view *open_convergence(void) {
  return calloc(1, sizeof(bd_view));
}

static void close_convergence(bd_view *view) {
  free(view);
}

// What the panel knows of the layer in hand.
typedef struct scene {
  const bd_layer_state *state;
  const bd_insight *insight; // NULL: not of this layer
  double optimum;            // SSE; NaN: not known
} scene;

static scene scene_of(const bd_desk *desk, const bd_layer_state *state) {
  const bd_insight *insight = bd_session_insight(desk->session);
  const bd_result *result = state->result;
  scene out = {.state = state, .optimum = NAN};
  if (insight->layer == desk->layer) out.insight = insight;
  if (out.insight) out.optimum = insight->optimum;
  bool bounded = bd_setting_clusters(&result->setting) && !isnan(result->optimum_ratio);
  if (isnan(out.optimum) && bounded) out.optimum = result->cluster_bound;
  return out;
}

static bool has_trace(const scene *of) {
  const bd_trace *trace = &of->state->result->trace;
  return trace->swarm_count + trace->lloyd_count > 0 && !isnan(of->optimum);
}

// Why there are no steps to show.
static const char *no_trace(const scene *of) {
  const bd_result *result = of->state->result;
  if (!bd_setting_clusters(&result->setting)) return "this method does not cluster: no steps";
  if (result->part) return "no steps: each channel or group is clustered on its own";
  if (result->proved && result->sse_cluster == 0) return "no steps: every value has its own level";
  return "no steps: the optimum is computed at once";
}

// --- the parts ----------------------------------------------------------------------------------

static bool has_init(const char *name) {
  const bd_field *inits = bd_setting_field(BD_FIELD_INIT);
  for (int i = 0; i < inits->choice_count; i++)
    if (strcmp(inits->choices[i].name, name) == 0) return true;
  return false;
}

static const char beside_the_answer[] = "pso starts beside the answer";

static int draw_note(bd_area area) {
  char text[160] = "✓ counts the seeds that found the optimum itself";
  if (has_init("pso-random"))
    snprintf(text, sizeof text, "%s; pso-random, the plain swarm, carries the paper's argument",
             beside_the_answer);
  return bd_print_wrapped(area, BD_ROLE_DIM, text);
}

// The table, and below it, where there is room, what to see in it. Returns the rows taken.
static int draw_spread(const scene *of, bd_area area) {
  int rows = bd_spread_rows(), init = (int)of->state->dial.setting.init;
  if (of->insight) bd_spread_draw(of->insight, of->optimum, init, area);
  bd_area measure = {.columns = area.columns};
  if (area.rows < rows + draw_note(measure)) return rows;
  return rows + draw_note(bd_area_part(area, 0, rows, area.columns, area.rows - rows));
}

static void draw_trace(const scene *of, bd_area area) {
  int columns = area.columns < TRACE_COLUMNS_MOST ? area.columns : TRACE_COLUMNS_MOST;
  int rows = area.rows < TRACE_ROWS_MOST ? area.rows : TRACE_ROWS_MOST;
  if (has_trace(of))
    bd_trace_draw(&of->state->result->trace, of->optimum, bd_area_part(area, 0, 0, columns, rows));
  else
    bd_print_wrapped(area, BD_ROLE_DIM, no_trace(of));
}

static void draw_beside(const scene *of, bd_area area) {
  int left = area.columns * 35 / 100;
  if (left > TRACE_COLUMNS_MOST) left = TRACE_COLUMNS_MOST;
  draw_trace(of, bd_area_part(area, 0, 0, left, area.rows));
  draw_spread(of, bd_area_part(area, left + GAP, 0, area.columns - left - GAP, area.rows));
}

// The spread carries the argument, so it has its rows first; without any spare ones it is alone.
static void draw_stacked(const scene *of, bd_area area) {
  bd_area measure = {.columns = area.columns};
  int spread = bd_spread_rows(), note = draw_note(measure);
  int left = area.rows - spread - 1; // and a blank between
  if (left >= BD_TRACE_ROWS_LEAST + note) left -= note;
  int above = !has_trace(of) && left >= 1 ? 1 : left >= BD_TRACE_ROWS_LEAST ? left : 0;
  if (above > TRACE_ROWS_MOST) above = TRACE_ROWS_MOST;
  if (above > 0) draw_trace(of, bd_area_part(area, 0, 0, area.columns, above));
  int row = above > 0 ? above + 1 : 0;
  draw_spread(of, bd_area_part(area, 0, row, area.columns, area.rows - row));
}

// --- the panel ----------------------------------------------------------------------------------

// The unit; and a word of the note, for which the table beside the chart leaves no row.
static void draw_caption(bd_area row, bool beside) {
  static const char unit[] = "K-means SSE above the proved optimum, log scale";
  bd_print_start(row, 0, 0, BD_ROLE_DIM, unit);
  int taken = bd_show_columns(unit) + bd_show_columns(beside_the_answer);
  if (beside && has_init("pso-random") && taken + GAP <= row.columns)
    bd_print_right(row, row.columns, 0, BD_ROLE_DIM, beside_the_answer);
}

static void draw_layer(const scene *of, bd_area area) {
  if (of->state->dial.setting.bits > BD_BITS_MAX) {
    bd_print_wrapped(area, BD_ROLE_DIM, "the layer stays float: nothing is clustered");
    return;
  }
  int above = area.rows >= bd_spread_rows() + 2 ? 2 : 1;
  bool low = area.rows - above < ROWS_FOR_TRACE + 1 + bd_spread_rows();
  bool beside = area.columns >= SIDE_BY_SIDE && low;
  bd_area rest = bd_area_part(area, 0, above, area.columns, area.rows - above);
  bd_draw_optimum(of->state, bd_area_part(area, 0, 0, area.columns, 1));
  if (above == 2) draw_caption(bd_area_part(area, 0, 1, area.columns, 1), beside);
  if (beside)
    draw_beside(of, rest);
  else
    draw_stacked(of, rest);
}

static void draw(bd_view *view, const bd_desk *desk, bd_area area, bool focused) {
  (void)view;
  (void)focused;
  const bd_layer_state *state = bd_desk_state(desk);
  if (area.columns <= 0 || area.rows <= 0) return;
  if (!state || !state->result) {
    bd_draw_nothing(desk, area);
    return;
  }
  scene of = scene_of(desk, state);
  draw_layer(&of, area);
}

static unsigned wants(int columns, int rows) {
  (void)columns;
  (void)rows;
  return BD_WANT_SPREAD;
}

static void copy(bd_view *view, const bd_desk *desk, char *out, size_t size) {
  (void)view;
  const bd_layer_state *state = bd_desk_state(desk);
  if (size > 0) out[0] = '\0';
  if (state && state->result && !isnan(state->result->optimum_ratio))
    snprintf(out, size, "%.9g", state->result->optimum_ratio);
}

const bd_view_class bd_convergence_view = {
    .name = "convergence",
    .open = open_convergence,
    .close = close_convergence,
    .draw = draw,
    .wants = wants,
    .copy = copy,
};
