// bitdial: reads the command line and runs one command.
#include "core/base/json.h"
#include "core/base/memory.h"
#include "tui/commands/commands.h"
#include "tui/version.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static bd_status run(const bd_options *options, bd_error *err) {
  if (options->version) {
    puts("bitdial " BD_VERSION);
    return bd_flush_output(err);
  }
  if (options->help) {
    bd_options_help(options->command);
    return bd_flush_output(err);
  }
  if (options->memory) BD_TRY(bd_memory_limit(options->memory, err));
  return options->command->run(options, err);
}

// A model may be spread over thousands of data files.
static void allow_many_files(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv) {
  // Only the character set: numbers in files keep their point whatever the locale.
  setlocale(LC_CTYPE, "");
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); // a file past the limit (ulimit -f) is an error, not the end
  allow_many_files();
  bd_json_watch_memory();
  bd_options options;
  bd_error err = {{0}};
  bd_status status = bd_options_read(argc, argv, &options, &err);
  if (status == BD_OK) status = run(&options, &err);
  if (status != BD_OK && status != BD_CANCELLED) fprintf(stderr, "bitdial: %s\n", err.text);
  bd_options_free(&options);
  return (int)status;
}
