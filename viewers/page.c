#include "viewers/page.h"

#include "core/base/text.h"
#include "viewers/markup.h"
#include "viewers/shared.h"
#include "viewers/show.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct page {
  bd_desk *desk;
  const bd_page_about *about;
  FILE *out;
  bool parts; // some layer has levels for parts of it: a column says so
} page;

static const bd_layer *layer_at(const page *to, int layer) {
  return bd_model_layer(bd_session_model(to->desk->session), layer);
}

// --- head and summary ----------------------------------------------------------------------------

static void put_head(const page *to) {
  const bd_model_info *about = bd_model_about(bd_session_model(to->desk->session));
  fputs("<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\"><head>"
        "<meta charset=\"utf-8\"/><title>",
        to->out);
  bd_markup_text(to->out, bd_text_base(about->file));
  fputs(" · bitdial</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
        "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n",
        to->out);
  bd_page_style(to->out);
  fputs("</head>\n<body>\n", to->out);
}

// A figure that stands out: a number and what it is.
static void put_figure(const page *to, const char *key, double value, const char *shown,
                       const char *what) {
  fputs("<li><b>", to->out);
  bd_markup_number(to->out, key, value, shown);
  fprintf(to->out, "</b> %s</li>\n", what);
}

static void put_figures(const page *to) {
  bd_totals totals = bd_session_totals(to->desk->session);
  char text[BD_SHOW_SIZE];
  fputs("<ul class=\"figures\" id=\"total\">\n", to->out);
  bd_text_count(text, sizeof text, (int64_t)totals.weights);
  put_figure(to, "weights", totals.weights, text, "weights");
  bd_text_bytes(text, sizeof text, totals.bytes_float);
  put_figure(to, "bytes_float", totals.bytes_float, text, "as float");
  bd_text_bytes(text, sizeof text, totals.bytes);
  put_figure(to, "bytes", totals.bytes, text, "as set");
  snprintf(text, sizeof text, "%.1f×", totals.ratio);
  put_figure(to, "ratio", totals.ratio, text, "smaller");
  snprintf(text, sizeof text, "%.2f", totals.bits_per_weight);
  put_figure(to, "bits_per_weight", totals.bits_per_weight, text, "bits/weight");
  snprintf(text, sizeof text, "%.2f", totals.entropy_bits);
  put_figure(to, "entropy_bits", totals.entropy_bits, text, "bits of entropy");
  put_figure(to, "sqnr_db", totals.sqnr_db, bd_show_sqnr(text, totals.sqnr_db), "SQNR");
  fputs("</ul>\n", to->out);
  if (bd_session_repair(to->desk->session)->how != BD_RECOVER_NONE)
    fputs("<p>Sizes and errors are those before the repair.</p>\n", to->out);
}

static void put_term(const page *to, const char *term, const char *text) {
  fprintf(to->out, "<dt>%s</dt><dd>", term);
  bd_markup_text(to->out, text);
  fputs("</dd>\n", to->out);
}

// Something that may be copied.
static void put_code(const page *to, const char *term, const char *id, const char *text) {
  fprintf(to->out, "<dt>%s</dt><dd><code id=\"%s\">", term, id);
  bd_markup_text(to->out, text);
  fputs("</code></dd>\n", to->out);
}

static void put_summary(const page *to) {
  const bd_model_info *about = bd_model_about(bd_session_model(to->desk->session));
  char text[256], size[BD_SHOW_SIZE];
  fputs("<header><h1>", to->out);
  bd_markup_text(to->out, bd_text_base(about->file));
  fputs("</h1>\n", to->out);
  put_figures(to);
  fputs("<dl>\n", to->out);
  put_code(to, "model", "model", about->file);
  put_code(to, "SHA-256", "sha256", to->about->sha256);
  bd_text_bytes(size, sizeof size, (double)about->file_bytes);
  snprintf(text, sizeof text, "%s · opset %" PRId64 " · IR %" PRId64 " · %d nodes", size,
           about->opset, about->ir_version, about->node_count);
  put_term(to, "file", text);
  put_code(to, "made by", "command", to->about->command);
  put_term(to, "version", to->about->version);
  fputs("</dl></header>\n"
        "<nav><a href=\"#layers\">layers</a> <a href=\"#map\">bits and error</a> "
        "<a href=\"#frontier\">size against error</a> <a href=\"#each\">each layer</a></nav>\n",
        to->out);
}

// --- the table of layers -------------------------------------------------------------------------

static const char *const heads[] = {
    "№",          "tensor", "op",   "shape",  "weights", "bits",    "prune", "method",
    "levels for", "SQNR",   "opt.", "levels", "bits/w",  "entropy", "size",  "before, after"};
enum { HEADS = sizeof heads / sizeof *heads, HEAD_OF_PARTS = 8 };

static bool has_parts(const bd_session *session) {
  for (int i = 0; i < bd_session_count(session); i++)
    if (bd_session_layer(session, i)->dial.setting.granularity != BD_TENSOR) return true;
  return false;
}

static void put_heads(const page *to) {
  fputs("<thead><tr>", to->out);
  for (int i = 0; i < HEADS; i++) {
    if (i == HEAD_OF_PARTS && !to->parts) continue;
    fprintf(to->out, "<th scope=\"col\">%s</th>", heads[i]);
  }
  fputs("</tr></thead>\n", to->out);
}

static void put_cell(const page *to, const char *key, double value, const char *shown) {
  fputs("<td class=\"n\">", to->out);
  bd_markup_number(to->out, key, value, shown);
  fputs("</td>", to->out);
}

static void put_word(const page *to, const char *text) {
  fputs("<td>", to->out);
  bd_markup_text(to->out, text);
  fputs("</td>", to->out);
}

static void put_name(const page *to, int layer) {
  fprintf(to->out, "<td class=\"n\"><data class=\"index\" value=\"%d\">%d</data></td>", layer,
          layer + 1);
  fprintf(to->out, "<th scope=\"row\"><a href=\"#layer-%d\">", layer + 1);
  bd_markup_text(to->out, layer_at(to, layer)->tensor);
  fputs("</a></th>", to->out);
}

static void put_about(const page *to, const bd_layer *layer) {
  char text[160];
  put_word(to, bd_show_kind(layer));
  put_word(to, bd_show_shape(text, sizeof text, layer));
  put_cell(to, "weights", (double)layer->weights, bd_text_count(text, sizeof text, layer->weights));
}

static void put_dial(const page *to, const bd_layer_state *state) {
  const bd_setting *setting = &state->dial.setting;
  char text[64], shown[BD_SHOW_SIZE];
  fprintf(to->out, "<td class=\"n\">%s<data class=\"bits\" value=\"%d\">%d</data></td>",
          state->dial.locked ? "<span title=\"locked\">▣</span> " : "", setting->bits,
          setting->bits);
  put_cell(to, "prune", setting->prune, bd_show_prune(shown, setting->prune));
  put_word(to, bd_setting_get(setting, BD_FIELD_METHOD, text, sizeof text));
  if (to->parts) put_word(to, bd_setting_get(setting, BD_FIELD_GRANULARITY, text, sizeof text));
}

static void put_result(const page *to, const bd_result *result) {
  char text[2 * BD_SHOW_SIZE];
  put_cell(to, "sqnr_db", result->sqnr_db, bd_show_sqnr(text, result->sqnr_db));
  put_cell(to, "optimum_ratio", result->optimum_ratio, bd_show_optimum(text, result));
  bd_show_levels(text, sizeof text, result);
  put_cell(to, "levels", result->most_levels ? (double)result->most_levels : (double)NAN, text);
  snprintf(text, sizeof text, "%.2f", result->bits_per_weight);
  put_cell(to, "bits_per_weight", result->bits_per_weight, text);
  snprintf(text, sizeof text, "%.2f", result->entropy_bits);
  put_cell(to, "entropy_bits", result->entropy_bits, text);
  put_cell(to, "bytes", result->bytes, bd_show_bytes(text, result->bytes));
}

static void put_row(const page *to, int layer) {
  const bd_layer_state *state = bd_session_layer(to->desk->session, layer);
  fputs("<tr>", to->out);
  put_name(to, layer);
  if (state->refused || !state->result) {
    fprintf(to->out, "<td class=\"refused\" colspan=\"%d\">", HEADS - 2 - !to->parts);
    bd_markup_text(to->out, state->refused ? state->refused : "no result");
    fputs("</td></tr>\n", to->out);
    return;
  }
  put_about(to, layer_at(to, layer));
  put_dial(to, state);
  put_result(to, state->result);
  fputs("<td>", to->out);
  bd_page_spark(state, to->out);
  fputs("</td></tr>\n", to->out);
}

static void put_table(const page *to) {
  fputs("<section id=\"layers\"><h2>Layers</h2>\n<div class=\"wide\"><table class=\"sort\">\n",
        to->out);
  put_heads(to);
  fputs("<tbody>\n", to->out);
  for (int i = 0; i < bd_session_count(to->desk->session); i++)
    put_row(to, i);
  fputs("</tbody></table></div></section>\n", to->out);
}

// --- each layer ----------------------------------------------------------------------------------

static void put_setting(const page *to, const bd_setting *setting) {
  fputs("<p class=\"dim\">", to->out);
  for (int i = 0; i < BD_FIELD_COUNT; i++) {
    char value[64];
    bd_setting_get(setting, i, value, sizeof value);
    fprintf(to->out, "%s%s <b>%s</b>", i ? " · " : "", bd_setting_field(i)->name, value);
  }
  fputs("</p>\n", to->out);
}

static void put_error(const page *to, const char *key, const char *what, double value) {
  char text[BD_SHOW_SIZE];
  if (isnan(value)) return;
  fprintf(to->out, "<li>%s ", what);
  bd_markup_number(to->out, key, value, bd_show_value(text, value));
  fputs("</li>\n", to->out);
}

static void put_errors(const page *to, const bd_result *result) {
  fputs("<ul class=\"figures\">\n", to->out);
  put_error(to, "sse", "squared error", result->sse);
  put_error(to, "sse_prune", "of pruning", result->sse_prune);
  put_error(to, "sse_cluster", "of clustering", result->sse_cluster);
  put_error(to, "sse_map", "of mapping to the grid", result->sse_map);
  put_error(to, "max_error", "greatest error", result->max_error);
  if (bd_setting_clusters(&result->setting))
    fprintf(to->out, "<li>optimum %s</li>\n", result->proved ? "proved" : "bounded, not proved");
  fputs("</ul>\n", to->out);
}

static void put_layer(const page *to, int index) {
  const bd_layer_state *state = bd_session_layer(to->desk->session, index);
  const bd_layer *layer = layer_at(to, index);
  char shape[160];
  fprintf(to->out, "<article id=\"layer-%d\"><h3>%d ", index + 1, index + 1);
  bd_markup_text(to->out, layer->tensor);
  fputs(" <small>", to->out);
  bd_markup_text(to->out, bd_show_kind(layer));
  fprintf(to->out, " %s</small></h3>\n", bd_show_shape(shape, sizeof shape, layer));
  if (state->refused || !state->result) {
    fputs("<p class=\"refused\">", to->out);
    bd_markup_text(to->out, state->refused ? state->refused : "no result");
    fputs("</p>\n", to->out);
  } else {
    put_setting(to, &state->dial.setting);
    bd_page_histogram(state, layer->tensor, to->out);
    put_errors(to, state->result);
  }
  fputs("</article>\n", to->out);
}

static void put_layers(const page *to) {
  fputs("<section id=\"each\"><h2>Each layer</h2>\n"
        "<p class=\"key\"><span class=\"k before\"></span> before <span class=\"k after\"></span> "
        "after: a level's weights, spread over the values that it stands for "
        "<span class=\"k pruned\"></span> pruned <span class=\"k level\"></span> levels</p>\n",
        to->out);
  for (int i = 0; i < bd_session_count(to->desk->session); i++)
    put_layer(to, i);
  fputs("</section>\n", to->out);
}

bool bd_page_write(bd_desk *desk, const bd_page_about *about, FILE *out) {
  page to = {desk, about, out, has_parts(desk->session)};
  put_head(&to);
  put_summary(&to);
  fputs("<main>\n", out);
  put_table(&to);
  bd_page_map(desk->session, out);
  bool whole = bd_page_frontier(desk->session, out);
  put_layers(&to);
  fputs("</main>\n", out);
  bd_page_script(out);
  fputs("</body></html>\n", out);
  return whole;
}
