#include "tui/commands/network.h"

#include "core/session/live.h"
#include "core/session/seen.h"
#include "tui/app.h"

#include <limits.h>
#include <unistd.h>

// The options with the data that are shown: the sample has its own, unless other data are named.
typedef struct shown {
  bd_options options;
  char data[PATH_MAX], labels[PATH_MAX];
} shown;

static bd_status show_data(const bd_options *options, shown *out, bd_error *err) {
  out->options = *options;
  if (options->data) return BD_OK;
  BD_TRY(bd_options_sample("fashion_x.npy", out->data, sizeof out->data, err));
  BD_TRY(bd_options_sample("fashion_y.npy", out->labels, sizeof out->labels, err));
  out->options.data = out->data;
  out->options.labels = out->labels;
  return BD_OK;
}

static bd_status open_data(const bd_options *options, const bd_model *model,
                           const bd_cancel *cancel, bd_network *network, int64_t **labels,
                           bd_error *err) {
  shown with;
  BD_TRY(show_data(options, &with, err));
  BD_TRY(bd_network_open(&with.options, model, NULL, cancel, network, err));
  return bd_data_labels(network->data, with.options.labels, labels, err);
}

static bd_status open_live(void *arg, const bd_model *model, const bd_cancel *cancel,
                           bd_live_parts *out, bd_error *err) {
  bd_network network = {0};
  int64_t *labels = NULL;
  bd_status status = open_data(arg, model, cancel, &network, &labels, err);
  if (status == BD_OK) {
    *out = (bd_live_parts){network.whole, network.engine, labels};
    network.whole = NULL;
    network.engine = NULL;
  }
  bd_network_close(&network);
  return status;
}

static bd_status open_calibration(const bd_options *options, const bd_repair_plan *plan,
                                  const bd_cancel *cancel, bd_network *network,
                                  bd_live_calibration *out, bd_error *err) {
  bd_repair_plan about = {.how = plan->how};
  BD_TRY(bd_data_labels(network->data, options->labels, &out->labels, err));
  BD_TRY(bd_network_describe(options, network, cancel, &about, err));
  out->about = about.calibration;
  out->samples = network->calibration;
  out->samples_whole = network->calibration_whole;
  out->scored = network->data;
  out->whole = network->whole;
  network->calibration = network->calibration_whole = network->data = network->whole = NULL;
  return BD_OK;
}

static bd_status calibrate(void *arg, const bd_model *model, const bd_repair_plan *plan,
                           const char *config, const bd_cancel *cancel, bd_live_calibration *out,
                           bd_error *err) {
  shown with;
  bd_network network;
  *out = (bd_live_calibration){0};
  BD_TRY(show_data(arg, &with, err));
  with.options.config = config; // another one may have been loaded
  BD_TRY(bd_network_data(&with.options, model, plan, cancel, &network, err));
  bd_status status = open_calibration(&with.options, plan, cancel, &network, out, err);
  bd_network_close(&network);
  return status;
}

bd_status bd_options_go_live(const bd_options *options, bd_session *session, bd_error *err) {
  BD_TRY(bd_session_go_live(session, open_live, (void *)(uintptr_t)options, err));
  bd_session_live_repairs(session, calibrate);
  return BD_OK;
}

// Labels without data would be forgotten silently.
static bd_status go_live(const bd_options *options, bd_session *session, bd_error *err) {
  if (!options->data && options->labels)
    return bd_fail(err, BD_INVALID, "--labels: needs the samples too: give --data PATH");
  if (!options->data && options->model) return BD_OK;
  return bd_options_go_live(options, session, err);
}

bd_status bd_command_explore(const bd_options *options, bd_error *err) {
  // Before the model is read: without a terminal that would be for nothing.
  if (!options->script && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
    return bd_fail(err, BD_INVALID,
                   "the explorer needs a terminal: `bitdial report MODEL.onnx` works without one");
  bd_session *session;
  BD_TRY(bd_options_session(options, &session, err));
  uint64_t other = 0;
  bd_status status =
      options->compare ? bd_session_take_in(session, options->compare, &other, err) : BD_OK;
  if (status == BD_OK) status = go_live(options, session, err);
  if (status != BD_OK) {
    bd_session_free(session);
    return status;
  }
  bd_explore_options explore = {
      .session = session,
      .theme = options->theme,
      .script = options->script,
      .ascii = options->ascii,
      .no_color = options->no_color,
      .no_mouse = options->no_mouse,
      .read_only = options->read_only,
      .compare = other,
  };
  return bd_explore(&explore, err);
}
