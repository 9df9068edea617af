// A byte a weight that looks up its level: Gather(levels, Cast(codes)). ONNX has no operator for
// palettes (onnx issue 5329); runtimes fold this to dense weights when they load it.
#include "core/export/onnx.h"

#include <string.h>

// Codes count through the levels of all books where that is cheaper than an offset a channel.
typedef struct lookup {
  const bd_coded *coded;
  size_t levels;   // of all books
  bool by_channel; // an offset a channel is added
} lookup;

static lookup lookup_of(const bd_coded *coded) {
  lookup out = {.coded = coded, .levels = bd_coded_levels(coded)};
  out.by_channel = coded->parts.count > 1 && coded->parts.count == coded->parts.axes.channels;
  return out;
}

static size_t index_of(const lookup *table, size_t place) {
  const bd_coded *coded = table->coded;
  if (table->by_channel) return coded->codes[place];
  const bd_book *book = &coded->books[bd_parts_find(&coded->parts, place)];
  return (size_t)(book->levels - coded->levels) + coded->codes[place];
}

// In the least of one, two or four bytes.
static const char *add_codes(bd_site *site, const bd_layer *layer, const lookup *table) {
  size_t most = 0, count = table->coded->count;
  for (size_t i = 0; i < count; i++)
    most = index_of(table, i) > most ? index_of(table, i) : most;
  size_t width = most < 256 ? 1 : most < 65536 ? 2 : 4;
  int32_t type = width == 1 ? BD_ONNX_UINT8 : width == 2 ? BD_ONNX_UINT16 : BD_ONNX_INT32;
  uint8_t *bytes = bd_arena_take(site->job->arena, count, width);
  for (size_t i = 0; bytes && i < count; i++) {
    size_t index = index_of(table, i); // little-endian, as raw data is
    memcpy(bytes + i * width, &index, width);
  }
  return bd_site_tensor(site, "_codes", type, layer->shape, layer->rank, bytes, count * width);
}

// Where each channel's levels begin.
static const char *add_offsets(bd_site *site, const bd_layer *layer, const bd_coded *coded) {
  int64_t dims[8];
  bd_channel_dims(layer, dims);
  int32_t *offsets = bd_arena_take(site->job->arena, coded->parts.count, sizeof *offsets);
  for (size_t part = 0; offsets && part < coded->parts.count; part++)
    offsets[part] = (int32_t)(coded->books[part].levels - coded->levels);
  return bd_site_tensor(site, "_offsets", BD_ONNX_INT32, dims, layer->rank, offsets,
                        coded->parts.count * sizeof *offsets);
}

static const char *add_index(bd_site *site, const bd_layer *layer, const lookup *table) {
  const char *codes = add_codes(site, layer, table), *index = bd_site_name(site, "_index");
  if (!codes || !index) return NULL;
  bd_node_int(site, bd_site_node(site, NULL, "Cast", (const char *[]){codes, NULL}, index), "to",
              BD_ONNX_INT32);
  if (!table->by_channel) return index;
  const char *offsets = add_offsets(site, layer, table->coded);
  const char *place = bd_site_name(site, "_place");
  if (!offsets || !place) return NULL;
  bd_site_node(site, NULL, "Add", (const char *[]){index, offsets, NULL}, place);
  return place;
}

static const char *add_scale(bd_site *site, const bd_layer *layer, const bd_coded *coded) {
  int64_t dims[8];
  bd_channel_dims(layer, dims);
  return bd_site_floats(site, "_scale", dims, layer->rank, coded->scale);
}

static bd_status replace(bd_site *site, bd_error *err) {
  const bd_export_plan *plan = site->job->plan;
  const bd_layer *layer = bd_model_layer(plan->tuned->model, site->layer);
  const bd_coded *coded = plan->tuned->layers[site->layer].coded;
  lookup table = lookup_of(coded);
  const char *levels =
      bd_site_floats(site, "_levels", (int64_t[]){(int64_t)table.levels}, 1, coded->levels);
  const char *index = add_index(site, layer, &table), *output = bd_site_floats_name(site);
  const char *plain = coded->scale ? bd_site_name(site, "_unscaled") : output;
  if (!levels || !index || !plain) return bd_fail_memory(err, layer->tensor);
  bd_node_int(site,
              bd_site_node(site, NULL, "Gather", (const char *[]){levels, index, NULL}, plain),
              "axis", 0);
  if (coded->scale) {
    const char *scale = add_scale(site, layer, coded);
    if (!scale) return bd_fail_memory(err, layer->tensor);
    bd_site_node(site, NULL, "Mul", (const char *[]){plain, scale, NULL}, output);
  }
  return bd_site_finish(site, output, err);
}

bd_status bd_export_codebook(bd_export *job, bd_error *err) {
  // Cast says its type by number from opset 6 on; Mul broadcasts from 7 on.
  bd_rewrite_style style = {.replace = replace, .opset = 7};
  return bd_export_onnx(job, &style, err);
}
