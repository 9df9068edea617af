#include "tui/commands/commands.h"

#include "core/base/file.h"
#include "tui/commands/progress.h"
#include "tui/version.h"
#include "viewers/page.h"
#include "viewers/view.h"

#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A word of the command line as a shell reads it back.
static void put_word(FILE *out, const char *word) {
  bool plain = *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789%+,-./:=@_") == strlen(word);
  if (plain) {
    fputs(word, out);
    return;
  }
  fputc('\'', out);
  for (; *word; word++)
    fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, out);
  fputc('\'', out);
}

// The command line, for people to repeat. Caller frees; NULL without memory.
static char *command_line(const bd_options *options) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fputs("bitdial", out);
  for (int i = 1; i < options->word_count; i++) {
    fputc(' ', out);
    put_word(out, options->words[i]);
  }
  fclose(out);
  return text;
}

static bd_status write_page(bd_desk *desk, const bd_options *options, FILE *out, bd_error *err) {
  bd_page_about about = {.version = "bitdial " BD_VERSION};
  BD_TRY(bd_model_sha256(bd_session_model(desk->session), about.sha256, err));
  char *command = command_line(options);
  about.command = command;
  bool whole = command && bd_page_write(desk, &about, out);
  free(command);
  return whole ? BD_OK : bd_fail_memory(err, "the report");
}

static bd_status write_text(bd_desk *desk, const bd_options *options, FILE *out, bd_error *err) {
  bool ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
  bool whole = bd_report_text(desk, out, bd_output_columns(options->output ? stdin : out), ascii);
  return whole ? BD_OK : bd_fail_memory(err, "the report");
}

static bd_status write_report(bd_session *session, const bd_options *options, FILE *out,
                              bd_error *err) {
  bd_desk desk = {.session = session, .layer = bd_session_count(session) ? 0 : -1};
  desk.marks = calloc((size_t)bd_session_count(session) + 1, sizeof *desk.marks);
  if (!desk.marks) return bd_fail_memory(err, "the report");
  bd_status status =
      options->html ? write_page(&desk, options, out, err) : write_text(&desk, options, out, err);
  free(desk.marks);
  return status;
}

// Into memory first, so that the file appears whole or not at all.
static bd_status put_report(bd_session *session, const bd_options *options, bd_error *err) {
  if (options->output && bd_file_same(options->output, options->model))
    return bd_fail(err, BD_INVALID, "%s: is the model itself: choose another name",
                   options->output);
  if (!options->output) {
    BD_TRY(write_report(session, options, stdout, err));
    return bd_flush_output(err);
  }
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return bd_fail_memory(err, "the report");
  bd_status status = write_report(session, options, out, err);
  fclose(out);
  if (status == BD_OK) status = bd_file_write(options->output, text, size, err);
  free(text);
  return status;
}

bd_status bd_command_report(const bd_options *options, bd_error *err) {
  bd_interrupt();
  bd_session *session;
  BD_TRY(bd_options_session(options, &session, err));
  bd_warn_newer(bd_session_model(session));
  bd_warn_unrepaired(options->config, bd_session_repair(session)->how);
  bd_status status = bd_settle(session, err);
  if (status == BD_OK) status = put_report(session, options, err);
  bd_session_free(session);
  return status;
}
