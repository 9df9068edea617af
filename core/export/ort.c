// ONNX Runtime's own quantizer: PATH holds tensor_quant_overrides, PATH.exclude.txt the names of
// nodes to leave alone, PATH.py does both through its API: the command-line runner wants a zero
// point in every entry and cannot be told types.
#include "core/export/job.h"

#include "core/base/json.h"

#include <math.h>
#include <string.h>

enum { OVERRIDES, EXCLUDE, SCRIPT, FILES };

static int zero_point_of(const bd_fit *fit) {
  int zero = 0;
  if (fit->zero_point) bd_integers_zero_point(fit->integers, fit->width, &zero);
  return zero;
}

// A list of one entry, or of one a channel, the first of which says the axis.
static cJSON *entries_of(const bd_fit *fit, int axis) {
  cJSON *list = cJSON_CreateArray();
  for (size_t part = 0; part < fit->integers->parts.count; part++) {
    cJSON *entry = cJSON_CreateObject();
    if (part == 0 && fit->integers->parts.count > 1) cJSON_AddNumberToObject(entry, "axis", axis);
    bd_json_number(entry, "scale", (double)(float)fit->integers->steps[part]);
    cJSON_AddNumberToObject(entry, "zero_point", zero_point_of(fit));
    cJSON_AddItemToArray(list, entry);
  }
  return list;
}

static cJSON *overrides_of(const bd_export_plan *plan) {
  cJSON *root = cJSON_CreateObject();
  for (int i = 0; root && i < plan->tuned->count; i++) {
    const bd_layer *layer = bd_model_layer(plan->tuned->model, i);
    if (plan->fits[i].integers)
      cJSON_AddItemToObject(root, layer->tensor, entries_of(&plan->fits[i], layer->channel_axis));
  }
  return root;
}

static cJSON *types_of(const bd_export_plan *plan) {
  cJSON *root = cJSON_CreateObject();
  for (int i = 0; root && i < plan->tuned->count; i++)
    if (plan->fits[i].integers)
      cJSON_AddStringToObject(root, bd_model_layer(plan->tuned->model, i)->tensor,
                              plan->fits[i].width == 4 ? "QInt4" : "QInt8");
  return root;
}

// --- the three files -----------------------------------------------------------------------------

// One name a line; the script alone can say names of several lines.
static void put_excluded(bd_page *page, const cJSON *names, bd_report *report) {
  int odd = 0;
  for (const cJSON *name = names->child; name; name = name->next) {
    if (strpbrk(name->valuestring, "\r\n"))
      odd++;
    else
      bd_page_put(page, "%s\n", name->valuestring);
  }
  if (odd) bd_report_note(report, "%d node names of several lines are in the script alone", odd);
}

static const char script_end[] =
    "\n\nclass Reader(CalibrationDataReader):\n"
    "    \"\"\"The inputs of each .npz file: one array for each input of the network.\"\"\"\n\n"
    "    def __init__(self, paths):\n"
    "        self.inputs = iter([dict(numpy.load(path)) for path in paths])\n\n"
    "    def get_next(self):\n"
    "        return next(self.inputs, None)\n\n\n"
    "def named(model):\n"
    "    \"\"\"Gives nodes without a name the one that bitdial calls them by.\"\"\"\n"
    "    for index, node in enumerate(model.graph.node):\n"
    "        node.name = node.name or f\"{node.op_type}_{index}\"\n"
    "    return model\n\n\n"
    "def overrides():\n"
    "    with open(os.path.splitext(os.path.abspath(__file__))[0], encoding=\"utf-8\") as file:\n"
    "        found = json.load(file)\n"
    "    for name, entries in found.items():\n"
    "        for entry in entries:\n"
    "            entry[\"quant_type\"] = QuantType[TYPES[name]]\n"
    "            integer = numpy.int8\n"
    "            entry[\"scale\"] = numpy.array(entry[\"scale\"], numpy.float32)\n"
    "            entry[\"zero_point\"] = numpy.array(entry[\"zero_point\"], integer)\n"
    "    return found\n\n\n"
    "if __name__ == \"__main__\":\n"
    "    model, out, *data = sys.argv[1:]\n"
    "    quantize_static(named(onnx.load(model)), out, Reader(data), "
    "quant_format=QuantFormat.QDQ,\n"
    "                    nodes_to_exclude=EXCLUDE,\n"
    "                    extra_options={\"TensorQuantOverrides\": overrides(),\n"
    "                                   \"WeightSymmetric\": True})\n";

static void put_script(bd_page *page, const bd_export_plan *plan, const cJSON *excluded) {
  cJSON *types = types_of(plan);
  bd_page_put(page, "#!/usr/bin/env python3\n"
                    "\"\"\"Quantizes with ONNX Runtime on the grids that bitdial chose:\n\n"
                    "    python3 THIS.py FAKE.onnx OUT.onnx INPUTS.npz...\n\n"
                    "FAKE.onnx is the network of `bitdial export --format fake`; its weights stand "
                    "on the grids.\"\"\"\n"
                    "import json\nimport os\nimport sys\n\nimport numpy\nimport onnx\n"
                    "from onnxruntime.quantization import (CalibrationDataReader, QuantFormat,\n"
                    "                                      QuantType, quantize_static)\n\n"
                    "TYPES = ");
  bd_page_json(page, types);
  bd_page_put(page, "EXCLUDE = ");
  bd_page_json(page, excluded);
  bd_page_put(page, "%s", script_end);
  cJSON_Delete(types);
}

// --- read back -----------------------------------------------------------------------------------

static bd_status verify_entry(const bd_export_plan *plan, const cJSON *list, bd_error *err) {
  int layer = bd_model_find(plan->tuned->model, list->string);
  const bd_integers *integers = layer < 0 ? NULL : plan->fits[layer].integers;
  if (!integers || (size_t)cJSON_GetArraySize(list) != integers->parts.count)
    return bd_fail(err, BD_FAILED, "%s: is no layer of the model", list->string);
  size_t part = 0;
  for (const cJSON *entry = list->child; entry; entry = entry->next, part++) {
    const cJSON *scale = cJSON_GetObjectItem(entry, "scale");
    if (cJSON_IsNumber(scale) && bd_reads_as(scale->valuedouble, integers->steps[part])) continue;
    return bd_fail(err, BD_FAILED, "%s: its scale was not read back", list->string);
  }
  return BD_OK;
}

static bd_status verify(const bd_export_plan *plan, const char *path, bd_error *err) {
  cJSON *root;
  BD_TRY(bd_json_read(path, &root, err));
  bd_status status = BD_OK;
  for (const cJSON *list = root->child; list && status == BD_OK; list = list->next)
    status = verify_entry(plan, list, err);
  cJSON_Delete(root);
  return status;
}

static bd_status open_all(bd_export *job, const bd_page pages[FILES], bd_output outputs[FILES],
                          bd_error *err) {
  static const char *const ends[FILES] = {"", ".exclude.txt", ".py"};
  for (int i = 0; i < FILES; i++) {
    const char *path = bd_arena_text(job->arena, "%s%s", job->path, ends[i]);
    if (!path) return bd_fail_memory(err, job->path);
    BD_TRY(bd_output_open(path, &pages[i], &outputs[i], err));
  }
  return verify(job->plan, outputs[OVERRIDES].aside, err);
}

bd_status bd_export_ort(bd_export *job, bd_error *err) {
  bd_page pages[FILES] = {0};
  bd_output outputs[FILES] = {0};
  cJSON *overrides = overrides_of(job->plan), *excluded = bd_float_nodes(job->plan);
  bd_page_json(&pages[OVERRIDES], overrides);
  if (excluded) {
    put_excluded(&pages[EXCLUDE], excluded, job->report);
    put_script(&pages[SCRIPT], job->plan, excluded);
  }
  bd_status status = excluded ? open_all(job, pages, outputs, err) : bd_fail_memory(err, job->path);
  if (status == BD_OK) status = bd_outputs_commit(job, outputs, FILES, err);
  bd_outputs_abort(outputs, FILES);
  for (int i = 0; i < FILES; i++)
    bd_page_free(&pages[i]);
  cJSON_Delete(overrides);
  cJSON_Delete(excluded);
  if (status == BD_OK) bd_report_note(job->report, "they are of the weights of --format fake");
  return status;
}
