#include "tui/commands/commands.h"

#include "tui/app.h"

#include <unistd.h>

bd_status bd_command_explore(const bd_options *options, bd_error *err) {
  // Before the model is read: without a terminal that would be for nothing.
  if (!options->script && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
    return bd_fail(err, BD_INVALID,
                   "the explorer needs a terminal: `bitdial report MODEL.onnx` works without one");
  bd_session *session;
  BD_TRY(bd_options_session(options, &session, err));
  bd_explore_options explore = {
      .session = session,
      .theme = options->theme,
      .script = options->script,
      .ascii = options->ascii,
      .no_color = options->no_color,
      .no_mouse = options->no_mouse,
      .read_only = options->read_only,
  };
  return bd_explore(&explore, err);
}
