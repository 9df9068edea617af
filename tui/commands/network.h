// What the commands that run the network share: data, plan, replaced weights.
#ifndef BD_TUI_COMMANDS_NETWORK_H
#define BD_TUI_COMMANDS_NETWORK_H

#include "core/study/eval.h"
#include "tui/commands/commands.h"

typedef struct bd_network {
  bd_data *data;
  bd_engine *engine;
  double compile_seconds;
} bd_network;

// Opens the data that the command line names and compiles the model for them.
bd_status bd_network_open(const bd_options *options, const bd_model *model, bd_network *out,
                          bd_error *err);
void bd_network_close(bd_network *network);

// The quantized weights of every layer that was studied.
bd_status bd_network_swap(const bd_network *network, const bd_work *work, bd_swap **out,
                          bd_error *err);

// Does the command line say anything about quantizing?
bool bd_options_quantize(const bd_options *options);

double bd_seconds(void); // a clock that only runs forward

#endif
