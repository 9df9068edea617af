// AIMET's encodings, for QNN and SNPE (AIMET Docs: quantization_encoding_specification.rst). They
// tell the grids of weights that stand on them: of the network that `fake` writes.
#include "core/export/job.h"

#include "core/base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { V061, V100, V200 }; // as in the table of versions

// One encoding: value = scale · (q + offset), q from 0 to 2^bits − 1.
typedef struct encoding {
  int bits;
  bool symmetric;
  int offset;
  double scale;
} encoding;

static encoding encoding_of(const bd_fit *fit, size_t part) {
  int top = 1 << (fit->width - 1);
  encoding out = {fit->width, !fit->zero_point, -top, fit->integers->steps[part]};
  if (fit->zero_point) out.offset = fit->integers->least;
  return out;
}

// --- 0.6.1: an entry a channel -------------------------------------------------------------------

static cJSON *entry_061(encoding e) {
  cJSON *entry = cJSON_CreateObject();
  cJSON_AddNumberToObject(entry, "bitwidth", e.bits);
  cJSON_AddStringToObject(entry, "dtype", "int");
  cJSON_AddStringToObject(entry, "is_symmetric", e.symmetric ? "True" : "False");
  bd_json_number(entry, "min", e.scale * e.offset);
  bd_json_number(entry, "max", e.scale * (e.offset + (1 << e.bits) - 1));
  cJSON_AddNumberToObject(entry, "offset", e.offset);
  bd_json_number(entry, "scale", e.scale);
  return entry;
}

static void add_061(cJSON *root, const char *name, const bd_fit *fit, int axis) {
  (void)axis;
  cJSON *list = cJSON_CreateArray();
  for (size_t part = 0; part < fit->integers->parts.count; part++)
    cJSON_AddItemToArray(list, entry_061(encoding_of(fit, part)));
  cJSON_AddItemToObject(cJSON_GetObjectItem(root, "param_encodings"), name, list);
}

static void finish_061(cJSON *root, int bits, bool channels) {
  cJSON *said = cJSON_AddObjectToObject(root, "quantizer_args");
  cJSON_AddNumberToObject(said, "activation_bitwidth", 8);
  cJSON_AddStringToObject(said, "dtype", "int");
  cJSON_AddStringToObject(said, "is_symmetric", "True");
  cJSON_AddNumberToObject(said, "param_bitwidth", bits);
  cJSON_AddStringToObject(said, "per_channel_quantization", channels ? "True" : "False");
  cJSON_AddStringToObject(said, "quant_scheme", "post_training_tf");
}

// --- 1.0.0: lists --------------------------------------------------------------------------------

static void add_100(cJSON *root, const char *name, const bd_fit *fit, int axis) {
  (void)axis;
  cJSON *entry = cJSON_CreateObject();
  size_t count = fit->integers->parts.count;
  cJSON_AddStringToObject(entry, "name", name);
  cJSON_AddStringToObject(entry, "enc_type", count > 1 ? "PER_CHANNEL" : "PER_TENSOR");
  cJSON_AddStringToObject(entry, "dtype", "INT");
  cJSON_AddNumberToObject(entry, "bw", fit->width);
  cJSON_AddBoolToObject(entry, "is_sym", !fit->zero_point);
  cJSON *scales = cJSON_AddArrayToObject(entry, "scale");
  cJSON *offsets = cJSON_AddArrayToObject(entry, "offset");
  for (size_t part = 0; part < count; part++) {
    encoding e = encoding_of(fit, part);
    cJSON_AddItemToArray(scales, cJSON_CreateNumber(e.scale));
    cJSON_AddItemToArray(offsets, cJSON_CreateNumber(e.offset));
  }
  cJSON_AddItemToArray(cJSON_GetObjectItem(root, "param_encodings"), entry);
}

// --- 2.0.0: as ONNX's QuantizeLinear -------------------------------------------------------------

static void add_200(cJSON *root, const char *name, const bd_fit *fit, int axis) {
  char type[16];
  cJSON *entry = cJSON_CreateObject();
  size_t count = fit->integers->parts.count;
  int zero = 0;
  if (fit->zero_point) bd_integers_zero_point(fit->integers, fit->width, &zero);
  snprintf(type, sizeof type, "int%d", fit->width);
  cJSON_AddStringToObject(entry, "name", name);
  cJSON_AddStringToObject(entry, "output_dtype", type);
  if (count == 1) {
    bd_json_number(entry, "y_scale", fit->integers->steps[0]);
    if (zero) cJSON_AddNumberToObject(entry, "y_zero_point", zero);
  } else {
    cJSON *scales = cJSON_AddArrayToObject(entry, "y_scale");
    cJSON *zeros = zero ? cJSON_AddArrayToObject(entry, "y_zero_point") : NULL;
    for (size_t part = 0; part < count; part++) {
      cJSON_AddItemToArray(scales, cJSON_CreateNumber(fit->integers->steps[part]));
      if (zeros) cJSON_AddItemToArray(zeros, cJSON_CreateNumber(zero));
    }
    cJSON_AddNumberToObject(entry, "axis", axis);
  }
  cJSON_AddItemToArray(cJSON_GetObjectItem(root, "encodings"), entry);
}

// --- the file ------------------------------------------------------------------------------------

static cJSON *begin(int version) {
  static const char *const names[] = {"0.6.1", "1.0.0", "2.0.0"};
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "version", names[version]);
  if (version == V061) {
    cJSON_AddObjectToObject(root, "activation_encodings");
    cJSON_AddObjectToObject(root, "param_encodings");
  } else if (version == V100) {
    cJSON_AddArrayToObject(root, "activation_encodings");
    cJSON_AddArrayToObject(root, "param_encodings");
  } else {
    cJSON_AddArrayToObject(root, "encodings");
  }
  return root;
}

static cJSON *encodings_of(const bd_export_plan *plan) {
  static void (*const add[])(cJSON *, const char *, const bd_fit *, int) = {add_061, add_100,
                                                                            add_200};
  cJSON *root = begin(plan->version);
  int bits = 4;
  bool channels = false;
  for (int i = 0; root && i < plan->tuned->count; i++) {
    const bd_fit *fit = &plan->fits[i];
    const bd_layer *layer = bd_model_layer(plan->tuned->model, i);
    if (!fit->integers) continue;
    add[plan->version](root, layer->tensor, fit, layer->channel_axis);
    bits = fit->width > bits ? fit->width : bits;
    channels = channels || fit->integers->parts.count > 1;
  }
  if (plan->version == V061) finish_061(root, bits, channels);
  if (plan->version == V100) {
    cJSON_AddObjectToObject(root, "quantizer_args");
    cJSON_AddArrayToObject(root, "excluded_layers");
  }
  return root;
}

// --- read back -----------------------------------------------------------------------------------

static const cJSON *entries_of(const cJSON *root, int version) {
  return cJSON_GetObjectItem(root, version == V200 ? "encodings" : "param_encodings");
}

static const char *name_of(const cJSON *entry) {
  return entry->string ? entry->string : bd_json_string(entry, "name", "");
}

// The scale of a part, wherever this version has it.
static double scale_of(const cJSON *entry, size_t part) {
  const cJSON *list = entry;
  if (!cJSON_IsArray(entry)) {
    list = cJSON_GetObjectItem(entry, "scale");
    if (!list) list = cJSON_GetObjectItem(entry, "y_scale");
  }
  const cJSON *item = cJSON_IsNumber(list) ? list : cJSON_GetArrayItem(list, (int)part);
  if (cJSON_IsObject(item)) item = cJSON_GetObjectItem(item, "scale");
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static bd_status verify(const bd_export *job, const char *path, bd_error *err) {
  const bd_export_plan *plan = job->plan;
  cJSON *root;
  BD_TRY(bd_json_read(path, &root, err));
  bd_status status = BD_OK;
  int left = 0;
  for (int i = 0; i < plan->tuned->count; i++)
    left += plan->fits[i].integers != NULL;
  for (const cJSON *entry = entries_of(root, plan->version)->child; entry && status == BD_OK;
       entry = entry->next, left--) {
    int layer = bd_model_find(plan->tuned->model, name_of(entry));
    const bd_integers *integers = layer < 0 ? NULL : plan->fits[layer].integers;
    if (!integers) status = bd_fail(err, BD_FAILED, "%s: is no layer of the model", name_of(entry));
    for (size_t part = 0; integers && part < integers->parts.count; part++)
      if (!bd_reads_as(scale_of(entry, part), integers->steps[part]))
        status = bd_fail(err, BD_FAILED, "the scale of %s was not read back", name_of(entry));
  }
  cJSON_Delete(root);
  if (status == BD_OK && left != 0)
    status = bd_fail(err, BD_FAILED, "%d encodings were not read back", left);
  return status;
}

bd_status bd_export_aimet(bd_export *job, bd_error *err) {
  cJSON *root = encodings_of(job->plan);
  bd_page page = {0};
  bd_page_json(&page, root);
  cJSON_Delete(root);
  bd_status status = bd_export_page(job, &page, verify, err);
  if (status == BD_OK) bd_report_note(job->report, "they are of the weights of --format fake");
  return status;
}
