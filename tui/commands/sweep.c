#include "core/study/sweep.h"

#include "core/base/clock.h"
#include "core/base/text.h"
#include "tui/commands/network.h"
#include "tui/commands/progress.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double save_every = 1; // s

typedef struct sweeping {
  const bd_options *options;
  bd_work work;
  bd_setting *settings;
  bd_points points;
  bd_network network;
  bd_sensitivity state;
  bd_bar bar;
  double saved; // when the file was written last
} sweeping;

static void close_sweeping(sweeping *s) {
  bd_sensitivity_free(&s->state);
  bd_network_close(&s->network);
  bd_points_free(&s->points);
  free(s->settings);
  bd_work_close(&s->work);
}

// --- before --------------------------------------------------------------------------------------

// Whole points are dealt out in turn: the other shards' are dropped.
static void keep_shard(bd_points *points, int shard, int shards) {
  int kept = 0;
  for (int i = 0; shards && i < points->count; i++)
    if (i % shards == shard - 1) points->list[kept++] = points->list[i];
  if (shards) points->count = kept;
}

static bd_status make_points(sweeping *s, const bd_varied *axes, bd_error *err) {
  const bd_options *options = s->options;
  s->settings = bd_work_settings(&s->work);
  if (!s->settings) return bd_fail_memory(err, "the settings");
  BD_TRY(bd_points_make(s->work.studies, s->settings, NULL, bd_model_layer_count(s->work.model),
                        axes, &s->points, err));
  keep_shard(&s->points, options->shard, options->shards);
  return bd_work_points(options, &s->work, &s->points, err);
}

// What the file holds already. One that is not there is begun.
static bd_status resume(sweeping *s, bd_error *err) {
  const char *path = s->options->output;
  bd_sensitivity earlier;
  if (!s->options->resume || (access(path, F_OK) != 0 && errno == ENOENT)) return BD_OK;
  BD_TRY(bd_sensitivity_read(path, &earlier, err));
  bd_status status = bd_sensitivity_resume(&s->state, &earlier, path, err);
  bd_sensitivity_free(&earlier);
  return status;
}

// --- the work ------------------------------------------------------------------------------------

static bd_status show(void *arg, const bd_sensitivity *so_far, bd_error *err) {
  sweeping *s = arg;
  double now = bd_seconds();
  bd_bar_show(&s->bar, (int)so_far->samples, (int)so_far->wanted);
  if (now - s->saved < save_every || so_far->samples == so_far->wanted) return BD_OK;
  s->saved = now;
  return bd_sensitivity_write(s->options->output, so_far, err);
}

static bd_status run(sweeping *s, bd_error *err) {
  s->bar = bd_bar_start("samples");
  s->saved = 0; // the first samples are saved at once
  bd_status status =
      bd_network_sweep(s->options, &s->network, &s->work, &s->points, &s->state, show, s, err);
  bd_bar_end(&s->bar);
  return status;
}

// What was done is kept in every case.
static bd_status measure(sweeping *s, bd_error *err) {
  bd_sweep_parts parts = bd_network_parts(&s->network, &s->work, &s->points);
  bd_error why;
  BD_TRY(
      bd_sensitivity_new(&parts, s->settings, s->options->threads, bd_interrupt(), &s->state, err));
  bd_network_note_repair(&s->work, &s->state);
  s->state.shard = s->options->shard;
  s->state.shards = s->options->shards;
  BD_TRY(resume(s, err));
  bd_status status = s->state.samples < s->state.wanted ? run(s, err) : BD_OK;
  bd_status written = bd_sensitivity_write(s->options->output, &s->state, &why);
  if (status == BD_CANCELLED && written == BD_OK && s->state.samples)
    fprintf(stderr, "bitdial: %s holds %lld of %lld samples: go on with --resume\n",
            s->options->output, (long long)s->state.samples, (long long)s->state.wanted);
  BD_TRY(status);
  return written == BD_OK ? BD_OK : bd_fail(err, written, "%s", why.text);
}

// --- what is said --------------------------------------------------------------------------------

static void print_table(const bd_sensitivity *s) {
  printf("%lld samples; KL from the float network with one layer at so many bits\n\n",
         (long long)s->samples);
  for (int k = 0; k < s->count; k++) {
    const bd_layer_effects *row = &s->layers[k];
    char name[512];
    printf("%-36s", bd_text_escape(name, sizeof name, row->tensor));
    for (int i = 0; i < row->count; i++) {
      const bd_effect *e = &row->effects[i];
      printf("  %d", e->bits);
      if (e->prune > 0) printf(" %g%%", 100 * e->prune);
      printf(":%.5f", e->kl);
    }
    putchar('\n');
  }
}

static bd_status check(const bd_options *options, bd_varied *axes, bd_error *err) {
  if (!options->data) return bd_fail(err, BD_INVALID, "sweep: needs data: give --data PATH");
  if (!options->output)
    return bd_fail(err, BD_INVALID, "sweep: needs a file for the result: give -o S.json");
  if (options->resume && strcmp(options->output, "-") == 0)
    return bd_fail(err, BD_INVALID, "--resume: needs a file to go on with: give -o S.json");
  return bd_options_varied(options, axes, err);
}

// The network and its data first: what cannot be run is refused before anything is computed.
static bd_status sweep(sweeping *s, const bd_varied *axes, bd_error *err) {
  BD_TRY(bd_work_model(s->options, &s->work, err));
  BD_TRY(bd_network_open_sweep(s->options, s->work.model, &s->work.given.plan, &s->network, err));
  BD_TRY(bd_work_study(s->options, false, &s->work, err));
  BD_TRY(make_points(s, axes, err));
  BD_TRY(bd_network_repair_points(s->options, &s->network, &s->work, &s->points, err));
  BD_TRY(measure(s, err));
  if (strcmp(s->options->output, "-") != 0) print_table(&s->state);
  bd_warn_refused(&s->work, "left as they are: ", ": `bitdial layers` says why");
  return bd_flush_output(err);
}

bd_status bd_command_sweep(const bd_options *options, bd_error *err) {
  sweeping s = {.options = options};
  bd_varied axes;
  BD_TRY(check(options, &axes, err));
  bd_status status = sweep(&s, &axes, err);
  close_sweeping(&s);
  return status;
}

// --- merge ---------------------------------------------------------------------------------------

static bd_status merge(const bd_options *options, bd_sensitivity *parts, bd_error *err) {
  bd_sensitivity whole;
  for (int i = 0; i < options->file_count; i++)
    BD_TRY(bd_sensitivity_read(options->files[i], &parts[i], err));
  BD_TRY(bd_sensitivity_merge(parts, (const char *const *)options->files, options->file_count,
                              &whole, err));
  bd_status status = bd_sensitivity_write(options->output, &whole, err);
  bd_sensitivity_free(&whole);
  return status;
}

bd_status bd_command_merge(const bd_options *options, bd_error *err) {
  if (options->file_count < 1)
    return bd_fail(err, BD_INVALID, "merge: needs the shards of a sweep: `bitdial merge %s`",
                   options->command->arguments);
  if (!options->output)
    return bd_fail(err, BD_INVALID, "merge: needs a file for the result: give -o S.json");
  bd_sensitivity *parts = calloc((size_t)options->file_count, sizeof *parts);
  if (!parts) return bd_fail_memory(err, "the sweeps");
  bd_status status = merge(options, parts, err);
  for (int i = 0; i < options->file_count; i++)
    bd_sensitivity_free(&parts[i]);
  free(parts);
  return status;
}
