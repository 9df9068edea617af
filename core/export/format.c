#include "core/export/format.h"

#include "core/export/job.h"

#include <stdio.h>
#include <string.h>

static const bd_version any[] = {{"", BD_WIDTHS(1, 8), "codes of %d bits"}, {0}};
static const bd_version qonnx[] = {{"", BD_WIDTHS(1, 9), "Quant of %d bits"}, {0}};
static const bd_version qdq[] = {{"int8", BD_WIDTH(8), "int%d"},
                                 {"int4", BD_WIDTH(4) | BD_WIDTH(8), "int%d"},
                                 {"int2", BD_WIDTH(2) | BD_WIDTH(4) | BD_WIDTH(8), "int%d"},
                                 {0}};
static const bd_version aimet[] = {{"0.6.1", BD_WIDTHS(4, 8), "%d bits"},
                                   {"1.0.0", BD_WIDTHS(4, 8), "%d bits"},
                                   {"2.0.0", BD_WIDTHS(4, 8), "%d bits"},
                                   {0}};
static const bd_version ort[] = {{"", BD_WIDTH(4) | BD_WIDTH(8), "int%d"}, {0}};
static const bd_version coreml[] = {
    {"", BD_WIDTHS(1, 4) | BD_WIDTH(6) | BD_WIDTH(8), "a palette of %d bits"}, {0}};
static const bd_version nncf[] = {
    {"int8", BD_WIDTH(8), "int%d"}, {"int4", BD_WIDTH(4), "int%d"}, {0}};
static const bd_version c[] = {
    {"plain", BD_WIDTHS(1, 9), "codes of %d bits"}, {"packed", BD_WIDTHS(1, 9), "%d bits"}, {0}};
static const bd_version mem[] = {{"", BD_WIDTHS(1, 9), "codes of %d bits"}, {0}};

static const bd_format formats[] = {
    {.name = "fake",
     .extension = "onnx",
     .help = "float ONNX whose weights take only the levels",
     .takes = "everything",
     .loses = "size: weights are floats (gzip still finds the levels)",
     .load = "onnxruntime.InferenceSession(\"PATH\")",
     .versions = any,
     .holds = BD_HOLDS_CODEBOOKS | BD_HOLDS_ZERO_POINTS | BD_HOLDS_MASKS | BD_HOLDS_GROUPS |
              BD_HOLDS_FLOATS | BD_HOLDS_BIASES,
     .write = bd_export_fake},
    {.name = "qonnx",
     .extension = "onnx",
     .help = "ONNX with QONNX's Quant and BipolarQuant nodes, for FINN, hls4ml and Brevitas",
     .takes = "1 to 8 bits on the signed grid; --scale pow2 gives plain fixed point",
     .loses = "zero points (one bit more instead), codebooks, masks",
     .load = "qonnx-exec PATH",
     .versions = qonnx,
     .holds = BD_HOLDS_GROUPS | BD_HOLDS_BIASES,
     .write = bd_export_qonnx},
    {.name = "qdq",
     .extension = "onnx",
     .help = "ONNX with integer weights and DequantizeLinear, for ONNX Runtime, TensorRT, OpenVINO",
     .takes = "8 bits; version int4: 4 and 8 (opset 21); int2: 2, 4 and 8 (opset 25)",
     .loses = "other widths (the next wider type), codebooks, masks",
     .load = "onnxruntime.InferenceSession(\"PATH\")",
     .versions = qdq,
     .holds = BD_HOLDS_ZERO_POINTS | BD_HOLDS_GROUPS | BD_HOLDS_BIASES,
     .write = bd_export_qdq},
    {.name = "codebook",
     .extension = "onnx",
     .help = "ONNX with a byte a weight that looks up its level (Gather)",
     .takes = "any levels, 1 to 8 bits",
     .loses = "bits below a byte on disk; runtimes unfold the weights in memory",
     .load = "onnxruntime.InferenceSession(\"PATH\")",
     .versions = any,
     .holds = BD_HOLDS_CODEBOOKS | BD_HOLDS_ZERO_POINTS | BD_HOLDS_GROUPS | BD_HOLDS_BIASES,
     .write = bd_export_codebook},
    {.name = "aimet",
     .extension = "encodings",
     .help = "AIMET encodings, for QNN and SNPE; they go with the network of `fake`",
     .takes = "4 to 8 bits, one grid a tensor or a channel",
     .loses = "fewer bits (4 instead), codebooks, masks, groups",
     .load = "qnn-onnx-converter -i FAKE.onnx --quantization_overrides PATH",
     .versions = aimet,
     .holds = BD_HOLDS_ZERO_POINTS,
     .write = bd_export_aimet},
    {.name = "ort",
     .extension = "json",
     .help = "overrides, exclude list and script for ONNX Runtime's quantizer; with `fake`",
     .takes = "4 and 8 bits, one grid a tensor or a channel",
     .loses = "other widths (the next wider type), codebooks, masks, groups",
     .load = "python3 PATH.py FAKE.onnx OUT.onnx INPUTS.npz",
     .versions = ort,
     .holds = BD_HOLDS_ZERO_POINTS,
     .write = bd_export_ort},
    {.name = "c",
     .extension = "h",
     .help = "a C99 header of codes, steps or levels, with a function that gives each weight",
     .takes = "everything but masks; version packed leaves no bits between codes",
     .loses = "whatever is no quantized layer, biases too (what repair adds to them is there)",
     .load = "cc -std=c99 -include PATH main.c",
     .versions = c,
     .holds = BD_HOLDS_CODEBOOKS | BD_HOLDS_ZERO_POINTS | BD_HOLDS_GROUPS | BD_HOLDS_INTEGERS |
              BD_HOLDS_BIASES,
     .write = bd_export_c},
    {.name = "mem",
     .extension = "mem.d",
     .help = "a folder of hexadecimal codes for Verilog's $readmemh, with layers.json",
     .takes = "everything but masks",
     .loses = "whatever is no quantized layer, biases too (what repair adds to them is there)",
     .load = "$readmemh(\"PATH/layer0_….mem\", memory);",
     .versions = mem,
     .holds = BD_HOLDS_CODEBOOKS | BD_HOLDS_ZERO_POINTS | BD_HOLDS_GROUPS | BD_HOLDS_INTEGERS |
              BD_HOLDS_BIASES,
     .write = bd_export_mem},
    {.name = "coreml",
     .extension = "yaml",
     .help = "a template for coremltools' palettizer; it goes with the network of `fake`",
     .takes = "up to 256 distinct values in a tensor",
     .loses = "5 and 7 bits (6 and 8 instead), masks; operations are named otherwise there",
     .load = "coremltools.optimize.coreml.OptimizationConfig.from_yaml(\"PATH\")",
     .versions = coreml,
     .holds = BD_HOLDS_CODEBOOKS | BD_HOLDS_ZERO_POINTS | BD_HOLDS_GROUPS | BD_HOLDS_DISTINCT,
     .write = bd_export_coreml},
    {.name = "litert",
     .extension = "json",
     .help = "a recipe for LiteRT's ai-edge-quantizer; it goes with the network of `fake`",
     .takes = "which layers get 4 bits, 8, or none",
     .loses = "the levels: it draws its own between each channel's extremes",
     .load = "quantizer.Quantizer(\"FAKE.tflite\", \"PATH\").quantize()",
     .versions = ort,
     .holds = BD_HOLDS_RANGES,
     .write = bd_export_litert},
    {.name = "nncf",
     .extension = "py",
     .help =
         "a script for NNCF's weight compression (OpenVINO); it goes with the network of `fake`",
     .takes = "which layers stay float; all others get 8 bits (version int4: 4)",
     .loses = "the levels: it draws its own between each channel's extremes",
     .load = "python3 PATH FAKE.onnx OUT.onnx",
     .versions = nncf,
     .holds = BD_HOLDS_RANGES,
     .write = bd_export_nncf},
    {0},
};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats - 1 };

const bd_format *bd_format_at(int index) {
  return index >= 0 && index < FORMAT_COUNT ? &formats[index] : NULL;
}

// "a, b, c" of what is there.
static void list_formats(char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < FORMAT_COUNT && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", formats[i].name);
}

static void list_versions(const bd_format *format, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; format->versions[i].name && used < size; i++)
    used +=
        (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", format->versions[i].name);
}

static bd_status find_version(const bd_format *format, const char *version, int *number,
                              bd_error *err) {
  char all[256];
  *number = 0;
  if (!version) return BD_OK;
  for (int i = 0; format->versions[i].name; i++) {
    *number = i;
    if (strcmp(format->versions[i].name, version) == 0) return BD_OK;
  }
  list_versions(format, all, sizeof all);
  if (!*format->versions[0].name)
    return bd_fail(err, BD_INVALID, "--format-version %s: %s has only one", version, format->name);
  return bd_fail(err, BD_INVALID, "--format-version %s: %s has %s", version, format->name, all);
}

bd_status bd_format_find(const char *name, const char *version, const bd_format **out, int *number,
                         bd_error *err) {
  char all[256];
  for (*out = formats; (*out)->name; ++*out)
    if (strcmp((*out)->name, name) == 0) return find_version(*out, version, number, err);
  list_formats(all, sizeof all);
  return bd_fail(err, BD_INVALID, "--format %s: no such format: there are %s", name, all);
}
