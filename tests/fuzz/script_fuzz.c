// Scripts: keys and commands on a small model, in an explorer that may write nothing.
#include "tests/fuzz/target.h"

#include "tui/script.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bd_model *model;
  bd_session *session;
  bd_ui *ui;
  bd_error err = {""};
  if (bd_model_open(fuzz_small_model(), &model, &err) != BD_OK) abort();
  if (bd_session_new(model, NULL, NULL, 1, &session, &err) != BD_OK) abort();
  bd_ui_options options = {
      .session = session, .theme = "mono", .read_only = true, .scripted = true};
  if (bd_ui_new(&options, &ui, &err) != BD_OK) abort();
  if (bd_script_run(ui, fuzz_file(data, size), &err) != BD_OK) fuzz_check_line(err.text);
  bd_ui_free(ui);
  bd_session_free(session);
  return 0;
}
