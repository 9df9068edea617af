#include "tui/commands/network.h"

#include "core/base/clock.h"
#include "core/base/file.h"
#include "tui/commands/progress.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool bd_options_quantize(const bd_options *options) {
  for (int i = 0; i < BD_FIELD_COUNT; i++)
    if (options->fields[i]) return true;
  return options->config || options->layer_count || options->recover != BD_RECOVER_NONE ||
         options->prune_overall;
}

static bd_status named(bd_status status, const char *option, bd_error *err) {
  char text[512];
  if (status == BD_OK) return status;
  strncpy(text, err->text, sizeof text - 1);
  text[sizeof text - 1] = '\0';
  return bd_fail(err, status, "%s: %s", option, text);
}

static bd_status read_scale(const char *text, double *out, bd_error *err) {
  char *end;
  errno = 0;
  *out = strtod(text, &end);
  if (*end || end == text || !isfinite(*out) || *out == 0)
    return bd_fail(err, BD_INVALID, "--scale-input %s: takes a number other than 0", text);
  return BD_OK;
}

static bd_status read_transform(const bd_options *options, bd_transform *out, bd_error *err) {
  *out = bd_transform_none();
  if (options->normalize) {
    if (options->scale_input || options->mean || options->std)
      return bd_fail(err, BD_INVALID,
                     "--normalize stands for --scale-input, --mean and --std: give it or them");
    return named(bd_transform_named(options->normalize, out, err), "--normalize", err);
  }
  if (options->scale_input) BD_TRY(read_scale(options->scale_input, &out->scale, err));
  if (options->mean)
    BD_TRY(
        named(bd_transform_list(options->mean, out->mean, &out->mean_count, err), "--mean", err));
  if (options->std)
    BD_TRY(named(bd_transform_list(options->std, out->deviation, &out->deviation_count, err),
                 "--std", err));
  return BD_OK;
}

static bd_status open_single(const bd_options *options, const bd_model *model,
                             const bd_transform *transform, bd_data **out, bd_error *err) {
  size_t count = (size_t)options->input_count;
  bd_source *sources = calloc(count, sizeof *sources);
  char **names = calloc(count, sizeof *names);
  bd_status status = sources && names ? BD_OK : bd_fail_memory(err, "the inputs");
  for (size_t i = 0; i < count && status == BD_OK; i++) {
    const char *equals = strrchr(options->inputs[i], '=');
    if (!equals || equals == options->inputs[i])
      status = bd_fail(err, BD_INVALID, "--input %s: takes NAME=FILE", options->inputs[i]);
    else if (!(names[i] = strndup(options->inputs[i], (size_t)(equals - options->inputs[i]))))
      status = bd_fail_memory(err, "the inputs");
    else
      sources[i] = (bd_source){names[i], equals + 1};
  }
  if (status == BD_OK)
    status = bd_data_single(model, sources, options->input_count, transform, out, err);
  for (size_t i = 0; names && i < count; i++)
    free(names[i]);
  free(names);
  free(sources);
  return status;
}

static bd_status open_samples(const bd_model *model, const char *path, int64_t most,
                              const bd_transform *transform, bd_data **out, bd_error *err) {
  bd_status status = bd_data_open(model, path, transform, most, out, err);
  bool says_where = status == BD_OK || strstr(err->text, path);
  return says_where ? status : named(status, path, err);
}

static bd_status open_data(const bd_options *options, const bd_model *model, bd_data **out,
                           bd_error *err) {
  bd_transform transform;
  BD_TRY(read_transform(options, &transform, err));
  if (options->data && options->input_count)
    return bd_fail(err, BD_INVALID, "--data and --input: give one of them");
  if (options->data)
    return open_samples(model, options->data, options->limit, &transform, out, err);
  if (options->input_count || bd_model_about(model)->input_count == 0)
    return open_single(options, model, &transform, out, err);
  return bd_fail(err, BD_INVALID, "%s: needs data: give --data PATH", options->command->name);
}

// --- calibration ---------------------------------------------------------------------------------

// What calibration takes is not scored: the samples before it are, or those after it.
static bd_status score_rest(bd_network *out, int64_t first, int64_t taken, bd_error *err) {
  int64_t all = bd_data_samples(out->whole), batch = bd_data_batch(out->whole);
  int64_t after = (first + taken + batch - 1) / batch * batch;
  int64_t from = first > 0 ? 0 : after, until = first > 0 && first < all ? first : all;
  if (from >= until)
    return bd_fail(err, BD_INVALID,
                   "--recover: all samples of the data were calibrated on: give others to --data, "
                   "or --calibration PATH");
  bd_data_free(out->data);
  out->data = NULL;
  return bd_data_part(out->whole, from, until - from, &out->data, err);
}

// Does the command run the network on data, whether or not it repairs?
static bool runs_network(const bd_options *options) {
  return options->command->run != bd_command_quantize && options->command->run != bd_command_export;
}

// `run` gives the outputs of every sample.
static bool scores(const bd_options *options, const bd_network *network) {
  return network->whole && runs_network(options) && options->command->run != bd_command_run;
}

static bd_status open_calibration(const bd_options *options, const bd_model *model, bd_network *out,
                                  bd_error *err) {
  BD_TRY(read_transform(options, &out->transform, err));
  out->calibration_file = options->calibration;
  return open_samples(model, options->calibration, BD_CALIBRATION_MOST, &out->transform,
                      &out->calibration, err);
}

// The samples that the config names.
static bd_status open_named(const bd_options *options, const bd_model *model,
                            const bd_calibration *named, const bd_cancel *cancel, bd_network *out,
                            bd_error *err) {
  BD_TRY(bd_calibration_open(named, options->config, model, options->threads, cancel,
                             &out->calibration_whole, &out->calibration, err));
  out->calibration_file = named->file;
  out->first = named->first;
  out->transform = named->transform;
  char *path = bd_calibration_path(named, options->config);
  if (!path) return bd_fail_memory(err, "the calibration data's name");
  bool same = options->data && bd_file_same(options->data, path);
  free(path);
  if (!same || !scores(options, out)) return BD_OK;
  return score_rest(out, named->first, bd_data_samples(out->calibration), err);
}

// The end of the data: BD_CALIBRATION samples, or half of them where they are few; whole batches.
static bd_status split_data(const bd_options *options, bd_network *out, bd_error *err) {
  int64_t samples = bd_data_samples(out->whole), batch = bd_data_batch(out->whole);
  int64_t taken = samples / 2 < BD_CALIBRATION ? samples / 2 : BD_CALIBRATION;
  int64_t first = (samples - taken + batch - 1) / batch * batch;
  if (first >= samples)
    return bd_fail(err, BD_INVALID,
                   "--recover: %s has too few samples to calibrate and score on: "
                   "give --calibration PATH",
                   options->data ? options->data : "the data");
  out->calibration_file = options->data;
  out->first = first;
  BD_TRY(read_transform(options, &out->transform, err));
  BD_TRY(bd_data_part(out->whole, first, samples - first, &out->calibration, err));
  return scores(options, out) ? score_rest(out, first, samples - first, err) : BD_OK;
}

static bd_status open_both(const bd_options *options, const bd_model *model,
                           const bd_repair_plan *plan, const bd_cancel *cancel, bd_network *out,
                           bd_error *err) {
  bool repairs = plan && plan->how != BD_RECOVER_NONE;
  bool named = repairs && !options->calibration && plan->calibration.file;
  bool own = repairs && (options->calibration || named); // calibration has data of its own
  if (options->data || !own ||
      (runs_network(options) && options->command->run != bd_command_tune)) {
    BD_TRY(open_data(options, model, &out->whole, err));
    BD_TRY(bd_data_part(out->whole, 0, bd_data_samples(out->whole), &out->data, err));
  }
  if (!repairs) return BD_OK;
  if (named) return open_named(options, model, &plan->calibration, cancel, out, err);
  return options->calibration ? open_calibration(options, model, out, err)
                              : split_data(options, out, err);
}

bd_status bd_network_data(const bd_options *options, const bd_model *model,
                          const bd_repair_plan *plan, const bd_cancel *cancel, bd_network *out,
                          bd_error *err) {
  *out = (bd_network){0};
  bd_status status = open_both(options, model, plan, cancel, out, err);
  if (status != BD_OK) bd_network_close(out);
  return status;
}

bd_status bd_network_describe(const bd_options *options, const bd_network *network,
                              const bd_cancel *cancel, bd_repair_plan *plan, bd_error *err) {
  if (plan->how == BD_RECOVER_NONE || !network->calibration_file) return BD_OK;
  bd_calibration fresh;
  BD_TRY(bd_calibration_of(network->calibration_file, network->first, &network->transform,
                           network->calibration, options->threads, cancel, &fresh, err));
  free(plan->calibration.file);
  plan->calibration = fresh;
  return BD_OK;
}

// --- the network ---------------------------------------------------------------------------------

bd_status bd_network_open(const bd_options *options, const bd_model *model,
                          const bd_repair_plan *plan, const bd_cancel *cancel, bd_network *out,
                          bd_error *err) {
  *out = (bd_network){0};
  BD_TRY(bd_engine_supports(model, err));
  BD_TRY(bd_network_data(options, model, plan, cancel, out, err));
  bd_engine_options wanted = {.memory = options->memory, .cancel = cancel};
  double start = bd_seconds();
  bd_status status =
      bd_engine_compile(model, bd_data_inputs(out->data), &wanted, &out->engine, err);
  out->compile_seconds = bd_seconds() - start;
  if (status != BD_OK) bd_network_close(out);
  return status;
}

static bd_status add_sweep(const bd_options *options, const bd_model *model, bd_network *out,
                           bd_error *err) {
  bd_engine_options apart = {.memory = options->memory, .apart = true, .cancel = bd_interrupt()};
  BD_TRY(bd_data_labels(out->data, options->labels, &out->labels, err));
  return bd_engine_compile(model, bd_data_inputs(out->data), &apart, &out->apart, err);
}

bd_status bd_network_open_sweep(const bd_options *options, const bd_model *model,
                                const bd_repair_plan *plan, bd_network *out, bd_error *err) {
  BD_TRY(bd_network_open(options, model, plan, bd_interrupt(), out, err));
  bd_status status = add_sweep(options, model, out, err);
  if (status != BD_OK) bd_network_close(out);
  return status;
}

void bd_network_close(bd_network *network) {
  bd_engine_free(network->apart);
  free(network->labels);
  bd_engine_free(network->engine);
  bd_data_free(network->data);
  bd_data_free(network->calibration);
  bd_data_free(network->calibration_whole);
  bd_data_free(network->whole);
  *network = (bd_network){0};
}

bd_status bd_network_swap(const bd_network *network, const bd_work *work, bd_swap **out,
                          bd_error *err) {
  BD_TRY(bd_swap_new(network->engine, out, err));
  bd_status status = BD_OK;
  for (int i = 0; i < bd_model_layer_count(work->model) && status == BD_OK; i++)
    status = bd_repair_set(*out, work->model, i, &work->studies[i], work->repair, err);
  if (status == BD_OK) return BD_OK;
  bd_swap_free(*out);
  *out = NULL;
  return status;
}

// --- sweeps --------------------------------------------------------------------------------------

enum { ACTIVATIONS = 1 << 29 }; // bytes kept by all threads, where --memory says nothing

bd_sweep_parts bd_network_parts(const bd_network *network, const bd_work *work,
                                const bd_points *points) {
  return (bd_sweep_parts){work->model,    network->data, network->labels, network->engine,
                          network->apart, work->studies, points};
}

bd_status bd_network_sweep(const bd_options *options, const bd_network *network,
                           const bd_work *work, const bd_points *points, bd_sensitivity *state,
                           bd_sweep_progress progress, void *arg, bd_error *err) {
  bd_sweep_parts parts = bd_network_parts(network, work, points);
  size_t memory = options->memory ? options->memory / 2 : ACTIVATIONS;
  bd_pool *pool;
  BD_TRY(bd_pool_new(options->threads, &pool, err));
  bd_status status = bd_sweep_run(&parts, state, memory, pool, bd_interrupt(), progress, arg, err);
  bd_pool_free(pool);
  return status;
}
