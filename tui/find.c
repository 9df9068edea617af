#include "tui/find.h"

#include "viewers/layers.h"
#include "viewers/match.h"

#include <stdio.h>
#include <string.h>

static const bd_layer *layer_at(const bd_ui *ui, int layer) {
  return bd_model_layer(bd_session_model(ui->desk.session), layer);
}

bd_status bd_find_again(bd_ui *ui, int step, bd_error *err) {
  if (!ui->find[0]) {
    return bd_fail(err, BD_INVALID, "nothing was searched for yet: / asks for a text");
  }
  if (bd_table_find(ui->views[0], &ui->desk, ui->find, step)) return BD_OK;
  return bd_fail(err, BD_INVALID, "no layer holds '%s'", ui->find);
}

bd_status bd_find(bd_ui *ui, const char *text, bd_error *err) {
  snprintf(ui->find, sizeof ui->find, "%s", text);
  return bd_find_again(ui, 1, err);
}

bd_status bd_find_filter(bd_ui *ui, const char *text, bd_error *err) {
  const int *layers;
  char before[sizeof ui->desk.filter];
  memcpy(before, ui->desk.filter, sizeof before);
  snprintf(ui->desk.filter, sizeof ui->desk.filter, "%s", text);
  int shown = bd_table_shown(ui->views[0], &ui->desk, &layers);
  if (shown == 0) {
    memcpy(ui->desk.filter, before, sizeof before);
    return bd_fail(err, BD_INVALID, "no layer holds '%s'", text);
  }
  if (!bd_layer_matches(layer_at(ui, ui->desk.layer), text)) ui->desk.layer = layers[0];
  if (text[0]) bd_desk_say(&ui->desk, "%d layers; Esc shows all", shown);
  return BD_OK;
}

bd_status bd_find_tensor(bd_ui *ui, const char *name, bd_error *err) {
  const bd_model *model = bd_session_model(ui->desk.session);
  int layer = bd_model_find(model, name), near = bd_model_nearest(model, name);
  if (layer >= 0) {
    ui->desk.layer = layer;
    return BD_OK;
  }
  if (near < 0) return bd_fail(err, BD_INVALID, "this model has no layers");
  return bd_fail(err, BD_INVALID, "no layer is called '%s'; the nearest is '%s'", name,
                 bd_model_layer(model, near)->tensor);
}
