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
  // Where that is from: its first sample there, and how it was made ready.
  bd_data *calibration_whole;   // NULL: not of a config's own
  const char *calibration_file; // NULL: none, or no path of samples
  int64_t first;
  bd_transform transform;
  bd_engine *engine;
  double compile_seconds;
  // of bd_network_open_sweep alone
  bd_engine *apart;
  int64_t *labels;
} bd_network;

// Opens the data that the command line names, and those that the plan (NULL: no repair; it outlives
// the network) calibrates on, and compiles the model for them; bd_network_data stops before
// compiling, and data may be missing where only calibration is needed.
bd_status bd_network_open(const bd_options *options, const bd_model *model,
                          const bd_repair_plan *plan, const bd_cancel *cancel, bd_network *out,
                          bd_error *err);
// The same with labels, where there are some, and compiled for the layers' own outputs too.
bd_status bd_network_open_sweep(const bd_options *options, const bd_model *model,
                                const bd_repair_plan *plan, bd_network *out, bd_error *err);
void bd_network_close(bd_network *network);

// A sweep of the points on that network, with a bar; bytes for activations by --memory.
bd_status bd_network_sweep(const bd_options *options, const bd_network *network,
                           const bd_work *work, const bd_points *points, bd_sensitivity *state,
                           bd_sweep_progress progress, void *arg, bd_error *err);
bd_sweep_parts bd_network_parts(const bd_network *network, const bd_work *work,
                                const bd_points *points);

bd_status bd_network_data(const bd_options *options, const bd_model *model,
                          const bd_repair_plan *plan, const bd_cancel *cancel, bd_network *out,
                          bd_error *err);
// Puts the samples that are calibrated on into the plan, for a config to name them.
bd_status bd_network_describe(const bd_options *options, const bd_network *network,
                              const bd_cancel *cancel, bd_repair_plan *plan, bd_error *err);
// Repairs these studies on the network's calibration data, by the plan that was given, and says
// nothing; *out stays NULL where that is none.
bd_status bd_network_repair(const bd_options *options, const bd_network *network,
                            const bd_work *work, const bd_layer_study *studies, bd_repair **out,
                            bd_error *err);
// --recover: repairs what was studied on the network's calibration data, and says on standard error
// what came of it.
bd_status bd_network_recover(const bd_options *options, const bd_network *network, bd_work *work,
                             bd_error *err);

// Repairs each of the points alone, by the plan that was given; the plan names its samples then.
bd_status bd_network_repair_points(const bd_options *options, const bd_network *network,
                                   bd_work *work, bd_points *points, bd_error *err);
// Writes down how a sweep's points were repaired.
void bd_network_note_repair(const bd_work *work, bd_sensitivity *out);
// --recover for a command that runs the network for nothing else, data and all.
bd_status bd_work_repair(const bd_options *options, bd_work *work, bd_error *err);
// BD_INVALID where such a command was given data that no repair takes.
bd_status bd_work_check_data(const bd_options *options, const bd_work *work, bd_error *err);

// The quantized (and repaired) weights of every layer that was studied.
bd_status bd_network_swap(const bd_network *network, const bd_work *work, bd_swap **out,
                          bd_error *err);

// Does the command line say anything about quantizing?
bool bd_options_quantize(const bd_options *options);

#endif
