// The work without a screen: one function for each command.
#ifndef BD_TUI_COMMANDS_COMMANDS_H
#define BD_TUI_COMMANDS_COMMANDS_H

#include "core/study/points.h"
#include "tui/commands/options.h"

#include <stdio.h>

bd_status bd_command_explore(const bd_options *options, bd_error *err);
bd_status bd_command_layers(const bd_options *options, bd_error *err);
bd_status bd_command_quantize(const bd_options *options, bd_error *err);
bd_status bd_command_report(const bd_options *options, bd_error *err);
bd_status bd_command_run(const bd_options *options, bd_error *err);
bd_status bd_command_eval(const bd_options *options, bd_error *err);
bd_status bd_command_sweep(const bd_options *options, bd_error *err);
bd_status bd_command_merge(const bd_options *options, bd_error *err);
bd_status bd_command_tune(const bd_options *options, bd_error *err);
bd_status bd_command_compare(const bd_options *options, bd_error *err);

bd_status bd_command_export(const bd_options *options, bd_error *err);

// Opens the model and indexes or quantizes every layer, with progress; interrupted: BD_CANCELLED.
typedef struct bd_work {
  bd_model *model;
  bd_given given; // one dial a layer, and how to repair
  bd_layer_study *studies;
  bd_repair *repair; // NULL: quantized as it is
} bd_work;
bd_status bd_work_open(const bd_options *options, bool quantize, bd_work *work, bd_error *err);
// The same in two parts, for what else can fail in between: nothing is open where the first fails.
bd_status bd_work_model(const bd_options *options, bd_work *work, bd_error *err);
bd_status bd_work_study(const bd_options *options, bool quantize, bd_work *work, bd_error *err);
// One setting a layer, as given; the caller frees them; NULL without memory.
bd_setting *bd_work_settings(const bd_work *work);
void bd_work_close(bd_work *work);

// The axes that --widths and --prunes name.
bd_status bd_options_varied(const bd_options *options, bd_varied *out, bd_error *err);
// Quantizes the points of what was opened (without quantizing), with progress.
bd_status bd_work_points(const bd_options *options, const bd_work *work, bd_points *points,
                         bd_error *err);

// Says in one line on standard error where a model is newer than libonnx knows; bd_work_model does.
void bd_warn_newer(const bd_model *model);
// Names the refused layers on standard error, in one line: `what` before the names, `advice` after.
void bd_warn_refused(const bd_work *work, const char *what, const char *advice);

// Says that the repair which a config names is not made here.
void bd_warn_unrepaired(const char *config, bd_recovery how);

// Waits until the session has no work left, with progress.
bd_status bd_settle(bd_session *session, bd_error *err);
// The session runs the network on the data that the options name; options stay until it ends.
bd_status bd_options_go_live(const bd_options *options, bd_session *session, bd_error *err);

// How wide a page on that output is: the terminal's width, COLUMNS, or 100; 40 to 400.
int bd_output_columns(FILE *out);
// Standard output was written, or why not (a full disk behind `>`).
bd_status bd_flush_output(bd_error *err);

#endif
