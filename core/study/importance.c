#include "core/study/importance.h"

#include "core/base/file.h"
#include "core/engine/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Finite, from 0 on, and not 0 throughout.
static bd_status check(const char *path, const char *name, const float *values, size_t count,
                       bd_error *err) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (!(values[i] >= 0 && isfinite(values[i])))
      return bd_fail(err, BD_INVALID, "%s: %s: importance %zu is %g: use finite ones from 0 on",
                     path, name, i, (double)values[i]);
    sum += (double)values[i];
  }
  if (sum > 0) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s: %s: all importance is 0: nothing counts", path, name);
}

static bd_status give(bd_model *model, int layer, const char *path, const bd_tensor *tensor,
                      bd_error *err) {
  const bd_layer *about = bd_model_layer(model, layer);
  if (about->refused)
    return bd_fail(err, BD_INVALID, "%s: %s is not quantized: %s", path, about->tensor,
                   about->refused);
  if (tensor->count != about->weights)
    return bd_fail(err, BD_INVALID, "%s: %s has %lld weights, not %lld: give one value for each",
                   path, about->tensor, (long long)about->weights, (long long)tensor->count);
  size_t count = (size_t)tensor->count;
  float *values = malloc(count * sizeof *values);
  if (!values) return bd_fail_memory(err, path);
  bd_convert(tensor->type, tensor->data, BD_TYPE_FLOAT, values, tensor->count);
  bd_status status = check(path, about->tensor, values, count, err);
  if (status == BD_OK)
    bd_model_set_importance(model, layer, values);
  else
    free(values);
  return status;
}

// The layer that has an importance of no name; -1: it could be several.
static int only_layer(const bd_model *model) {
  int found = -1;
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    if (bd_model_layer(model, i)->refused) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

static bd_status give_array(bd_model *model, const char *path, const bd_array *array,
                            bd_error *err) {
  bool named = *array->name != '\0';
  int layer = named ? bd_model_find(model, array->name) : only_layer(model);
  if (layer >= 0) return give(model, layer, path, &array->tensor, err);
  if (!named)
    return bd_fail(err, BD_INVALID,
                   "%s: the model has not one layer alone: give a .npz with an array for each",
                   path);
  int nearest = bd_model_nearest(model, array->name);
  return bd_fail(err, BD_INVALID, "%s: no layer is named %.100s%s%s", path, array->name,
                 nearest >= 0 ? ", the nearest is " : "",
                 nearest >= 0 ? bd_model_layer(model, nearest)->tensor : "");
}

bd_status bd_importance_load(bd_model *model, const char *path, bd_error *err) {
  bd_arrays arrays;
  BD_TRY(bd_arrays_read(path, &arrays, err));
  bd_status status = BD_OK;
  for (int i = 0; i < arrays.count && status == BD_OK; i++)
    status = give_array(model, path, &arrays.items[i], err);
  bd_arrays_free(&arrays);
  return status;
}

void bd_importance_sha256(const bd_model *model, char out[65]) {
  char chain[65 + 64 + 12]; // what came before, the layer, its values
  *out = '\0';
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    const float *values = bd_model_importance(model, i);
    if (!values) continue;
    char own[65];
    bd_sha256(values, (size_t)bd_model_layer(model, i)->weights * sizeof *values, own);
    int length = snprintf(chain, sizeof chain, "%s%d:%s", out, i, own);
    bd_sha256(chain, (size_t)length, out);
  }
}

bd_status bd_importance_same(const bd_model *model, const char *sha256, const char *path,
                             bd_error *err) {
  char own[65];
  bd_importance_sha256(model, own);
  if (strcmp(own, sha256) == 0) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s: was made %s: %s", path,
                 !*sha256 ? "without --importance"
                 : *own   ? "with the importance of another file"
                          : "with --importance",
                 !*sha256 ? "leave that out, or make it anew"
                          : "give the same file with --importance");
}
