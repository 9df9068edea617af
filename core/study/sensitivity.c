#include "core/study/sensitivity.h"

#include "core/study/data_hash.h"
#include "core/study/importance.h"
#include "core/study/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- a fresh one ---------------------------------------------------------------------------------

static bd_status add_layer(bd_sensitivity *s, const bd_sweep_parts *parts, int layer,
                           const bd_setting *setting, bd_error *err) {
  bd_layer_effects *row = &s->layers[s->count++];
  const bd_points *points = parts->points;
  row->setting = *setting;
  row->tensor = strdup(bd_model_layer(parts->model, layer)->tensor);
  row->effects = calloc((size_t)points->count + 1, sizeof *row->effects);
  if (!row->tensor || !row->effects) return bd_fail_memory(err, "the sweep");
  const bd_stats *stats = bd_index_stats(parts->studies[layer].index);
  for (int i = 0; i < points->count; i++) {
    const bd_point *point = &points->list[i];
    if (point->layer != layer) continue;
    row->effects[row->count++] = (bd_effect){.bits = point->setting.bits,
                                             .prune = point->setting.prune,
                                             .relative_sse = bd_relative_sse(point->result, stats)};
  }
  return BD_OK;
}

static bd_status fill(bd_sensitivity *s, const bd_sweep_parts *parts, const bd_setting *settings,
                      int threads, const bd_cancel *cancel, bd_error *err) {
  int layers = bd_model_layer_count(parts->model);
  s->wanted = bd_data_samples(parts->data);
  s->file = strdup(bd_model_about(parts->model)->file);
  s->layers = calloc((size_t)layers + 1, sizeof *s->layers);
  if (!s->file || !s->layers) return bd_fail_memory(err, "the sweep");
  BD_TRY(bd_model_sha256(parts->model, s->model_sha256, err));
  bd_importance_sha256(parts->model, s->importance);
  BD_TRY(bd_data_hash(parts->data, parts->labels, threads, cancel, s->data_sha256, err));
  for (int i = 0; i < layers; i++)
    if (parts->studies[i].index) BD_TRY(add_layer(s, parts, i, &settings[i], err));
  bd_sensitivity_close(s);
  return BD_OK;
}

bd_status bd_sensitivity_new(const bd_sweep_parts *parts, const bd_setting *settings, int threads,
                             const bd_cancel *cancel, bd_sensitivity *out, bd_error *err) {
  *out = (bd_sensitivity){0};
  bd_status status = fill(out, parts, settings, threads, cancel, err);
  if (status != BD_OK) bd_sensitivity_free(out);
  return status;
}

void bd_sensitivity_free(bd_sensitivity *s) {
  for (int k = 0; k < s->count; k++) {
    free(s->layers[k].tensor);
    free(s->layers[k].effects);
  }
  free(s->layers);
  free(s->file);
  *s = (bd_sensitivity){0};
}

static void close_effect(bd_effect *effect) {
  const bd_effect_sums *sums = &effect->sums;
  effect->kl = bd_mean_value(&sums->kl);
  effect->kl_error = bd_mean_error(&sums->kl);
  effect->top1 = bd_mean_value(&sums->top1);
  effect->top1_error = bd_mean_error(&sums->top1);
  effect->output_sqnr_db = bd_decibel(sums->signal, sums->noise);
  effect->local_sqnr_db = bd_decibel(sums->local_signal, sums->local_noise);
}

void bd_sensitivity_close(bd_sensitivity *s) {
  s->float_top1 = bd_mean_value(&s->top1);
  s->float_top1_error = bd_mean_error(&s->top1);
  for (int k = 0; k < s->count; k++)
    for (int i = 0; i < s->layers[k].count; i++)
      close_effect(&s->layers[k].effects[i]);
}

// --- does it fit ---------------------------------------------------------------------------------

static const bd_layer_effects *find_layer(const bd_sensitivity *s, const char *tensor) {
  for (int k = 0; k < s->count; k++)
    if (strcmp(s->layers[k].tensor, tensor) == 0) return &s->layers[k];
  return NULL;
}

const bd_effect *bd_sensitivity_find(const bd_sensitivity *s, const char *tensor, int bits,
                                     double prune) {
  const bd_layer_effects *row = find_layer(s, tensor);
  for (int i = 0; row && i < row->count; i++)
    if (row->effects[i].bits == bits && row->effects[i].prune == prune) return &row->effects[i];
  return NULL;
}

// The first field, bits and prune ratio apart, in which two settings differ; -1: none.
static int differing_field(const bd_setting *a, const bd_setting *b, char x[64], char y[64]) {
  for (int field = 0; field < BD_FIELD_COUNT; field++) {
    if (field == BD_FIELD_BITS || field == BD_FIELD_PRUNE) continue;
    if (strcmp(bd_setting_get(a, field, x, 64), bd_setting_get(b, field, y, 64)) != 0) return field;
  }
  return -1;
}

static bd_status same_setting(const bd_layer_effects *row, const char *path,
                              const bd_setting *wanted, bd_error *err) {
  char swept[64], said[64];
  int field = differing_field(&row->setting, wanted, swept, said);
  if (field < 0) return BD_OK;
  const char *name = bd_setting_field(field)->name;
  return bd_fail(err, BD_INVALID,
                 "%s: layer %.80s was swept with %s %s, the settings say %s: sweep again, or give "
                 "--%s %s",
                 path, row->tensor, name, swept, said, name, swept);
}

bd_status bd_sensitivity_fits(const bd_sensitivity *s, const char *path, const bd_model *model,
                              const bd_setting *settings, bd_error *err) {
  char own[65];
  BD_TRY(bd_model_sha256(model, own, err));
  if (strcmp(own, s->model_sha256) != 0)
    return bd_fail(err, BD_INVALID,
                   "%s: was swept on another model or an earlier state of it (%.80s, sha256 "
                   "%.12s…, this one %.12s…): sweep again",
                   path, s->file, s->model_sha256, own);
  if (s->shards)
    return bd_fail(err, BD_INVALID, "%s: is shard %d of %d: put them together with `bitdial merge`",
                   path, s->shard, s->shards);
  BD_TRY(bd_importance_same(model, s->importance, path, err));
  for (int i = 0; i < bd_model_layer_count(model); i++) {
    const bd_layer_effects *row = find_layer(s, bd_model_layer(model, i)->tensor);
    if (row) BD_TRY(same_setting(row, path, &settings[i], err));
  }
  return BD_OK;
}

// --- going on ------------------------------------------------------------------------------------

static bd_status differs(const char *path, const char *what, bd_error *err) {
  return bd_fail(err, BD_INVALID,
                 "%s: is of a sweep with %s: give the same options, or another file with -o", path,
                 what);
}

// The same sweep, whatever its shard and how far it is?
static bd_status same_sweep(const bd_sensitivity *a, const bd_sensitivity *b, const char *path,
                            bd_error *err) {
  if (strcmp(a->model_sha256, b->model_sha256) != 0) return differs(path, "another model", err);
  if (a->wanted != b->wanted) return differs(path, "another number of samples", err);
  if (strcmp(a->importance, b->importance) != 0) return differs(path, "another --importance", err);
  if (strcmp(a->recover, b->recover) != 0) return differs(path, "another --recover", err);
  if (strcmp(a->calibration, b->calibration) != 0)
    return differs(path, "other calibration data", err);
  if (strcmp(a->data_sha256, b->data_sha256) != 0)
    return differs(path, "other data or labels", err);
  if (a->count != b->count) return differs(path, "other layers", err);
  for (int k = 0; k < a->count; k++) {
    char x[64], y[64], what[160];
    if (strcmp(a->layers[k].tensor, b->layers[k].tensor) != 0)
      return differs(path, "other layers", err);
    int field = differing_field(&a->layers[k].setting, &b->layers[k].setting, x, y);
    if (field < 0) continue;
    snprintf(what, sizeof what, "%s %s, not %s", bd_setting_field(field)->name, y, x);
    return differs(path, what, err);
  }
  return BD_OK;
}

static bool same_points(const bd_layer_effects *a, const bd_layer_effects *b) {
  if (a->count != b->count) return false;
  for (int i = 0; i < a->count; i++)
    if (a->effects[i].bits != b->effects[i].bits || a->effects[i].prune != b->effects[i].prune)
      return false;
  return true;
}

bd_status bd_sensitivity_resume(bd_sensitivity *fresh, const bd_sensitivity *earlier,
                                const char *path, bd_error *err) {
  BD_TRY(same_sweep(fresh, earlier, path, err));
  if (fresh->shard != earlier->shard || fresh->shards != earlier->shards)
    return differs(path, "another --shard", err);
  for (int k = 0; k < fresh->count; k++)
    if (!same_points(&fresh->layers[k], &earlier->layers[k]))
      return differs(path, "other --widths or --prunes", err);
  fresh->samples = earlier->samples;
  fresh->top1 = earlier->top1;
  fresh->float_top1 = earlier->float_top1;
  fresh->float_top1_error = earlier->float_top1_error;
  for (int k = 0; k < fresh->count; k++)
    memcpy(fresh->layers[k].effects, earlier->layers[k].effects,
           (size_t)fresh->layers[k].count * sizeof *fresh->layers[k].effects);
  return BD_OK;
}

// --- putting shards together ---------------------------------------------------------------------

static int by_prune_and_bits(const void *a, const void *b) {
  const bd_effect *x = a, *y = b;
  if (x->prune != y->prune) return x->prune < y->prune ? -1 : 1;
  return x->bits - y->bits;
}

static bd_status join_layer(const bd_sensitivity *parts, int count, int k, bd_layer_effects *out,
                            bd_error *err) {
  size_t total = 0;
  for (int i = 0; i < count; i++)
    total += (size_t)parts[i].layers[k].count;
  *out = (bd_layer_effects){.setting = parts[0].layers[k].setting};
  out->tensor = strdup(parts[0].layers[k].tensor);
  out->effects = calloc(total + 1, sizeof *out->effects);
  if (!out->tensor || !out->effects) return bd_fail_memory(err, "the merged sweep");
  for (int i = 0; i < count; i++) {
    const bd_layer_effects *row = &parts[i].layers[k];
    memcpy(&out->effects[out->count], row->effects, (size_t)row->count * sizeof *row->effects);
    out->count += row->count;
  }
  qsort(out->effects, total, sizeof *out->effects, by_prune_and_bits);
  for (int i = 1; i < out->count; i++)
    if (by_prune_and_bits(&out->effects[i - 1], &out->effects[i]) == 0)
      return bd_fail(err, BD_INVALID, "layer %.80s at %d bits and prune %g is in two of the files",
                     out->tensor, out->effects[i].bits, out->effects[i].prune);
  return BD_OK;
}

// Shards of one division, each once; or sweeps that are whole in themselves.
static bd_status check_shards(const bd_sensitivity *parts, const char *const *paths, int count,
                              bd_error *err) {
  int shards = parts[0].shards;
  for (int i = 0; i < count; i++) {
    if (parts[i].samples < parts[i].wanted)
      return bd_fail(err, BD_INVALID,
                     "%s: has %lld of %lld samples: finish it first, `bitdial sweep … --resume`",
                     paths[i], (long long)parts[i].samples, (long long)parts[i].wanted);
    if (parts[i].shards != shards)
      return bd_fail(err, BD_INVALID, "%s: is shard %d of %d, %s is %d of %d", paths[i],
                     parts[i].shard, parts[i].shards, paths[0], parts[0].shard, shards);
  }
  for (int shard = 1; shard <= shards; shard++) {
    bool there = false;
    for (int i = 0; i < count; i++)
      there |= parts[i].shard == shard;
    if (!there)
      return bd_fail(err, BD_INVALID, "shard %d of %d is missing: name all of them", shard, shards);
  }
  return BD_OK;
}

static bd_status join(const bd_sensitivity *parts, const char *const *paths, int count,
                      bd_sensitivity *out, bd_error *err) {
  for (int i = 1; i < count; i++)
    BD_TRY(same_sweep(&parts[0], &parts[i], paths[i], err));
  BD_TRY(check_shards(parts, paths, count, err));
  *out = parts[0];
  out->shard = out->shards = out->count = 0;
  out->file = strdup(parts[0].file);
  out->layers = calloc((size_t)parts[0].count + 1, sizeof *out->layers);
  if (!out->file || !out->layers) return bd_fail_memory(err, "the merged sweep");
  while (out->count < parts[0].count) {
    int k = out->count++;
    BD_TRY(join_layer(parts, count, k, &out->layers[k], err));
  }
  return BD_OK;
}

bd_status bd_sensitivity_merge(const bd_sensitivity *parts, const char *const *paths, int count,
                               bd_sensitivity *out, bd_error *err) {
  *out = (bd_sensitivity){0};
  bd_status status = join(parts, paths, count, out, err);
  if (status != BD_OK) bd_sensitivity_free(out);
  return status;
}
