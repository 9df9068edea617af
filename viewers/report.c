// Everything the panels show, as plain text: the panels draw on canvases, which are written out.
#include "viewers/codebook.h"
#include "viewers/error.h"
#include "viewers/graph.h"
#include "viewers/histogram.h"
#include "viewers/layers.h"
#include "viewers/shared.h"
#include "viewers/show.h"
#include "viewers/trace.h"
#include "viewers/view.h"

#include "core/base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
  PANEL_ROWS = 14,
  GRAPH_ROWS = 12,
  SIDE_BY_SIDE = 120,
  COLUMNS_LEAST = 40,
  COLUMNS_MOST = 400,
  LEVELS_MOST = 16, // a longer codebook is left out
};

// A report in the making.
typedef struct report {
  bd_desk *desk;
  FILE *out;
  int columns;
  bool ascii;
  bool *whole; // false once there was no memory for a part
  bd_view *layers, *histogram, *error, *codebook, *graph;
} report;

static void put_canvas(const report *to, const bd_canvas *canvas) {
  char *text = canvas ? bd_canvas_text(canvas) : NULL;
  if (text)
    fputs(text, to->out);
  else
    *to->whole = false;
  free(text);
}

// Writes what `draw` draws on a canvas of so many rows.
static void put(const report *to, int rows, void (*draw)(const report *, bd_area)) {
  bd_canvas *canvas = bd_canvas_new(to->columns, rows, to->ascii);
  if (canvas) draw(to, bd_area_whole(canvas));
  put_canvas(to, canvas);
  bd_canvas_free(canvas);
}

static void put_text(const report *to, const char *text) {
  bd_area measure = {.columns = to->columns};
  bd_canvas *canvas =
      bd_canvas_new(to->columns, bd_print_wrapped(measure, BD_ROLE_TEXT, text), to->ascii);
  if (canvas) bd_print_wrapped(bd_area_whole(canvas), BD_ROLE_TEXT, text);
  put_canvas(to, canvas);
  bd_canvas_free(canvas);
}

static void draw_head(const report *to, bd_area area) {
  bd_draw_header(to->desk, area);
}

static void put_summary(const report *to) {
  const bd_model_info *about = bd_model_about(bd_session_model(to->desk->session));
  bd_totals totals = bd_session_totals(to->desk->session);
  bool repairs = bd_session_repair(to->desk->session)->how != BD_RECOVER_NONE;
  char name[4096], text[256], file[BD_SHOW_SIZE], before[BD_SHOW_SIZE], after[BD_SHOW_SIZE];
  put(to, 2, draw_head);
  put_text(to, bd_show_name(name, sizeof name, about->file, to->ascii));
  bd_text_bytes(file, sizeof file, (double)about->file_bytes);
  bd_text_bytes(before, sizeof before, totals.bytes_float);
  bd_text_bytes(after, sizeof after, totals.bytes);
  snprintf(text, sizeof text,
           "file %s · opset %lld · IR %lld · weights %s → %s · %.2f bits/w · entropy %.2f bits%s",
           file, (long long)about->opset, (long long)about->ir_version, before, after,
           totals.bits_per_weight, totals.entropy_bits, repairs ? " · all before the repair" : "");
  put_text(to, text);
  fputc('\n', to->out);
}

static void draw_table(const report *to, bd_area area) {
  bd_layers_view.draw(to->layers, to->desk, area, false);
}

static void draw_heading(const report *to, bd_area area) {
  const bd_desk *desk = to->desk;
  char title[1024];
  bd_rule(area, 0, 1, area.columns, false, BD_ROLE_RULE);
  int at = bd_printf(area, 2, 1, BD_ROLE_TITLE, " %d ", desk->layer + 1);
  bd_histogram_view.title(to->histogram, desk, to->ascii, area.columns - at - 2, title,
                          sizeof title);
  at = bd_print_fit(area, at, 1, area.columns - at - 2, BD_ROLE_TITLE, title);
  bd_put(area, at, 1, ' ', BD_ROLE_TEXT);
}

// All fields of the setting. Returns the rows they take.
static int draw_setting(const report *to, bd_area area) {
  const bd_layer_state *state = bd_session_layer(to->desk->session, to->desk->layer);
  int at = 0, row = 0;
  for (int i = 0; i < BD_FIELD_COUNT; i++) {
    char value[64], text[128];
    bd_setting_get(&state->dial.setting, i, value, sizeof value);
    snprintf(text, sizeof text, "%s%s %s", at ? " · " : "", bd_setting_field(i)->name, value);
    if (at + bd_show_columns(text) > to->columns) {
      snprintf(text, sizeof text, "%s %s", bd_setting_field(i)->name, value);
      at = 0;
      row++;
    }
    bd_print(area, at, row, BD_ROLE_DIM, text);
    at += bd_show_columns(text);
  }
  return row + 1;
}

static void draw_setting_only(const report *to, bd_area area) {
  draw_setting(to, area);
}

static void draw_panels(const report *to, bd_area area) {
  bool beside = area.columns >= SIDE_BY_SIDE;
  int left = beside ? area.columns / 2 : area.columns;
  bd_area second = beside ? bd_area_part(area, left + 2, 0, area.columns - left - 2, PANEL_ROWS)
                          : bd_area_part(area, 0, PANEL_ROWS + 1, area.columns, PANEL_ROWS);
  bd_histogram_view.draw(to->histogram, to->desk, bd_area_part(area, 0, 0, left, PANEL_ROWS),
                         false);
  bd_error_view.draw(to->error, to->desk, second, false);
}

static void draw_codebook(const report *to, bd_area area) {
  bd_codebook_view.draw(to->codebook, to->desk, area, false);
}

static void draw_graph(const report *to, bd_area area) {
  bd_graph_view.draw(to->graph, to->desk, area, false);
}

// How the clustering went, and the codebook where it is short.
static void put_levels(const report *to, const bd_result *result) {
  char text[256], steps[200];
  bd_trace_describe(&result->trace, result->cluster_bound, steps, sizeof steps);
  snprintf(text, sizeof text, "SSE above the %soptimum: %s",
           result->proved ? "proved " : "bound of the ", steps);
  if (steps[0]) put_text(to, text);
  if (result->level_count > 0 && result->level_count <= LEVELS_MOST)
    put(to, bd_codebook_rows(result), draw_codebook);
}

static void put_layer(const report *to) {
  const bd_layer *layer = bd_model_layer(bd_session_model(to->desk->session), to->desk->layer);
  const char *refused = bd_session_layer(to->desk->session, to->desk->layer)->refused;
  bool beside = to->columns >= SIDE_BY_SIDE;
  bd_area measure = {.columns = to->columns};
  char text[4096];
  put(to, 2, draw_heading);
  bd_show_name(text, sizeof text, layer->tensor, to->ascii);
  if (bd_show_columns(text) > to->columns / 2) put_text(to, text); // the heading may have cut it
  if (refused) {
    put_text(to, bd_show_name(text, sizeof text, refused, to->ascii));
    return;
  }
  put(to, draw_setting(to, measure) + 1, draw_setting_only);
  put(to, beside ? PANEL_ROWS : 2 * PANEL_ROWS + 1, draw_panels);
  const bd_result *result = bd_session_layer(to->desk->session, to->desk->layer)->result;
  if (result) put_levels(to, result);
  fputc('\n', to->out);
  put(to, GRAPH_ROWS, draw_graph);
}

bool bd_report_text(bd_desk *desk, FILE *out, int columns, bool ascii) {
  bool whole = true;
  int count = bd_session_count(desk->session), layer = desk->layer;
  columns = columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns;
  report to = {.desk = desk,
               .out = out,
               .columns = columns > COLUMNS_MOST ? COLUMNS_MOST : columns,
               .ascii = ascii,
               .whole = &whole,
               .layers = bd_layers_view.open(),
               .histogram = bd_histogram_view.open(),
               .error = bd_error_view.open(),
               .codebook = bd_codebook_view.open(),
               .graph = bd_graph_view.open()};
  desk->layer = -1; // no cursor in the table
  whole = to.layers && to.histogram && to.error && to.codebook && to.graph;
  if (whole) {
    put_summary(&to);
    put(&to, count + 1, draw_table);
    for (desk->layer = 0; desk->layer < count; desk->layer++)
      put_layer(&to);
  }
  desk->layer = layer;
  bd_layers_view.close(to.layers);
  bd_histogram_view.close(to.histogram);
  bd_error_view.close(to.error);
  bd_codebook_view.close(to.codebook);
  bd_graph_view.close(to.graph);
  return whole;
}
