// What a format makes of each layer, before it is written.
#include "core/export/job.h"
#include "core/model/proto.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bd_version *version_of(const bd_export_plan *plan) {
  return &plan->format->versions[plan->version];
}

// The least width of the version that is at least so many bits; 0 none.
static int width_from(const bd_version *version, int bits) {
  for (; bits <= 16; bits++)
    if (version->widths & BD_WIDTH(bits)) return bits;
  return 0;
}

static int widest(const bd_version *version) {
  int width = 16;
  while (width > 0 && !(version->widths & BD_WIDTH(width)))
    width--;
  return width;
}

// Integers go into the least width that holds them, with a zero point only where that saves bits.
static void fit_integers(const bd_export_plan *plan, const bd_setting *setting, bd_fit *fit) {
  const bd_version *version = version_of(plan);
  int width = bd_integers_width(fit->integers), zero;
  if (width < setting->bits && fit->integers->exact) width = setting->bits;
  if (fit->integers->bipolar && version->widths & BD_WIDTH(1)) width = 1;
  fit->width = width_from(version, width);
  int least = width_from(version, setting->bits);
  if (!(plan->format->holds & BD_HOLDS_ZERO_POINTS) || !fit->integers->exact) return;
  if (!least || (fit->width && fit->width <= least)) return;
  if (!bd_integers_zero_point(fit->integers, least, &zero)) return;
  fit->width = least;
  fit->zero_point = true;
}

static int levels_of(const bd_coded *coded) {
  int most = 0;
  for (size_t part = 0; part < coded->parts.count; part++)
    most = coded->books[part].count > most ? coded->books[part].count : most;
  return most;
}

// Bits that tell so many levels apart.
static int bits_for(int levels) {
  int bits = 1;
  while (1 << bits < levels)
    bits++;
  return bits;
}

// --- what it costs -------------------------------------------------------------------------------

static double packed_bytes(const bd_export_plan *plan, int layer) {
  const bd_tuned_layer *tuned = &plan->tuned->layers[layer];
  const bd_fit *fit = &plan->fits[layer];
  double n = (double)bd_model_layer(plan->tuned->model, layer)->weights;
  if (!tuned->coded || plan->format->holds & BD_HOLDS_FLOATS) return 4 * n;
  if (fit->width == BD_BITS_FLOAT) return 4 * n;
  double codes = ceil(n * fit->width / 8);
  if (fit->integers) return codes + (fit->zero_point ? 5 : 4) * (double)fit->integers->parts.count;
  double scales = tuned->coded->scale ? 4 * (double)tuned->coded->parts.axes.channels : 0;
  return codes + 4 * (double)bd_coded_levels(tuned->coded) + scales;
}

double bd_fit_value(const bd_export_plan *plan, int layer, size_t place) {
  const bd_integers *integers = plan->fits[layer].integers;
  double value = integers
                     ? (double)(float)bd_integers_step(integers, place) * integers->codes[place]
                     : bd_coded_value(plan->tuned->layers[layer].coded, place);
  return bd_dtype_round(bd_model_layer(plan->tuned->model, layer)->type, (double)(float)value);
}

static bd_status measure(const bd_export_plan *plan, bd_loss *loss, bd_error *err) {
  const bd_tuned_layer *tuned = &plan->tuned->layers[loss->layer];
  const bd_fit *fit = &plan->fits[loss->layer];
  loss->bytes_before = tuned->bytes;
  loss->bytes_after = packed_bytes(plan, loss->layer);
  loss->sqnr_before = loss->sqnr_after = bd_sqnr_db(tuned->energy, tuned->sse);
  if (!fit->integers || fit->integers->exact) return BD_OK;
  bd_weights weights;
  BD_TRY(bd_model_weights(plan->tuned->model, loss->layer, &weights, err));
  double sse = 0;
  for (size_t i = 0; i < weights.count; i++) {
    double off = (double)weights.data[i] - bd_fit_value(plan, loss->layer, i);
    sse += off * off;
  }
  bd_weights_free(&weights);
  loss->sqnr_after = bd_sqnr_db(tuned->energy, sse);
  return BD_OK;
}

static bool has_mask(const bd_setting *setting) {
  return setting->zero == BD_MASK && setting->bits < BD_BITS_FLOAT;
}

static bool has_groups(const bd_coded *coded) {
  return coded->parts.count > 1 && coded->parts.count != coded->parts.axes.channels;
}

static void describe_values(const bd_export_plan *plan, int layer, const char *unit,
                            bd_loss *loss) {
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  if (plan->format->holds & BD_HOLDS_RANGES) {
    snprintf(loss->what, sizeof loss->what, "levels of its own");
    snprintf(loss->instead, sizeof loss->instead, "%s between each channel's extremes", unit);
  } else if (has_groups(coded) && !(plan->format->holds & BD_HOLDS_GROUPS)) {
    snprintf(loss->what, sizeof loss->what, "groups of %zu weights", coded->parts.group);
    snprintf(loss->instead, sizeof loss->instead, "one even grid a channel, %s", unit);
  } else {
    if (coded->setting.method == BD_KMEANS)
      snprintf(loss->what, sizeof loss->what, "a codebook of %d levels", levels_of(coded));
    else
      snprintf(loss->what, sizeof loss->what, "%d bits with these zero points",
               coded->setting.bits);
    snprintf(loss->instead, sizeof loss->instead, "the nearest levels of an even grid, %s", unit);
  }
}

static void describe_width(const bd_export_plan *plan, int layer, const char *unit, bool masked,
                           bd_loss *loss) {
  const bd_setting *setting = &plan->tuned->layers[layer].coded->setting;
  bool shifted = setting->grid == BD_AFFINE && setting->method != BD_KMEANS &&
                 !plan->fits[layer].zero_point && plan->fits[layer].integers;
  snprintf(loss->what, sizeof loss->what, "%d bits%s%s", setting->bits,
           shifted ? " with a zero point" : "", masked ? " and a mask of zeros" : "");
  snprintf(loss->instead, sizeof loss->instead, "%s", unit);
}

// What is lost of a layer's weights; false where nothing is.
static bool describe_weights(const bd_export_plan *plan, int layer, bd_loss *loss) {
  const bd_setting *setting = &plan->tuned->layers[layer].coded->setting;
  const bd_fit *fit = &plan->fits[layer];
  char unit[64];
  if (plan->format->holds & BD_HOLDS_FLOATS) return false;
  bool masked = setting->zero == BD_MASK && !(plan->format->holds & BD_HOLDS_MASKS);
  snprintf(unit, sizeof unit, version_of(plan)->unit, fit->width);
  if (fit->width == BD_BITS_FLOAT) {
    bool bare = !bd_model_layer_proto(plan->tuned->model, layer);
    snprintf(loss->what, sizeof loss->what, "%s",
             bare                                      ? "bare numbers of a Constant node"
             : plan->tuned->layers[layer].coded->scale ? "a scale for each channel"
                                                       : "more than 256 values");
    snprintf(loss->instead, sizeof loss->instead, "the same as float32");
  } else if (fit->integers && !fit->integers->exact) {
    describe_values(plan, layer, unit, loss);
  } else if (fit->width != setting->bits) {
    describe_width(plan, layer, unit, masked, loss);
  } else if (masked) {
    snprintf(loss->what, sizeof loss->what, "a mask of zeros");
    snprintf(loss->instead, sizeof loss->instead, "zeros are levels: %s", unit);
  } else {
    return false;
  }
  return true;
}

static void append(char *text, size_t size, const char *more) {
  size_t used = strlen(text);
  snprintf(text + used, size - used, "%s%s", used ? ", and " : "", more);
}

// What is lost of a layer; false where nothing is.
static bool describe(const bd_export_plan *plan, int layer, bd_loss *loss) {
  *loss = (bd_loss){.layer = layer};
  bool lost = describe_weights(plan, layer, loss);
  if (!plan->tuned->layers[layer].coded->shift || plan->format->holds & BD_HOLDS_BIASES)
    return lost;
  append(loss->what, sizeof loss->what, "the bias that repair changes");
  append(loss->instead, sizeof loss->instead, "it goes with the network of `fake`");
  return true;
}

// --- the plan ------------------------------------------------------------------------------------

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

// Distinct values of a whole tensor, whose parts may share some.
static bd_status count_values(const bd_coded *coded, size_t *out, bd_error *err) {
  size_t count = bd_coded_levels(coded);
  double *sorted = malloc((count + 1) * sizeof *sorted);
  if (!sorted) return bd_fail_memory(err, "the levels of a layer");
  memcpy(sorted, coded->levels, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, compare);
  *out = 0;
  for (size_t i = 0; i < count; i++)
    *out += i == 0 || sorted[i] != sorted[i - 1];
  free(sorted);
  return BD_OK;
}

static bd_status fit_codes(const bd_export_plan *plan, int layer, bd_error *err) {
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  size_t values = (size_t)levels_of(coded);
  if (plan->format->holds & BD_HOLDS_DISTINCT) BD_TRY(count_values(coded, &values, err));
  if (plan->format->holds & BD_HOLDS_DISTINCT && (values > 256 || coded->scale)) return BD_OK;
  int bits = bits_for((int)values);
  int held = width_from(version_of(plan), bits > coded->setting.bits ? bits : coded->setting.bits);
  plan->fits[layer].width = held ? held : bits;
  return BD_OK;
}

// On the format's own grid of so many bits: the nearest levels.
static bd_status fit_range(const bd_export_plan *plan, int layer, int width, bd_error *err) {
  bd_fit *fit = &plan->fits[layer];
  *fit = (bd_fit){.width = width};
  return bd_integers_of_ranges(plan->tuned->layers[layer].coded, width, &fit->integers, err);
}

// As integers, where the layer is on an even grid; one bit of ±step is a codebook of two.
static bd_status fit_grid(const bd_export_plan *plan, int layer, bd_error *err) {
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  bd_fit *fit = &plan->fits[layer];
  BD_TRY(bd_integers_of(coded, &fit->integers, err));
  fit_integers(plan, &coded->setting, fit);
  bool held = fit->integers->exact && fit->width && fit->width != 1;
  bool books = plan->format->holds & BD_HOLDS_CODEBOOKS;
  if (held || (!books && fit->width)) return BD_OK;
  bd_integers_free(fit->integers);
  if (!books) return fit_range(plan, layer, widest(version_of(plan)), err);
  *fit = (bd_fit){.width = BD_BITS_FLOAT};
  return fit_codes(plan, layer, err);
}

static bd_status fit_layer(bd_export_plan *plan, int layer, bd_error *err) {
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  unsigned holds = plan->format->holds;
  bd_fit *fit = &plan->fits[layer];
  fit->width = BD_BITS_FLOAT;
  if (!coded || holds & BD_HOLDS_FLOATS) return BD_OK;
  if (!bd_model_layer_proto(plan->tuned->model, layer)) return BD_OK; // bare numbers
  if (holds & BD_HOLDS_CODEBOOKS && !(holds & BD_HOLDS_INTEGERS))
    return fit_codes(plan, layer, err);
  bool ranges = holds & BD_HOLDS_RANGES;
  if (!ranges && (!has_groups(coded) || holds & BD_HOLDS_GROUPS)) return fit_grid(plan, layer, err);
  int width = ranges ? width_from(version_of(plan), coded->setting.bits) : 0;
  return fit_range(plan, layer, width ? width : widest(version_of(plan)), err);
}

static bd_status add_layer(bd_export_plan *plan, int layer, bd_error *err) {
  if (plan->tuned->layers[layer].refused) return BD_OK;
  BD_TRY(fit_layer(plan, layer, err));
  plan->bytes += packed_bytes(plan, layer);
  bd_loss *loss = &plan->losses[plan->loss_count];
  if (!plan->tuned->layers[layer].coded || !describe(plan, layer, loss)) return BD_OK;
  plan->loss_count++;
  return measure(plan, loss, err);
}

bd_status bd_export_plan_of(const bd_tuned *tuned, const bd_format *format, int version,
                            bd_export_plan *out, bd_error *err) {
  *out = (bd_export_plan){.tuned = tuned, .format = format, .version = version};
  out->fits = calloc((size_t)tuned->count + 1, sizeof *out->fits);
  out->losses = calloc((size_t)tuned->count + 1, sizeof *out->losses);
  bd_status status = out->fits && out->losses ? BD_OK : bd_fail_memory(err, "the export");
  for (int i = 0; i < tuned->count && status == BD_OK; i++)
    status = add_layer(out, i, err);
  if (status != BD_OK) bd_export_plan_free(out);
  return status;
}

void bd_export_plan_free(bd_export_plan *plan) {
  for (int i = 0; plan->fits && i < plan->tuned->count; i++)
    bd_integers_free(plan->fits[i].integers);
  free(plan->fits);
  free(plan->losses);
  *plan = (bd_export_plan){0};
}

// --- at the dial ---------------------------------------------------------------------------------

// The width that a layer with this setting will want, before it is quantized.
static int width_wanted(const bd_format *format, const bd_setting *setting) {
  bool codebook = setting->method == BD_KMEANS;
  int bits = setting->bits;
  if (format->holds & BD_HOLDS_CODEBOOKS) return bits;
  if (codebook) return 8;
  if (setting->grid == BD_AFFINE && !(format->holds & BD_HOLDS_ZERO_POINTS)) return bits + 1;
  return bits;
}

bool bd_format_warns(const bd_format *format, int version, const bd_setting *setting, char *out,
                     size_t size) {
  out[0] = '\0';
  if (setting->bits == BD_BITS_FLOAT || format->holds & BD_HOLDS_FLOATS) return false;
  const bd_version *held = &format->versions[version];
  bool codebook = setting->method == BD_KMEANS && !(format->holds & BD_HOLDS_CODEBOOKS);
  int width = width_from(held, width_wanted(format, setting));
  char unit[64];
  snprintf(unit, sizeof unit, held->unit, width ? width : widest(held));
  if (codebook)
    snprintf(out, size, "a codebook does not fit %s: %s", format->name, unit);
  else if (width != setting->bits)
    snprintf(out, size, "%d bits%s do not fit %s: %s", setting->bits,
             setting->grid == BD_AFFINE ? " with a zero point" : "", format->name, unit);
  else if (has_mask(setting) && !(format->holds & BD_HOLDS_MASKS))
    snprintf(out, size, "a mask does not fit %s: zeros are levels", format->name);
  return *out != '\0';
}
