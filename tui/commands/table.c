// The commands that bitdial has.
#include "tui/commands/commands.h"

const bd_subcommand bd_subcommands[] = {
    {"", "[MODEL.onnx] [OPTIONS]", "the explorer; without a model, on the sample",
     bd_command_explore},
    {"layers", "MODEL.onnx [--json]", "list the layers that can be quantized", bd_command_layers},
    {"quantize", "MODEL.onnx [SETTINGS] [-o OUT.onnx] [--json]",
     "quantize every layer; OUT is the same network with de-quantized float weights",
     bd_command_quantize},
    {"report", "MODEL.onnx [SETTINGS] [--html] [-o PATH]",
     "everything that the panels show, as text or as one page with pictures", bd_command_report},
    {"run", "MODEL.onnx --data PATH -o OUT.npz [SETTINGS] [INPUT] [--json]",
     "run the network; every output goes into an archive (float weights, unless settings are "
     "given)",
     bd_command_run},
    {"eval", "MODEL.onnx --data PATH [--labels FILE] [SETTINGS] [INPUT] [--json]",
     "compare the quantized network with the float one on data", bd_command_eval},
    {"sweep", "MODEL.onnx --data PATH -o S.json [--labels FILE] [SETTINGS] [INPUT]",
     "measure on data what each layer alone costs at each bit width", bd_command_sweep},
    {"merge", "S1.json S2.json … -o S.json", "join the shards of a sweep", bd_command_merge},
    {"tune",
     "MODEL.onnx (--target-bits B | --target-size SIZE | --max-loss L) [-o CONFIG.json] [SETTINGS] "
     "[--objective O] [--sensitivity S.json] [--data PATH] [--json]",
     "give each layer the bits that serve it best within a budget; layers that are locked, or "
     "whose "
     "bits --layer sets, stay; candidates are measured where there is data",
     bd_command_tune},
    {"export", "MODEL.onnx --format F [--format-version V] [--strict] -o PATH [SETTINGS] [--json]",
     "write the tuned network for another tool, once what that tool cannot hold is said",
     bd_command_export},
    {"compare", "MODEL.onnx [SETTINGS] --compare CONFIG.json [--data PATH] [--json]",
     "two configurations side by side, by layer; with data, what the network makes of both",
     bd_command_compare},
    {0},
};
