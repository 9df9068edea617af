// The command line: one table of commands, one of options, read with getopt_long.
#ifndef BD_TUI_COMMANDS_OPTIONS_H
#define BD_TUI_COMMANDS_OPTIONS_H

#include "core/session/config.h"
#include "core/study/recover.h"

typedef struct bd_options bd_options;

typedef struct bd_subcommand {
  const char *name; // "" is the explorer
  const char *arguments;
  const char *help;
  bd_status (*run)(const bd_options *options, bd_error *err);
} bd_subcommand;

// What the command line said. Strings belong to argv.
struct bd_options {
  const bd_subcommand *command;
  const char *model;  // NULL: none given
  char *const *words; // the command line as given
  int word_count;
  const char *prune_overall;
  const char *config, *compare, *output, *theme, *script, *importance;
  bool json, html, ascii, no_color, no_mouse, read_only, force_match, help, version;
  int threads;                        // 0: the processors at hand
  const char *fields[BD_FIELD_COUNT]; // NULL: not given
  const char **layers;                // GLOB:field=value,…
  int layer_count;
  const char *format, *format_version;
  bool strict;
  // What the network is run on.
  const char *data, *labels, *scale_input, *mean, *std, *normalize;
  const char **inputs; // NAME=FILE
  int input_count;
  int64_t limit;           // samples; 0: all
  size_t memory;           // bytes; 0: not said
  bool repairs;            // --recover was given
  bd_recovery recover;     // what it said
  const char *calibration; // NULL: the end of the data
  // Where the bits go.
  const char *widths, *prunes, *sensitivity, *objective;
  double target_bits, target_size, max_loss; // NaN: not given
  int shard, shards;                         // --shard I/N; 0: the whole
  bool resume;
  char *const *files; // merge: what is put together
  int file_count;
};

extern const bd_subcommand bd_subcommands[]; // ends with a NULL name

// BD_INVALID: one line that names the option and what is allowed. Release with bd_options_free.
bd_status bd_options_read(int argc, char **argv, bd_options *options, bd_error *err);
void bd_options_free(bd_options *options);

// Prints what --help says for one command, or for all.
void bd_options_help(const bd_subcommand *command);

// What is set for every layer and for the network: from --config, then the setting options, then
// --layer; --recover wins over the config's.
typedef struct bd_given {
  bd_dial *dials;      // one a layer
  bd_repair_plan plan; // calibration: that of the config, where --calibration says nothing
  cJSON *kept;         // the config as read; NULL where none was named
} bd_given;
bd_status bd_options_given(const bd_options *options, const bd_model *model, bd_given *out,
                           bd_error *err);
void bd_given_free(bd_given *given);

// A file of the sample beside the program ("fashion.onnx"). BD_INVALID where it is not there.
bd_status bd_options_sample(const char *file, char *out, size_t size, bd_error *err);
// Opens the model that was named; without one (the explorer, the report), the sample.
bd_status bd_options_model(const bd_options *options, bd_model **model, bd_error *err);
// A session on it, with the settings that were given.
bd_status bd_options_session(const bd_options *options, bd_session **session, bd_error *err);

#endif
