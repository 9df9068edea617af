#include "tui/commands/network.h"

#include "core/base/json.h"
#include "core/base/text.h"
#include "core/export/losses.h"
#include "core/study/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- what is lost --------------------------------------------------------------------------------

// One line for all layers of which the same is lost, on standard error, before anything is written.
static void warn_group(const bd_export_plan *plan, const bd_loss_group *group) {
  char names[512], before[32], after[32], cost[64] = "";
  const bd_loss *loss = group->first, *worst = group->worst;
  if (worst)
    snprintf(cost, sizeof cost, ", %s%.2f -> %.2f dB", group->count > 1 ? "at worst " : "",
             worst->sqnr_before, worst->sqnr_after);
  fprintf(stderr, "bitdial: %s cannot hold %s: %s, %s -> %s%s: %s\n", plan->format->name,
          loss->what, loss->instead, bd_text_bytes(before, sizeof before, group->bytes_before),
          bd_text_bytes(after, sizeof after, group->bytes_after), cost,
          bd_loss_group_names(group, plan->tuned->model, names, sizeof names));
}

static bd_status warn_losses(const bd_export_plan *plan, bd_error *err) {
  bd_loss_group *groups = calloc((size_t)plan->loss_count + 1, sizeof *groups);
  if (!groups) return bd_fail_memory(err, "the losses");
  int count = bd_losses_group(plan->losses, plan->loss_count, groups);
  for (int i = 0; i < count; i++)
    warn_group(plan, &groups[i]);
  free(groups);
  return BD_OK;
}

static bd_status refuse(const bd_export_plan *plan, bd_error *err) {
  const bd_loss *loss = &plan->losses[0];
  return bd_fail(err, BD_INVALID, "--strict: %s cannot hold %d of the layers as they are: %s: %s",
                 plan->format->name, plan->loss_count,
                 bd_model_layer(plan->tuned->model, loss->layer)->tensor, loss->what);
}

// --- what is said --------------------------------------------------------------------------------

static cJSON *losses_json(const bd_export_plan *plan) {
  cJSON *list = cJSON_CreateArray();
  for (int i = 0; i < plan->loss_count; i++) {
    const bd_loss *loss = &plan->losses[i];
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "tensor",
                            bd_model_layer(plan->tuned->model, loss->layer)->tensor);
    cJSON_AddStringToObject(object, "what", loss->what);
    cJSON_AddStringToObject(object, "instead", loss->instead);
    bd_json_number(object, "bytes_before", loss->bytes_before);
    bd_json_number(object, "bytes_after", loss->bytes_after);
    bd_json_number(object, "sqnr_db_before", loss->sqnr_before);
    bd_json_number(object, "sqnr_db_after", loss->sqnr_after);
    cJSON_AddItemToArray(list, object);
  }
  return list;
}

static bd_status print_json(const bd_export_plan *plan, const bd_report *report, const char *path,
                            bd_error *err) {
  cJSON *root = cJSON_CreateObject();
  const bd_format *format = plan->format;
  bd_status status = bd_model_json(plan->tuned->model, root, err);
  cJSON_AddStringToObject(root, "format", format->name);
  cJSON_AddStringToObject(root, "format_version", format->versions[plan->version].name);
  cJSON_AddStringToObject(root, "path", path);
  cJSON_AddNumberToObject(root, "files", report->files);
  bd_json_number(root, "bytes_packed", report->packed);
  bd_json_number(root, "bytes_on_disk", report->on_disk);
  bd_json_number(root, "bytes_gzip", report->gzip);
  cJSON_AddStringToObject(root, "notes", report->notes);
  cJSON_AddItemToObject(root, "losses", losses_json(plan));
  if (status == BD_OK) status = bd_json_write("-", root, err);
  cJSON_Delete(root);
  return status;
}

static bd_status print_text(const bd_export_plan *plan, const bd_report *report, const char *path,
                            bd_error *err) {
  char packed[32], disk[32], gzip[32];
  printf("%s: %s, read back: weights %s packed, %s on disk, %s after gzip\n", path,
         plan->format->name, bd_text_bytes(packed, sizeof packed, report->packed),
         bd_text_bytes(disk, sizeof disk, report->on_disk),
         bd_text_bytes(gzip, sizeof gzip, report->gzip));
  if (*report->notes) printf("%s\n", report->notes);
  printf("lost with every layer: %s\nload: %s\n", plan->format->loses, plan->format->load);
  return bd_flush_output(err);
}

// --- the work ------------------------------------------------------------------------------------

static bd_status write_plan(const bd_options *options, const bd_export_plan *plan, bd_error *err) {
  bd_report report;
  BD_TRY(warn_losses(plan, err));
  if (options->strict && plan->loss_count) return refuse(plan, err);
  BD_TRY(bd_export_write(plan, options->output, &report, err));
  return options->json ? print_json(plan, &report, options->output, err)
                       : print_text(plan, &report, options->output, err);
}

static bd_status export_work(const bd_options *options, const bd_format *format, int version,
                             const bd_work *work, bd_error *err) {
  bd_tuned tuned;
  bd_export_plan plan;
  BD_TRY(bd_tuned_of(work->model, work->studies, work->repair, &tuned, err));
  bd_status status = bd_export_plan_of(&tuned, format, version, &plan, err);
  if (status == BD_OK) {
    status = write_plan(options, &plan, err);
    bd_export_plan_free(&plan);
  }
  bd_tuned_free(&tuned);
  return status;
}

bd_status bd_command_export(const bd_options *options, bd_error *err) {
  const bd_format *format;
  int version;
  bd_work work;
  if (!options->format)
    return bd_fail(err, BD_INVALID, "export: needs a format: give --format F, see --help");
  if (!options->output)
    return bd_fail(err, BD_INVALID, "export: needs a place for it: give -o PATH");
  BD_TRY(bd_format_find(options->format, options->format_version, &format, &version, err));
  BD_TRY(bd_work_model(options, &work, err));
  bd_status status = bd_work_check_data(options, &work, err);
  if (status == BD_OK) status = bd_work_study(options, true, &work, err);
  if (status == BD_OK) status = bd_work_repair(options, &work, err);
  if (status == BD_OK) status = export_work(options, format, version, &work, err);
  if (status == BD_OK) bd_warn_refused(&work, "left as they are: ", ": `bitdial layers` says why");
  bd_work_close(&work);
  return status;
}
