#include "tui/rescue.h"

#include "core/base/file.h"
#include "core/session/config.h"
#include "tui/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_DIGITS = 32 };

// One file a model, named by the hash of its path.
static bool place(const bd_session *session, char *out, size_t size) {
  char real[PATH_MAX], hash[65], file[80];
  if (!realpath(bd_model_about(bd_session_model(session))->file, real)) return false;
  bd_sha256(real, strlen(real), hash);
  snprintf(file, sizeof file, "rescue/%.*s.json", NAME_DIGITS, hash);
  return bd_path_state(file, out, size);
}

static bd_dial *copy_dials(const bd_session *session, int **layers) {
  size_t count = (size_t)bd_session_count(session);
  bd_dial *dials = calloc(count + 1, sizeof *dials);
  *layers = calloc(count + 1, sizeof **layers);
  for (size_t i = 0; dials && *layers && i < count; i++) {
    dials[i] = bd_session_layer(session, (int)i)->dial;
    (*layers)[i] = (int)i;
  }
  return dials;
}

void bd_rescue_keep(const bd_session *session) {
  char path[PATH_MAX];
  int *layers;
  if (!bd_session_dirty(session) || !place(session, path, sizeof path)) return;
  bd_dial *dials = copy_dials(session, &layers);
  if (dials && bd_path_make(path)) {
    bd_config_write(path, bd_session_model(session), dials, NULL, NULL, NULL);
  }
  free(layers);
  free(dials);
}

bool bd_rescue_waits(const bd_session *session) {
  char path[PATH_MAX];
  return place(session, path, sizeof path) && access(path, R_OK) == 0;
}

void bd_rescue_forget(const bd_session *session) {
  char path[PATH_MAX];
  if (place(session, path, sizeof path)) unlink(path);
}

bd_status bd_rescue_take(bd_session *session, bd_error *err) {
  char path[PATH_MAX];
  int *layers;
  if (!bd_rescue_waits(session)) {
    return bd_fail(err, BD_INVALID, "no edits of this model wait to be taken back");
  }
  place(session, path, sizeof path);
  bd_dial *dials = copy_dials(session, &layers);
  bd_status status = dials && layers
                         ? bd_config_read(path, bd_session_model(session), dials, NULL, err)
                         : bd_fail_memory(err, "the edits");
  if (status == BD_OK) {
    bd_session_edit(session, layers, dials, bd_session_count(session), "rescued edits");
    bd_rescue_forget(session);
  }
  free(layers);
  free(dials);
  return status;
}
