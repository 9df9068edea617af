#include "viewers/shared.h"

#include "viewers/show.h"

#include <math.h>

enum { WHOLE_GAP = 3 };

const bd_layer_state *bd_desk_state(const bd_desk *desk) {
  if (desk->layer < 0 || desk->layer >= bd_session_count(desk->session)) return NULL;
  return bd_session_layer(desk->session, desk->layer);
}

void bd_print_start(bd_area area, int column, int row, bd_role role, const char *text) {
  bd_print(area, column, row, role, text);
  if (column + bd_show_columns(text) > area.columns)
    bd_put(area, area.columns - 1, row, bd_glyph_sign(area.canvas, BD_SIGN_ELLIPSIS), role);
}

int bd_print_whole(bd_area area, int column, int row, bd_role role, const char *text) {
  if (column + bd_show_columns(text) > area.columns) return column;
  return bd_print(area, column, row, role, text) + WHOLE_GAP;
}

// The bytes of the next row: up to the last blank that fits, or all that fit.
static size_t row_bytes(const char *text, int columns) {
  size_t at = 0, blank = 0;
  for (int length = 0; text[at] && length < columns; length++) {
    if (text[at] == ' ') blank = at;
    do
      at++;
    while (((unsigned char)text[at] & 0xC0) == 0x80);
  }
  return !text[at] || text[at] == ' ' || blank == 0 ? at : blank;
}

int bd_print_wrapped(bd_area area, bd_role role, const char *text) {
  int row = 0;
  for (; *text && area.columns > 0; row++) {
    char line[1024];
    size_t bytes = row_bytes(text, area.columns);
    snprintf(line, sizeof line, "%.*s", (int)bytes, text);
    bd_print(area, 0, row, role, line);
    text += bytes + (text[bytes] == ' ');
  }
  return row;
}

void bd_draw_nothing(const bd_desk *desk, bd_area area) {
  const bd_layer_state *state = bd_desk_state(desk);
  char reason[512];
  const char *text = "no layer in hand";
  if (state && state->refused)
    text = bd_show_name(reason, sizeof reason, state->refused, bd_canvas_ascii(area.canvas));
  else if (state)
    text = state->index ? "quantizing …" : "reading the weights …";
  bd_print_wrapped(area, BD_ROLE_DIM, text);
}

const char *bd_choice_name(int field, int choice) {
  const bd_field *about = bd_setting_field(field);
  return choice >= 0 && choice < about->choice_count ? about->choices[choice].name : "?";
}

const char *bd_stale_mark(const bd_layer_state *state) {
  return state->stale ? "~" : "";
}

void bd_draw_optimum(const bd_layer_state *state, bd_area row) {
  const bd_result *result = state->result;
  const char *init = bd_choice_name(BD_FIELD_INIT, (int)result->setting.init);
  const char *method = bd_choice_name(BD_FIELD_METHOD, (int)result->setting.method);
  char text[128], merged[BD_SHOW_SIZE];
  bool clusters = bd_setting_clusters(&result->setting);
  if (!clusters || isnan(result->optimum_ratio)) {
    snprintf(text, sizeof text,
             clusters ? "%s: looking for the optimum …" : "%s: no clustering, so no optimum",
             clusters ? init : method);
    bd_print_start(row, 0, 0, BD_ROLE_DIM, text);
    return;
  }
  int at =
      bd_printf(row, 0, 0, state->stale ? BD_ROLE_STALE : BD_ROLE_TEXT, "%s %s%s%.6f × optimum ",
                init, bd_stale_mark(state), result->proved ? "" : "≤ ", result->optimum_ratio);
  if (result->proved)
    at = bd_print_whole(row, at, 0, BD_ROLE_GOOD, "(proved)");
  else
    at = bd_print_whole(row, at, 0, BD_ROLE_DIM, state->proving ? "(proving …)" : "(a bound)");
  snprintf(merged, sizeof merged, "%d merged", result->merged);
  if (result->merged > 0) bd_print_whole(row, at, 0, BD_ROLE_WARN, merged);
}

void bd_show_levels(char *out, size_t size, const bd_result *result) {
  bool zero = false;
  for (int i = 0; i < result->level_count; i++)
    zero |= result->levels[i] == 0;
  if (result->part)
    snprintf(out, size, "≤%d × %zu", result->most_levels, result->parts.count);
  else if (result->level_count == 0)
    snprintf(out, size, "kept as float");
  else
    snprintf(out, size, "%d%s", result->level_count - zero, zero ? " + zero" : "");
}
