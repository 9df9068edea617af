// QONNX: a Quant node after each float weight (github.com/fastmachinelearning/qonnx,
// docs/qonnx-custom-ops). FINN wants no zero point and no Quant output that two nodes read; hls4ml
// a scalar width and a node name.
#include "core/export/onnx.h"

#include "core/model/proto.h"

#define DOMAIN "qonnx.custom_op.general"

// The float weights, exactly on their levels.
static const char *add_weights(bd_site *site, const bd_layer *layer) {
  size_t count = (size_t)layer->weights;
  float *values = bd_arena_take(site->job->arena, count, sizeof *values);
  for (size_t i = 0; values && i < count; i++)
    values[i] = (float)bd_fit_value(site->job->plan, site->layer, i);
  return bd_site_tensor(site, "_float_weights", BD_ONNX_FLOAT, layer->shape, layer->rank, values,
                        count * sizeof *values);
}

// A scalar; one a channel, spread over the other axes; or one a weight.
static const char *add_scale(bd_site *site, const bd_layer *layer, const bd_integers *integers) {
  const bd_parts *parts = &integers->parts;
  if (parts->count == 1) return bd_site_floats(site, "_scale", NULL, 0, integers->steps);
  int64_t dims[8];
  bd_channel_dims(layer, dims);
  if (parts->count == parts->axes.channels)
    return bd_site_floats(site, "_scale", dims, layer->rank, integers->steps);
  double *each = bd_arena_take(site->job->arena, integers->count, sizeof *each);
  for (size_t i = 0; each && i < integers->count; i++)
    each[i] = bd_integers_step(integers, i);
  return each ? bd_site_floats(site, "_scale", layer->shape, layer->rank, each) : NULL;
}

static void add_quant(bd_site *site, const char *weights, const char *scale, int width,
                      const char *output) {
  const char *zero = bd_site_floats(site, "_zero_point", NULL, 0, (double[]){0});
  const char *bits = bd_site_floats(site, "_bit_width", NULL, 0, (double[]){width});
  if (!zero || !bits) return;
  Onnx__NodeProto *node = bd_site_node(site, DOMAIN, "Quant",
                                       (const char *[]){weights, scale, zero, bits, NULL}, output);
  bd_node_int(site, node, "signed", 1);
  bd_node_int(site, node, "narrow", 1);
  bd_node_text(site, node, "rounding_mode", "ROUND");
}

static bd_status replace(bd_site *site, bd_error *err) {
  const bd_fit *fit = &site->job->plan->fits[site->layer];
  const bd_layer *layer = bd_model_layer(site->job->plan->tuned->model, site->layer);
  const char *weights = add_weights(site, layer);
  const char *scale = add_scale(site, layer, fit->integers);
  const char *output = bd_site_floats_name(site);
  if (!weights || !scale || !output) return bd_fail_memory(err, layer->tensor);
  if (fit->width == 1)
    bd_site_node(site, DOMAIN, "BipolarQuant", (const char *[]){weights, scale, NULL}, output);
  else
    add_quant(site, weights, scale, fit->width, output);
  return bd_site_finish(site, output, err);
}

bd_status bd_export_qonnx(bd_export *job, bd_error *err) {
  bd_rewrite_style style = {.replace = replace, .domain = DOMAIN, .split = true};
  return bd_export_onnx(job, &style, err);
}
