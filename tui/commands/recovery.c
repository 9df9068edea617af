// --recover: repairing, and what is said of it.
#include "core/base/text.h"
#include "core/study/repairer.h"
#include "tui/commands/network.h"
#include "tui/commands/progress.h"

#include <stdio.h>
#include <string.h>

// The layers whose reason is this one, on one line.
static void say_layers(const bd_work *work, const char *why) {
  int count = 0;
  for (int i = 0; i < work->repair->count; i++) {
    const char *own = work->repair->layers[i].why;
    if (!own || strcmp(own, why) != 0) continue;
    char name[256];
    bd_text_escape(name, sizeof name, bd_model_layer(work->model, i)->tensor);
    fprintf(stderr, "%s%s", count++ ? ", " : "bitdial: ", name);
  }
  fprintf(stderr, ": %s\n", why);
}

static bool said_before(const bd_repair *repair, int layer) {
  for (int i = 0; i < layer; i++)
    if (repair->layers[i].why && strcmp(repair->layers[i].why, repair->layers[layer].why) == 0)
      return true;
  return false;
}

static void say(const bd_options *options, const bd_network *network, const bd_work *work) {
  const bd_repair *repair = work->repair;
  int64_t given = bd_data_samples(network->calibration);
  bool scored = network->data && bd_data_samples(network->data) == bd_data_samples(network->whole);
  bool last = !options->calibration && !network->calibration_whole;
  fprintf(stderr, "bitdial: %s: calibrated on %s%lld samples of %s%s: divergence %.4g -> %.4g\n",
          bd_recoveries[repair->how].name, last ? "the last " : "", (long long)repair->samples,
          network->calibration_file ? network->calibration_file : "the data",
          scored || !network->data ? "" : ", which are not scored", repair->before, repair->after);
  if (repair->samples < given)
    fprintf(stderr, "bitdial: memory has room for %lld of %lld calibration samples\n",
            (long long)repair->samples, (long long)given);
  for (int i = 0; i < repair->count; i++)
    if (repair->layers[i].why && !said_before(repair, i)) say_layers(work, repair->layers[i].why);
  for (int i = 0; i < repair->count; i++)
    if (repair->layers[i].cheap && repair->layers[i].coded)
      fprintf(stderr, "bitdial: %s: too wide for the exact mask, pruned by the cheaper one\n",
              bd_model_layer(work->model, i)->tensor);
}

bd_status bd_network_repair(const bd_options *options, const bd_network *network,
                            const bd_work *work, const bd_layer_study *studies, bd_repair **out,
                            bd_error *err) {
  bd_recovery how = work->given.plan.how;
  if (how == BD_RECOVER_NONE) return BD_OK;
  bd_recover_options wanted = {.threads = options->threads, .memory = options->memory / 2};
  bd_bar bar = bd_bar_start("repairs");
  bd_status status = bd_recover(work->model, studies, network->calibration, how, &wanted,
                                bd_interrupt(), bd_bar_show, &bar, out, err);
  bd_bar_end(&bar);
  return status;
}

bd_status bd_network_recover(const bd_options *options, const bd_network *network, bd_work *work,
                             bd_error *err) {
  BD_TRY(bd_network_repair(options, network, work, work->studies, &work->repair, err));
  if (work->repair) say(options, network, work);
  return BD_OK;
}

bd_status bd_work_repair(const bd_options *options, bd_work *work, bd_error *err) {
  bd_network network;
  if (work->given.plan.how == BD_RECOVER_NONE) return BD_OK;
  BD_TRY(bd_network_data(options, work->model, &work->given.plan, bd_interrupt(), &network, err));
  bd_status status = bd_network_recover(options, &network, work, err);
  bd_network_close(&network);
  return status;
}

bd_status bd_work_check_data(const bd_options *options, const bd_work *work, bd_error *err) {
  if (!options->data || work->given.plan.how != BD_RECOVER_NONE) return BD_OK;
  return bd_fail(err, BD_INVALID,
                 "--data: %s takes data for repair alone: add --recover match or reconstruct",
                 options->command->name);
}

bd_status bd_network_repair_points(const bd_options *options, const bd_network *network,
                                   bd_work *work, bd_points *points, bd_error *err) {
  bd_repair_plan *plan = &work->given.plan;
  if (plan->how == BD_RECOVER_NONE) return BD_OK;
  bd_recover_options wanted = {.threads = options->threads, .memory = options->memory / 2};
  bd_repairer *repairer;
  BD_TRY(bd_network_describe(options, network, bd_interrupt(), plan, err));
  BD_TRY(
      bd_repairer_new(work->model, network->calibration, &wanted, bd_interrupt(), &repairer, err));
  bd_bar bar = bd_bar_start("repairs");
  bd_status status = bd_repairer_points(repairer, work->studies, points, plan->how, bd_interrupt(),
                                        bd_bar_show, &bar, err);
  bd_bar_end(&bar);
  bd_repairer_free(repairer);
  return status;
}

void bd_network_note_repair(const bd_work *work, bd_sensitivity *out) {
  const bd_repair_plan *plan = &work->given.plan;
  if (plan->how == BD_RECOVER_NONE) return;
  snprintf(out->recover, sizeof out->recover, "%s", bd_recoveries[plan->how].name);
  memcpy(out->calibration, plan->calibration.sha256, sizeof out->calibration);
}
