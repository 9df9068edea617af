#include "tui/commands/commands.h"

#include "core/base/text.h"
#include "tui/commands/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bd_status study(const bd_options *options, const bd_setting *settings, bd_work *work,
                       bd_error *err) {
  bd_pool *pool;
  BD_TRY(bd_pool_new(options->threads, &pool, err));
  bd_bar bar = bd_bar_start("layers");
  bd_status status = bd_study_all(work->model, settings, BD_PROVED, pool, bd_interrupt(),
                                  bd_bar_show, &bar, &work->studies, err);
  bd_bar_end(&bar);
  bd_pool_free(pool);
  return status;
}

bd_status bd_work_model(const bd_options *options, bd_work *work, bd_error *err) {
  *work = (bd_work){0};
  bd_interrupt();
  BD_TRY(bd_options_model(options, &work->model, err));
  bd_warn_newer(work->model);
  bd_status status = bd_options_given(options, work->model, &work->given, err);
  if (status != BD_OK) bd_work_close(work);
  return status;
}

bd_setting *bd_work_settings(const bd_work *work) {
  int count = bd_model_layer_count(work->model);
  bd_setting *settings = calloc((size_t)count + 1, sizeof *settings);
  for (int i = 0; settings && i < count; i++)
    settings[i] = work->given.dials[i].setting;
  return settings;
}

bd_status bd_work_study(const bd_options *options, bool quantize, bd_work *work, bd_error *err) {
  bd_setting *settings = quantize ? bd_work_settings(work) : NULL;
  if (quantize && !settings) return bd_fail_memory(err, "the settings");
  bd_status status = study(options, settings, work, err);
  free(settings);
  return status;
}

bd_status bd_work_open(const bd_options *options, bool quantize, bd_work *work, bd_error *err) {
  BD_TRY(bd_work_model(options, work, err));
  bd_status status = bd_work_study(options, quantize, work, err);
  if (status != BD_OK) bd_work_close(work);
  return status;
}

void bd_work_close(bd_work *work) {
  if (work->model) bd_study_free(work->studies, bd_model_layer_count(work->model));
  bd_repair_free(work->repair);
  bd_given_free(&work->given);
  bd_model_close(work->model);
  *work = (bd_work){0};
}

static bd_status axis(bd_status status, const char *option, const char *text, const bd_error *why,
                      bd_error *err) {
  return status == BD_OK ? BD_OK : bd_fail(err, status, "--%s %s: %s", option, text, why->text);
}

bd_status bd_options_varied(const bd_options *options, bd_varied *out, bd_error *err) {
  const char *widths = options->widths, *prunes = options->prunes;
  bd_error why;
  *out = bd_varied_default();
  if (widths) BD_TRY(axis(bd_varied_widths(out, widths, &why), "widths", widths, &why, err));
  if (prunes) BD_TRY(axis(bd_varied_prunes(out, prunes, &why), "prunes", prunes, &why, err));
  return BD_OK;
}

bd_status bd_work_points(const bd_options *options, const bd_work *work, bd_points *points,
                         bd_error *err) {
  bd_pool *pool;
  BD_TRY(bd_pool_new(options->threads, &pool, err));
  bd_bar bar = bd_bar_start("settings");
  bd_status status =
      bd_points_quantize(points, work->studies, pool, bd_interrupt(), bd_bar_show, &bar, err);
  bd_bar_end(&bar);
  bd_pool_free(pool);
  return status;
}

void bd_warn_newer(const bd_model *model) {
  char newer[256], name[512];
  if (bd_model_newer(model, newer, sizeof newer))
    fprintf(stderr, "bitdial: %s: %s: goes on unchecked\n",
            bd_text_escape(name, sizeof name, bd_model_about(model)->file), newer);
}

void bd_warn_refused(const bd_work *work, const char *what, const char *advice) {
  int count = 0;
  for (int i = 0; i < bd_model_layer_count(work->model); i++) {
    if (!work->studies[i].refused) continue;
    char name[256];
    bd_text_escape(name, sizeof name, bd_model_layer(work->model, i)->tensor);
    fprintf(stderr, "%s%s%s", count ? ", " : "bitdial: ", count ? "" : what, name);
    count++;
  }
  if (count) fprintf(stderr, "%s\n", advice);
}

void bd_warn_unrepaired(const char *config, bd_recovery how) {
  char name[512];
  if (how != BD_RECOVER_NONE)
    fprintf(stderr,
            "bitdial: %s: the repair that it names is not made: `bitdial quantize` makes it\n",
            bd_text_escape(name, sizeof name, config));
}

enum { COLUMNS_MIN = 40, COLUMNS_MAX = 400, COLUMNS_DEFAULT = 100 };

int bd_output_columns(FILE *out) {
  struct winsize size;
  const char *given = getenv("COLUMNS");
  int columns = given ? atoi(given) : 0;
  if (columns == 0 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  if (columns == 0) columns = COLUMNS_DEFAULT;
  return columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

bd_status bd_settle(bd_session *session, bd_error *err) {
  const bd_cancel *cancel = bd_interrupt();
  bd_bar bar = bd_bar_start("results");
  int total = bd_session_pending(session);
  while (bd_session_pending(session) > 0 && !bd_cancelled(cancel)) {
    struct pollfd wake = {bd_session_wake_fd(session), POLLIN, 0};
    poll(&wake, 1, 100);
    bd_session_poll(session);
    int done = total - bd_session_pending(session);
    bd_bar_show(&bar, done, total);
  }
  bd_bar_end(&bar);
  return bd_cancelled(cancel) ? BD_CANCELLED : bd_session_trouble(session, err);
}

bd_status bd_flush_output(bd_error *err) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return BD_OK;
  return bd_fail(err, BD_FAILED, "standard output: cannot be written: %s",
                 errno ? strerror(errno) : "the reader is gone");
}
