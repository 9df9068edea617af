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
  const char *config, *output, *theme, *script, *importance;
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
  int64_t limit; // samples; 0: all
  size_t memory; // bytes; 0: not said
  bd_recovery recover;
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

// One dial a layer, from --config, the setting options and --layer, in that order. Also where the
// model has no layers; the caller frees *dials.
// *kept gets the config as read (NULL where none was named; the caller deletes it); kept may be
// NULL.
bd_status bd_options_dials(const bd_options *options, const bd_model *model, bd_dial **dials,
                           cJSON **kept, bd_error *err);
// The same, settings alone.
bd_status bd_options_settings(const bd_options *options, const bd_model *model,
                              bd_setting **settings, bd_error *err);

// A file of the sample beside the program ("fashion.onnx"). BD_INVALID where it is not there.
bd_status bd_options_sample(const char *file, char *out, size_t size, bd_error *err);
// Opens the model that was named; without one (the explorer, the report), the sample.
bd_status bd_options_model(const bd_options *options, bd_model **model, bd_error *err);
// A session on it, with the settings that were given.
bd_status bd_options_session(const bd_options *options, bd_session **session, bd_error *err);

#endif
