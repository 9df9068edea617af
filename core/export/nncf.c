// A script for NNCF 3, which has no configuration file any more. It draws grids of its own.
#include "core/export/job.h"

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
  if (!ignored) return bd_fail_memory(err, job->path);
  bd_page page = {0};
  put_script(&page, job->plan, ignored);
  cJSON_Delete(ignored);
  return bd_export_page(job, &page, NULL, err);
}
