// What the commands that run the network share: data, plan, replaced weights.
#ifndef BD_TUI_COMMANDS_NETWORK_H
#define BD_TUI_COMMANDS_NETWORK_H

#include "core/study/eval.h"
#include "core/study/sweep.h"
#include "tui/commands/commands.h"

typedef struct bd_network {
  bd_data *whole;       // as the command line names it
  bd_data *data;        // what is scored: all, or what calibration leaves
  bd_data *calibration; // for --recover, or NULL
  bd_engine *engine;
  double compile_seconds;
  // of bd_network_open_sweep alone
  bd_engine *apart;
  int64_t *labels;
} bd_network;

// Opens the data that the command line names and compiles the model for them; bd_network_data stops
// before compiling, and data may be missing where only --calibration is needed.
bd_status bd_network_open(const bd_options *options, const bd_model *model, const bd_cancel *cancel,
                          bd_network *out, bd_error *err);
// The same with labels, where there are some, and compiled for the layers' own outputs too.
bd_status bd_network_open_sweep(const bd_options *options, const bd_model *model, bd_network *out,
                                bd_error *err);
void bd_network_close(bd_network *network);

// A sweep of the points on that network, with a bar; bytes for activations by --memory.
bd_status bd_network_sweep(const bd_options *options, const bd_network *network,
                           const bd_work *work, const bd_points *points, bd_sensitivity *state,
                           bd_sweep_progress progress, void *arg, bd_error *err);
bd_sweep_parts bd_network_parts(const bd_network *network, const bd_work *work,
                                const bd_points *points);

bd_status bd_network_data(const bd_options *options, const bd_model *model, bd_network *out,
                          bd_error *err);
// --recover: repairs what was studied on the network's calibration data, and says on standard error
// what came of it.
bd_status bd_network_recover(const bd_options *options, const bd_network *network, bd_work *work,
                             bd_error *err);

// The quantized (and repaired) weights of every layer that was studied.
bd_status bd_network_swap(const bd_network *network, const bd_work *work, bd_swap **out,
                          bd_error *err);

// Does the command line say anything about quantizing?
bool bd_options_quantize(const bd_options *options);

#endif
