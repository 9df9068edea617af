// A script for NNCF 3, which has no configuration file any more. It draws grids of its own.
#include "core/export/job.h"

#include "core/base/json.h"

#include <string.h>

static void put_script(bd_page *page, const bd_export_plan *plan, const cJSON *ignored) {
  bool four = plan->format->versions[plan->version].widths & BD_WIDTH(4);
  bd_page_put(page,
              "#!/usr/bin/env python3\n"
              "\"\"\"Compresses weights with NNCF, all but those that bitdial keeps float:\n\n"
              "    python3 THIS.py FAKE.onnx OUT.onnx\n\n"
              "FAKE.onnx is the network of `bitdial export --format fake`.\"\"\"\n"
              "import sys\n\nimport nncf\nimport onnx\n\n"
              "IGNORED = ");
  bd_page_json(page, ignored);
  bd_page_put(page,
              "\n\ndef named(model):\n"
              "    \"\"\"Gives nodes without a name the one that bitdial calls them by.\"\"\"\n"
              "    for index, node in enumerate(model.graph.node):\n"
              "        node.name = node.name or f\"{node.op_type}_{index}\"\n"
              "    return model\n\n\n"
              "if __name__ == \"__main__\":\n"
              "    source, out = sys.argv[1:]\n"
              "    compressed = nncf.compress_weights(\n"
              "        named(onnx.load(source)), mode=nncf.CompressWeightsMode.%s,%s\n"
              "        ignored_scope=nncf.IgnoredScope(names=IGNORED, validate=True))\n"
              "    onnx.save(compressed, out)\n",
              four ? "INT4_SYM" : "INT8_SYM",
              four ? " ratio=1.0, group_size=-1,\n        all_layers=True," : "");
}

bd_status bd_export_nncf(bd_export *job, bd_error *err) {
  cJSON *ignored = bd_float_nodes(job->plan);
  bd_page page = {0};
  bd_output output = {0};
  if (ignored) put_script(&page, job->plan, ignored);
  bd_status status =
      ignored ? bd_output_open(job->path, &page, &output, err) : bd_fail_memory(err, job->path);
  if (status == BD_OK) status = bd_output_same(&output, &page, err);
  if (status == BD_OK) status = bd_outputs_commit(job, &output, 1, err);
  bd_outputs_abort(&output, 1);
  bd_page_free(&page);
  cJSON_Delete(ignored);
  return status;
}
