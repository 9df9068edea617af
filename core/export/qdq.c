// Integer weights and DequantizeLinear: y = (x - zero point) · scale, without a zero point wherever
// the integers fit without (TensorRT takes none).
#include "core/export/onnx.h"

#include <string.h>

// How the integers are seen by DequantizeLinear.
typedef struct view {
  int64_t dims[8];
  int rank;
  int axis;      // -1: one scale
  int64_t block; // 0: one scale an index of the axis
  int64_t scale_dims[8];
} view;

static int64_t ceil_div(size_t a, size_t b) {
  return (int64_t)((a + b - 1) / b);
}

// Blocks along one axis of (outer, channels, inner). False where the groups are no such blocks.
static bool view_blocks(const bd_parts *parts, view *out) {
  const bd_axes *axes = &parts->axes;
  bool along_inner = axes->outer == 1 || axes->inner % parts->group == 0;
  if (!along_inner && axes->inner != 1 && parts->group % axes->inner != 0) return false;
  int64_t dims[] = {(int64_t)axes->outer, (int64_t)axes->channels, (int64_t)axes->inner};
  memcpy(out->dims, dims, sizeof dims);
  memcpy(out->scale_dims, dims, sizeof dims);
  out->rank = 3;
  out->axis = along_inner ? 2 : 0;
  out->block = (int64_t)(along_inner ? parts->group : parts->group / axes->inner);
  out->scale_dims[out->axis] = ceil_div((size_t)dims[out->axis], (size_t)out->block);
  return true;
}

static bool view_of(const bd_layer *layer, const bd_parts *parts, view *out) {
  *out = (view){.rank = layer->rank, .axis = -1};
  memcpy(out->dims, layer->shape, sizeof out->dims);
  if (parts->count == 1) return true;
  if (parts->count != parts->axes.channels) return view_blocks(parts, out);
  out->axis = layer->channel_axis;
  out->scale_dims[0] = layer->shape[layer->channel_axis];
  return true;
}

// --- tensors -------------------------------------------------------------------------------------

// Codes plus zero point, packed from the lowest bit on.
static const char *add_codes(bd_site *site, const view *seen, const bd_fit *fit, int zero_point) {
  static const int32_t types[] = {[2] = BD_ONNX_INT2, [4] = BD_ONNX_INT4, [8] = BD_ONNX_INT8};
  const bd_integers *integers = fit->integers;
  size_t width = (size_t)fit->width, size = (integers->count * width + 7) / 8;
  uint8_t *bytes = bd_arena_take(site->job->arena, size, 1);
  for (size_t i = 0; bytes && i < integers->count; i++) {
    unsigned code = (unsigned)(integers->codes[i] + zero_point) & ((1u << width) - 1);
    bytes[i * width / 8] |= (uint8_t)(code << i * width % 8);
  }
  return bd_site_tensor(site, "_quantized", types[width], seen->dims, seen->rank, bytes, size);
}

static const char *add_scale(bd_site *site, const view *seen, const bd_integers *integers) {
  if (seen->axis < 0) return bd_site_floats(site, "_scale", NULL, 0, integers->steps);
  if (!seen->block) return bd_site_floats(site, "_scale", seen->scale_dims, 1, integers->steps);
  // Parts are numbered channel by channel, blocks as the tensor is stored.
  const int64_t *dims = seen->scale_dims;
  int64_t count = dims[0] * dims[1] * dims[2];
  double *steps = bd_arena_take(site->job->arena, (size_t)count, sizeof *steps);
  if (!steps) return NULL;
  for (int64_t i = 0; i < count; i++) {
    int64_t place[] = {i / (dims[1] * dims[2]), i / dims[2] % dims[1], i % dims[2]};
    place[seen->axis] *= seen->block;
    int64_t at = (place[0] * seen->dims[1] + place[1]) * seen->dims[2] + place[2];
    steps[i] = bd_integers_step(integers, (size_t)at);
  }
  return bd_site_floats(site, "_scale", dims, 3, steps);
}

static const char *add_zero_point(bd_site *site, const view *seen, int width, int zero_point) {
  static const int32_t types[] = {[2] = BD_ONNX_INT2, [4] = BD_ONNX_INT4, [8] = BD_ONNX_INT8};
  int rank = seen->axis < 0 ? 0 : seen->block ? 3 : 1;
  size_t count = 1;
  for (int i = 0; i < rank; i++)
    count *= (size_t)seen->scale_dims[i];
  size_t size = (count * (size_t)width + 7) / 8;
  uint8_t *bytes = bd_arena_take(site->job->arena, size, 1);
  for (size_t i = 0; bytes && i < count; i++)
    bytes[i * (size_t)width / 8] |=
        (uint8_t)(((unsigned)zero_point & ((1u << width) - 1)) << i * (size_t)width % 8);
  return bd_site_tensor(site, "_zero_point", types[width], seen->scale_dims, rank, bytes, size);
}

// --- nodes ---------------------------------------------------------------------------------------

static const char *add_dequantize(bd_site *site, const view *seen, const bd_fit *fit,
                                  const char *output) {
  int zero_point = 0;
  const char *zero = NULL;
  if (fit->zero_point) {
    bd_integers_zero_point(fit->integers, fit->width, &zero_point);
    zero = add_zero_point(site, seen, fit->width, zero_point);
    if (!zero) return NULL;
  }
  const char *codes = add_codes(site, seen, fit, zero_point);
  const char *scale = add_scale(site, seen, fit->integers);
  if (!codes || !scale) return NULL;
  Onnx__NodeProto *node = bd_site_node(site, NULL, "DequantizeLinear",
                                       (const char *[]){codes, scale, zero, NULL}, output);
  if (seen->axis >= 0) bd_node_int(site, node, "axis", seen->axis);
  if (seen->block) bd_node_int(site, node, "block_size", seen->block);
  return node ? output : NULL;
}

static bd_status replace(bd_site *site, bd_error *err) {
  const bd_fit *fit = &site->job->plan->fits[site->layer];
  const bd_layer *layer = bd_model_layer(site->job->plan->tuned->model, site->layer);
  view seen;
  if (!view_of(layer, &fit->integers->parts, &seen))
    return bd_fail(err, BD_INVALID, "%s: groups of %zu are no blocks of its shape: choose another",
                   layer->tensor, fit->integers->parts.group);
  const char *output = bd_site_floats_name(site);
  const char *flat = seen.block ? bd_site_name(site, "_blocks") : output;
  const char *done = flat ? add_dequantize(site, &seen, fit, flat) : NULL;
  if (done && seen.block) {
    const char *shape = bd_site_integers(site, "_shape", layer->shape, layer->rank);
    if (shape) bd_site_node(site, NULL, "Reshape", (const char *[]){flat, shape, NULL}, output);
  }
  return bd_site_finish(site, output, err);
}

// Types and layouts ask for opsets: 10 for a scale, 13 for one a channel, 21 for blocks and int4,
// 25 for int2.
static int64_t opset_for(const bd_export_plan *plan) {
  int64_t opset = 10;
  for (int i = 0; i < plan->tuned->count; i++) {
    const bd_fit *fit = &plan->fits[i];
    if (!fit->integers) continue;
    size_t parts = fit->integers->parts.count;
    int64_t needs = parts == 1 ? 10 : parts == fit->integers->parts.axes.channels ? 13 : 21;
    if (fit->width == 4 && needs < 21) needs = 21;
    if (fit->width == 2) needs = 25;
    if (needs > opset) opset = needs;
  }
  return opset;
}

bd_status bd_export_qdq(bd_export *job, bd_error *err) {
  bd_rewrite_style style = {.replace = replace, .opset = opset_for(job->plan)};
  return bd_export_onnx(job, &style, err);
}
