// How data are made ready for an input, as the command line says it.
#include "core/engine/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bd_transform bd_transform_none(void) {
  return (bd_transform){.scale = 1};
}

bd_status bd_transform_named(const char *name, bd_transform *out, bd_error *err) {
  *out = bd_transform_none();
  if (strcmp(name, "none") == 0) return BD_OK;
  out->scale = 1 / 255.0;
  if (strcmp(name, "unit") == 0) return BD_OK;
  if (strcmp(name, "imagenet") != 0)
    return bd_fail(err, BD_INVALID, "%s: takes none, unit or imagenet", name);
  static const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  memcpy(out->mean, mean, sizeof mean);
  memcpy(out->deviation, deviation, sizeof deviation);
  out->mean_count = out->deviation_count = 3;
  return BD_OK;
}

bd_status bd_transform_list(const char *text, double *out, int *count, bd_error *err) {
  *count = 0;
  for (const char *at = text;; at++) {
    char *end;
    double value = strtod(at, &end);
    if (end == at || !isfinite(value) || *count == BD_CHANNELS_MAX || (*end && *end != ','))
      return bd_fail(err, BD_INVALID, "%s: takes numbers with commas between, at most %d", text,
                     BD_CHANNELS_MAX);
    out[(*count)++] = value;
    at = end;
    if (!*at) return BD_OK;
  }
}
