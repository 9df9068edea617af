#include "tui/commands/commands.h"

#include "core/base/text.h"
#include "core/export/format.h"
#include "core/study/sensitivity.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// As in bd_subcommands.
enum {
  EXPLORE = 1,
  LAYERS = 2,
  QUANTIZE = 4,
  REPORT = 8,
  RUN = 16,
  EVAL = 32,
  SWEEP = 64,
  MERGE = 128,
  TUNE = 256,
  EXPORT = 512,
  COMPARE = 1024,
};
enum {
  RUNS = RUN | EVAL,                                 // those that run the network and are done
  REPAIRS = RUNS | QUANTIZE | TUNE | EXPORT | SWEEP, // those that can repair what they quantized
  FEEDS = RUNS | EXPLORE | SWEEP | TUNE | QUANTIZE | EXPORT | COMPARE, // those that take data
  SETTINGS = EXPLORE | QUANTIZE | REPORT | RUNS | TUNE | SWEEP | EXPORT | COMPARE,
  EVERYWHERE = SETTINGS | LAYERS | MERGE,
};

typedef enum option_id {
  OPT_FIELD = 256, // + the setting's field
  OPT_CONFIG = OPT_FIELD + BD_FIELD_COUNT,
  OPT_COMPARE,
  OPT_LAYER,
  OPT_OUTPUT,
  OPT_JSON,
  OPT_HTML,
  OPT_THEME,
  OPT_ASCII,
  OPT_NO_COLOR,
  OPT_NO_MOUSE,
  OPT_READ_ONLY,
  OPT_FORCE_MATCH,
  OPT_SCRIPT,
  OPT_THREADS,
  OPT_DATA,
  OPT_LABELS,
  OPT_LIMIT,
  OPT_INPUT,
  OPT_SCALE_INPUT,
  OPT_MEAN,
  OPT_STD,
  OPT_NORMALIZE,
  OPT_CALIBRATION,
  OPT_IMPORTANCE,
  OPT_FORMAT,
  OPT_FORMAT_VERSION,
  OPT_MEMORY,
  OPT_WIDTHS,
  OPT_STRICT,
  OPT_TARGET_BITS,
  OPT_TARGET_SIZE,
  OPT_MAX_LOSS,
  OPT_OBJECTIVE,
  OPT_SENSITIVITY,
  OPT_PRUNES,
  OPT_SHARD,
  OPT_RESUME,
  OPT_RECOVER,
  OPT_PRUNE_OVERALL,
  OPT_HELP,
  OPT_VERSION,
} option_id;

typedef struct option_row {
  const char *name;
  char letter; // 0 none
  const char *value;
  int commands;
  const char *help; // NULL: the setting field's own
  int id;
} option_row;

static const option_row rows[] = {
    {"config", 0, "FILE", SETTINGS, "start from a saved config", OPT_CONFIG},
    {"compare", 0, "FILE", EXPLORE | COMPARE, "a config to compare with", OPT_COMPARE},
    {"force-match", 0, NULL, SETTINGS,
     "take a config of another model by its layers' names, and say what was dropped",
     OPT_FORCE_MATCH},
    {"bits", 0, "B", SETTINGS, NULL, OPT_FIELD + BD_FIELD_BITS},
    {"prune", 0, "P", SETTINGS, NULL, OPT_FIELD + BD_FIELD_PRUNE},
    {"prune-overall", 0, "P", SETTINGS,
     "prune that share of all weights: spread over the layers by LAMP, at most 97 % of one",
     OPT_PRUNE_OVERALL},
    {"method", 0, "M", SETTINGS, NULL, OPT_FIELD + BD_FIELD_METHOD},
    {"init", 0, "I", SETTINGS, NULL, OPT_FIELD + BD_FIELD_INIT},
    {"granularity", 0, "G", SETTINGS, NULL, OPT_FIELD + BD_FIELD_GRANULARITY},
    {"grid", 0, "G", SETTINGS, NULL, OPT_FIELD + BD_FIELD_GRID},
    {"zero", 0, "Z", SETTINGS, NULL, OPT_FIELD + BD_FIELD_ZERO},
    {"scale", 0, "S", SETTINGS, NULL, OPT_FIELD + BD_FIELD_SCALE},
    {"seed", 0, "N", SETTINGS, NULL, OPT_FIELD + BD_FIELD_SEED},
    {"layer", 0, "GLOB:FIELD=VALUE,…", SETTINGS,
     "set fields of the layers whose tensor matches; may be repeated, later ones win", OPT_LAYER},
    {"target-bits", 0, "B", TUNE, "as many bits a weight as that, codebooks and masks included",
     OPT_TARGET_BITS},
    {"target-size", 0, "SIZE", TUNE, "or as many bytes: 40KiB, 1.5MiB", OPT_TARGET_SIZE},
    {"max-loss", 0, "L", TUNE,
     "or the least size that loses no more: top-1 (0.01: one point) where it was swept, else KL",
     OPT_MAX_LOSS},
    {"objective", 0, "relative|local|kl|top1", TUNE,
     "what is kept small: relative error (default; no data), or what a sweep says", OPT_OBJECTIVE},
    {"sensitivity", 0, "S.json", TUNE, "take the sweep from there (without it --data is swept)",
     OPT_SENSITIVITY},
    {"widths", 0, "B,B,…", TUNE | SWEEP, "bit widths to try on a layer (default: 2 to 8)",
     OPT_WIDTHS},
    {"prunes", 0, "P,P,…", SWEEP, "prune ratios to try (default: each layer's own)", OPT_PRUNES},
    {"shard", 0, "I/N", SWEEP, "only the I-th of N parts of the points; `bitdial merge` joins them",
     OPT_SHARD},
    {"resume", 0, NULL, SWEEP, "go on with what the output file holds", OPT_RESUME},
    {"output", 'o', "PATH", QUANTIZE | REPORT | RUN | TUNE | SWEEP | MERGE | EXPORT, "write there",
     OPT_OUTPUT},
    {"json", 0, NULL, LAYERS | QUANTIZE | RUNS | TUNE | EXPORT | COMPARE, "print JSON", OPT_JSON},
    {"html", 0, NULL, REPORT, "write one page with pictures, for a browser", OPT_HTML},
    {"format", 0, "F", EXPORT, "what to write:", OPT_FORMAT},
    {"format-version", 0, "V", EXPORT, "and which kind of it (the first named is the default)",
     OPT_FORMAT_VERSION},
    {"strict", 0, NULL, EXPORT, "write nothing where the format cannot hold a layer as it is",
     OPT_STRICT},
    {"theme", 0, "NAME|FILE", EXPLORE, "colours: dark, light, mono, contrast, or a JSON file",
     OPT_THEME},
    {"ascii", 'U', NULL, EXPLORE | REPORT | COMPARE, "draw with ASCII characters", OPT_ASCII},
    {"no-color", 'C', NULL, EXPLORE, "draw without colour", OPT_NO_COLOR},
    {"no-mouse", 'M', NULL, EXPLORE, "leave the mouse to the terminal", OPT_NO_MOUSE},
    {"read-only", 0, NULL, EXPLORE, "write nothing, anywhere", OPT_READ_ONLY},
    {"script", 0, "FILE", EXPLORE, "take keys and commands from a file, without a terminal",
     OPT_SCRIPT},
    {"data", 0, "PATH", FEEDS,
     "samples: .npy, .npz, a folder of JPEG and PNG files (labels.csv: file,class), or one of "
     "ONNX's test_data_set folders",
     OPT_DATA},
    {"labels", 0, "FILE", EVAL | EXPLORE | SWEEP | TUNE | COMPARE,
     "their classes: .npy, or text with one class or file,class a line", OPT_LABELS},
    {"limit", 0, "N", FEEDS, "only the first N samples", OPT_LIMIT},
    {"input", 0, "NAME=FILE", RUN, "an input's tensor as it is; may be repeated", OPT_INPUT},
    {"recover", 0, "R", REPAIRS | EXPLORE,
     "win back accuracy from unlabelled data (sweep: of each point's layer alone):", OPT_RECOVER},
    {"calibration", 0, "PATH", REPAIRS | EXPLORE,
     "data for --recover (default: the last 256 samples of --data, which are then not scored)",
     OPT_CALIBRATION},
    {"scale-input", 0, "S", FEEDS, "multiply the data by S first", OPT_SCALE_INPUT},
    {"mean", 0, "A,B,…", FEEDS, "then subtract, for each channel", OPT_MEAN},
    {"std", 0, "A,B,…", FEEDS, "then divide, for each channel", OPT_STD},
    {"normalize", 0, "none|unit|imagenet", FEEDS,
     "unit: 0..255 to 0..1; imagenet: then ImageNet's mean and deviation", OPT_NORMALIZE},
    {"importance", 0, "FILE", EVERYWHERE & ~MERGE,
     "what each weight's error counts for: a .npz with an array for each layer's tensor",
     OPT_IMPORTANCE},
    {"memory", 0, "SIZE", EVERYWHERE, "never hold more memory: 500M, 2GiB", OPT_MEMORY},
    {"threads", 0, "N", EVERYWHERE, "worker threads (default: the processors at hand)",
     OPT_THREADS},
    {"help", 'h', NULL, EVERYWHERE, "print this", OPT_HELP},
    {"version", 0, NULL, EVERYWHERE, "print the version", OPT_VERSION},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static int mask_of(const bd_subcommand *command) {
  return 1 << (command - bd_subcommands);
}

static const bd_subcommand *find_command(const char *name) {
  for (const bd_subcommand *c = bd_subcommands; c->name; c++)
    if (strcmp(c->name, name) == 0) return c;
  return NULL;
}

// --- reading -------------------------------------------------------------------------------------

static void fill_getopt(int mask, struct option *longs, char *shorts) {
  *shorts++ = ':'; // a missing value is told apart from an unknown option
  for (int i = 0; i < ROW_COUNT; i++) {
    if (!(rows[i].commands & mask)) continue;
    *longs++ = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL,
                               rows[i].id};
    if (!rows[i].letter) continue;
    *shorts++ = rows[i].letter;
    if (rows[i].value) *shorts++ = ':';
  }
  *longs = (struct option){0};
  *shorts = '\0';
}

static int id_of_letter(int code) {
  for (int i = 0; i < ROW_COUNT; i++)
    if (rows[i].letter == code) return rows[i].id;
  return code;
}

static bd_status unknown(const bd_options *options, const char *given, bd_error *err) {
  const char *nearest = NULL;
  int least = INT_MAX, length = (int)strcspn(given, "=");
  char name[64];
  snprintf(name, sizeof name, "%.*s", length, given);
  for (int i = 0; i < ROW_COUNT; i++) {
    if (!(rows[i].commands & mask_of(options->command))) continue;
    int distance = bd_text_distance(name + strspn(name, "-"), rows[i].name);
    if (distance < least) {
      least = distance;
      nearest = rows[i].name;
    }
  }
  const char *command = options->command->name, *space = *command ? " " : "";
  if (least == 0) return bd_fail(err, BD_INVALID, "--%s: takes no value", nearest);
  if (least <= 2)
    return bd_fail(err, BD_INVALID,
                   "%s: no such option: did you mean --%s? See `bitdial%s%s --help`", name, nearest,
                   space, command);
  return bd_fail(err, BD_INVALID, "%s: no such option: see `bitdial%s%s --help`", name, space,
                 command);
}

static bd_status read_threads(bd_options *options, const char *text, bd_error *err) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (*end || end == text || errno || value < 1 || value > 256)
    return bd_fail(err, BD_INVALID, "--threads %s: takes a whole number from 1 to 256", text);
  options->threads = (int)value;
  return BD_OK;
}

static bd_status read_shard(bd_options *options, const char *text, bd_error *err) {
  int used = 0;
  bool read = sscanf(text, "%5d/%5d%n", &options->shard, &options->shards, &used) == 2;
  if (read && !text[used] && options->shard >= 1 && options->shard <= options->shards &&
      options->shards <= BD_SHARDS_MAX)
    return BD_OK;
  return bd_fail(err, BD_INVALID, "--shard %s: takes I/N with I from 1 to N, N up to %d", text,
                 BD_SHARDS_MAX);
}

static bd_status read_limit(bd_options *options, const char *text, bd_error *err) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*end || end == text || errno || value < 1)
    return bd_fail(err, BD_INVALID, "--limit %s: takes a whole number from 1", text);
  options->limit = value;
  return BD_OK;
}

static bd_status read_memory(bd_options *options, const char *text, bd_error *err) {
  double value = bd_text_size(text);
  if (!(value >= 1 << 20) || value > 1e15)
    return bd_fail(err, BD_INVALID, "--memory %s: takes a size from 1M, as in 500M or 2GiB", text);
  options->memory = (size_t)value;
  return BD_OK;
}

static bd_status read_target(bd_options *options, int id, const char *text, bd_error *err) {
  if (id == OPT_TARGET_SIZE) {
    options->target_size = bd_text_size(text);
    if (options->target_size > 0 && options->target_size < 1e15) return BD_OK;
    return bd_fail(err, BD_INVALID, "--target-size %s: takes a size, as in 40KiB or 1.5MiB", text);
  }
  char *end;
  if (id == OPT_MAX_LOSS) {
    options->max_loss = strtod(text, &end);
    if (!*end && end != text && options->max_loss >= 0 && isfinite(options->max_loss)) return BD_OK;
    return bd_fail(err, BD_INVALID, "--max-loss %s: takes a number from 0, as in 0.01", text);
  }
  options->target_bits = strtod(text, &end);
  if (!*end && end != text && options->target_bits > 0 && options->target_bits <= BD_BITS_FLOAT)
    return BD_OK;
  return bd_fail(err, BD_INVALID, "--target-bits %s: takes a number of bits up to 32, as in 3.5",
                 text);
}

static bd_status read_recovery(bd_options *options, const char *text, bd_error *err) {
  int found = bd_recovery_find(text);
  if (found < 0)
    return bd_fail(err, BD_INVALID, "--recover %s: takes none, match or reconstruct", text);
  options->recover = (bd_recovery)found;
  options->repairs = true;
  return BD_OK;
}

// What is kept as text until it is needed.
static bool take_text(bd_options *options, int id, const char *value) {
  const char **const texts[] = {
      [OPT_CONFIG - OPT_CONFIG] = &options->config,
      [OPT_COMPARE - OPT_CONFIG] = &options->compare,
      [OPT_THEME - OPT_CONFIG] = &options->theme,
      [OPT_SCRIPT - OPT_CONFIG] = &options->script,
      [OPT_DATA - OPT_CONFIG] = &options->data,
      [OPT_LABELS - OPT_CONFIG] = &options->labels,
      [OPT_IMPORTANCE - OPT_CONFIG] = &options->importance,
      [OPT_SCALE_INPUT - OPT_CONFIG] = &options->scale_input,
      [OPT_MEAN - OPT_CONFIG] = &options->mean,
      [OPT_STD - OPT_CONFIG] = &options->std,
      [OPT_NORMALIZE - OPT_CONFIG] = &options->normalize,
      [OPT_CALIBRATION - OPT_CONFIG] = &options->calibration,
      [OPT_FORMAT - OPT_CONFIG] = &options->format,
      [OPT_FORMAT_VERSION - OPT_CONFIG] = &options->format_version,
      [OPT_WIDTHS - OPT_CONFIG] = &options->widths,
      [OPT_PRUNES - OPT_CONFIG] = &options->prunes,
      [OPT_OBJECTIVE - OPT_CONFIG] = &options->objective,
      [OPT_SENSITIVITY - OPT_CONFIG] = &options->sensitivity,
      [OPT_PRUNE_OVERALL - OPT_CONFIG] = &options->prune_overall,
  };
  size_t at = (size_t)(id - OPT_CONFIG);
  if (at >= sizeof texts / sizeof *texts || !texts[at]) return false;
  *texts[at] = value;
  return true;
}

static bd_status take(bd_options *options, int id, const char *value, bd_error *err) {
  if (id >= OPT_FIELD && id < OPT_FIELD + BD_FIELD_COUNT) {
    bd_setting scratch = bd_setting_default();
    bd_error why;
    if (bd_setting_set(&scratch, id - OPT_FIELD, value, &why) != BD_OK)
      return bd_fail(err, BD_INVALID, "--%s", why.text);
    options->fields[id - OPT_FIELD] = value;
    return BD_OK;
  }
  if (take_text(options, id, value)) return BD_OK;
  if (id == OPT_RECOVER) return read_recovery(options, value, err);
  switch (id) {
  case OPT_INPUT:
    options->inputs[options->input_count++] = value;
    break;
  case OPT_LAYER:
    options->layers[options->layer_count++] = value;
    break;
  case OPT_OUTPUT:
    if (!*value) return bd_fail(err, BD_INVALID, "-o: needs the path of a file");
    options->output = value;
    break;
  case OPT_THREADS:
    return read_threads(options, value, err);
  case OPT_LIMIT:
    return read_limit(options, value, err);
  case OPT_MEMORY:
    return read_memory(options, value, err);
  case OPT_TARGET_BITS:
  case OPT_TARGET_SIZE:
  case OPT_MAX_LOSS:
    return read_target(options, id, value, err);
  case OPT_SHARD:
    return read_shard(options, value, err);
  }
  bool *const flags[] = {
      [OPT_JSON - OPT_CONFIG] = &options->json,
      [OPT_HTML - OPT_CONFIG] = &options->html,
      [OPT_ASCII - OPT_CONFIG] = &options->ascii,
      [OPT_NO_COLOR - OPT_CONFIG] = &options->no_color,
      [OPT_NO_MOUSE - OPT_CONFIG] = &options->no_mouse,
      [OPT_READ_ONLY - OPT_CONFIG] = &options->read_only,
      [OPT_FORCE_MATCH - OPT_CONFIG] = &options->force_match,
      [OPT_RESUME - OPT_CONFIG] = &options->resume,
      [OPT_STRICT - OPT_CONFIG] = &options->strict,
      [OPT_HELP - OPT_CONFIG] = &options->help,
      [OPT_VERSION - OPT_CONFIG] = &options->version,
  };
  if (flags[id - OPT_CONFIG]) *flags[id - OPT_CONFIG] = true;
  return BD_OK;
}

static bd_status read_operands(int argc, char **argv, bd_options *options, bd_error *err) {
  if (options->help || options->version) return BD_OK;
  options->files = argv + optind;
  options->file_count = argc - optind;
  if (options->command->run == bd_command_merge) return BD_OK; // takes as many as there are
  if (optind < argc) options->model = argv[optind++];
  if (optind < argc && options->command == bd_subcommands && access(options->model, F_OK) != 0)
    return bd_fail(err, BD_INVALID, "%s: no such command: see `bitdial --help`", options->model);
  if (optind < argc)
    return bd_fail(err, BD_INVALID, "%s: one model at a time, %s is already named", argv[optind],
                   options->model);
  if (!options->model && options->command != bd_subcommands)
    return bd_fail(err, BD_INVALID, "%s: needs a model: `bitdial %s %s`", options->command->name,
                   options->command->name, options->command->arguments);
  return BD_OK;
}

static bd_status read_all(int argc, char **argv, bd_options *options, bd_error *err) {
  struct option longs[ROW_COUNT + 1];
  char shorts[2 * ROW_COUNT + 2];
  fill_getopt(mask_of(options->command), longs, shorts);
  opterr = 0;
  optind = 1;
  for (;;) {
    int at = optind;
    int code = getopt_long(argc, argv, shorts, longs, NULL);
    if (code == -1) break;
    const char *given = argv[optind > at ? optind - 1 : at];
    if (code == ':') return bd_fail(err, BD_INVALID, "%s: needs a value after it", given);
    if (code == '?') return unknown(options, given, err);
    BD_TRY(take(options, code < 256 ? id_of_letter(code) : code, optarg, err));
  }
  return read_operands(argc, argv, options, err);
}

bd_status bd_options_read(int argc, char **argv, bd_options *options, bd_error *err) {
  *options = (bd_options){.command = bd_subcommands,
                          .words = argv,
                          .word_count = argc,
                          .target_bits = NAN,
                          .target_size = NAN,
                          .max_loss = NAN};
  options->layers = calloc((size_t)argc + 1, sizeof *options->layers);
  options->inputs = calloc((size_t)argc + 1, sizeof *options->inputs);
  if (!options->layers || !options->inputs) return bd_fail_memory(err, "the command line");
  const bd_subcommand *command = argc > 1 && *argv[1] ? find_command(argv[1]) : NULL;
  if (command) {
    options->command = command;
    argc--;
    argv++;
  }
  return read_all(argc, argv, options, err);
}

void bd_options_free(bd_options *options) {
  free(options->layers);
  free(options->inputs);
}

// --- help ----------------------------------------------------------------------------------------

static const char *help_of(const option_row *row) {
  return row->help ? row->help : bd_setting_field(row->id - OPT_FIELD)->help;
}

static void print_formats(void) {
  for (int i = 0; bd_format_at(i); i++) {
    const bd_format *format = bd_format_at(i);
    printf("%30s%-18s %s\n", "", format->name, format->help);
  }
}

static void print_versions(void) {
  for (int i = 0; bd_format_at(i); i++) {
    const bd_format *format = bd_format_at(i);
    if (!*format->versions[0].name) continue;
    printf("%30s%-18s ", "", format->name);
    for (int k = 0; format->versions[k].name; k++)
      printf("%s%s", k ? ", " : "", format->versions[k].name);
    puts("");
  }
}

static void print_choices(const option_row *row) {
  if (row->id == OPT_FORMAT) print_formats();
  if (row->id == OPT_FORMAT_VERSION) print_versions();
  const bd_field *field =
      row->id < OPT_FIELD + BD_FIELD_COUNT ? bd_setting_field(row->id - OPT_FIELD) : NULL;
  const bd_choice *choices = field ? field->choices : NULL;
  int count = field ? field->choice_count : 0;
  if (row->id == OPT_RECOVER) {
    choices = bd_recoveries;
    count = BD_RECOVERY_COUNT;
  }
  for (int i = 0; choices && i < count; i++)
    printf("%30s%-18s %s\n", "", choices[i].name, choices[i].help);
}

static void print_options(int mask) {
  puts("\nOptions:");
  for (int i = 0; i < ROW_COUNT; i++) {
    if (!(rows[i].commands & mask)) continue;
    char letter[8] = "    ", left[64];
    if (rows[i].letter) snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i].name, rows[i].value ? " " : "",
             rows[i].value ? rows[i].value : "");
    printf("  %-26s  %s\n", left, help_of(&rows[i]));
    print_choices(&rows[i]);
  }
}

void bd_options_help(const bd_subcommand *command) {
  if (*command->name) {
    printf("bitdial %s %s\n  %s\n", command->name, command->arguments, command->help);
    print_options(mask_of(command));
    return;
  }
  puts("bitdial: turn the bits of a neural network like dials.\n");
  for (const bd_subcommand *c = bd_subcommands; c->name; c++)
    printf("  bitdial %s%s%s\n      %s\n", c->name, *c->name ? " " : "", c->arguments, c->help);
  print_options(mask_of(command));
  puts("\nIn the explorer ? lists the keys. `bitdial COMMAND --help` lists a command's options.\n"
       "Exit: 0 done, 1 the work failed, 2 bad usage or input, 130 interrupted.");
}
