#include "viewers/shared.h"

#include "viewers/show.h"

const bd_layer_state *bd_desk_state(const bd_desk *desk) {
  if (desk->layer < 0 || desk->layer >= bd_session_count(desk->session)) return NULL;
  return bd_session_layer(desk->session, desk->layer);
}

void bd_draw_nothing(const bd_desk *desk, bd_area area) {
  const bd_layer_state *state = bd_desk_state(desk);
  char reason[512];
  const char *text = "no layer in hand";
  if (state && state->refused)
    text = bd_show_name(reason, sizeof reason, state->refused, bd_canvas_ascii(area.canvas));
  else if (state)
    text = state->index ? "quantizing …" : "reading the weights …";
  bd_print_fit(area, 0, 0, area.columns, BD_ROLE_DIM, text);
}

void bd_show_levels(char *out, size_t size, const bd_result *result) {
  bool zero = false;
  for (int i = 0; i < result->level_count; i++)
    zero |= result->levels[i] == 0;
  if (result->level_count == 0)
    snprintf(out, size, "float");
  else
    snprintf(out, size, "%d%s", result->level_count - zero, zero ? " + zero" : "");
}
