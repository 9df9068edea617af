#include "core/study/points.h"

#include <stdlib.h>
#include <string.h>

bd_varied bd_varied_default(void) {
  bd_varied axes = {.width_count = BD_BITS_MAX - 1};
  for (int i = 0; i < axes.width_count; i++)
    axes.widths[i] = i + 2;
  return axes;
}

// --- lists as text -------------------------------------------------------------------------------

static int by_number(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

// Values of one field, separated by commas, into rising order without repetition.
static bd_status read_list(const char *text, int field, int most, double *out, int *count,
                           bd_error *err) {
  char *copy = strdup(text), *rest = copy;
  if (!copy) return bd_fail_memory(err, text);
  bd_status status = BD_OK;
  *count = 0;
  for (char *word; status == BD_OK && (word = strsep(&rest, ","));) {
    bd_setting setting = bd_setting_default();
    status = bd_setting_set(&setting, field, word, err);
    double value = field == BD_FIELD_BITS ? setting.bits : setting.prune;
    bool known = false;
    for (int i = 0; i < *count; i++)
      known |= out[i] == value;
    if (status != BD_OK || known) continue;
    if (*count == most)
      status = bd_fail(err, BD_INVALID, "%s: takes at most %d values", text, most);
    else
      out[(*count)++] = value;
  }
  free(copy);
  qsort(out, (size_t)*count, sizeof *out, by_number);
  return status;
}

bd_status bd_varied_widths(bd_varied *axes, const char *text, bd_error *err) {
  double values[BD_WIDTHS_MAX];
  BD_TRY(read_list(text, BD_FIELD_BITS, BD_WIDTHS_MAX, values, &axes->width_count, err));
  for (int i = 0; i < axes->width_count; i++)
    axes->widths[i] = (int)values[i];
  return BD_OK;
}

bd_status bd_varied_prunes(bd_varied *axes, const char *text, bd_error *err) {
  return read_list(text, BD_FIELD_PRUNE, BD_PRUNES_MAX, axes->prunes, &axes->prune_count, err);
}

// --- points --------------------------------------------------------------------------------------

static void add(bd_points *points, int layer, bd_setting setting) {
  points->list[points->count++] = (bd_point){.layer = layer, .setting = setting};
}

bd_status bd_points_make(const bd_layer_study *studies, const bd_setting *settings,
                         const bool *held, int layers, const bd_varied *axes, bd_points *out,
                         bd_error *err) {
  size_t each = (size_t)axes->width_count * (size_t)(axes->prune_count ? axes->prune_count : 1);
  *out = (bd_points){calloc((size_t)layers * (each + 1) + 1, sizeof(bd_point)), 0};
  if (!out->list) return bd_fail_memory(err, "the points");
  for (int layer = 0; layer < layers; layer++) {
    bd_setting setting = settings[layer];
    if (!studies[layer].index) continue;
    if (held && held[layer]) {
      add(out, layer, setting);
      continue;
    }
    for (int p = 0; p == 0 || p < axes->prune_count; p++)
      for (int w = 0; w < axes->width_count; w++) {
        if (axes->prune_count) setting.prune = axes->prunes[p];
        setting.bits = axes->widths[w];
        add(out, layer, setting);
      }
  }
  return BD_OK;
}

void bd_points_free(bd_points *points) {
  for (int i = 0; i < points->count; i++) {
    bd_result_free(points->list[i].result);
    bd_coded_free(points->list[i].coded);
  }
  free(points->list);
  *points = (bd_points){0};
}

double bd_relative_sse(const bd_result *result, const bd_stats *stats) {
  return result->sse > 0 ? result->sse / stats->energy : 0;
}

typedef struct order {
  bd_points *points;
  const bd_layer_study *studies;
} order;

static bd_status quantize_point(void *arg, int index, const bd_cancel *cancel, bd_error *err) {
  const order *o = arg;
  bd_point *point = &o->points->list[index];
  return bd_quantize(o->studies[point->layer].index, &point->setting,
                     bd_effort_for(&point->setting), cancel, &point->result, err);
}

bd_status bd_points_quantize(bd_points *points, const bd_layer_study *studies, bd_pool *pool,
                             const bd_cancel *cancel, bd_progress progress, void *arg,
                             bd_error *err) {
  order o = {points, studies};
  return bd_study_each(points->count, quantize_point, &o, pool, cancel, progress, arg, err);
}

// --- allocation ----------------------------------------------------------------------------------

// The points of each layer as a menu; first[k]: the first point of menu k.
static int make_menus(const bd_points *points, const bd_candidate *candidates, bd_menu *menus,
                      int *first) {
  int count = 0;
  for (int i = 0; i < points->count; i++) {
    bool fresh = i == 0 || points->list[i].layer != points->list[i - 1].layer;
    if (fresh) {
      first[count] = i;
      menus[count++] = (bd_menu){&candidates[i], 0};
    }
    menus[count - 1].count++;
  }
  return count;
}

bd_status bd_points_allocate(const bd_points *points, const double *costs, bd_budget budget,
                             const bd_cancel *cancel, int *chosen, int *count, bd_allocation *out,
                             bd_error *err) {
  size_t room = (size_t)points->count + 1;
  bd_candidate *candidates = calloc(room, sizeof *candidates);
  bd_menu *menus = calloc(room, sizeof *menus);
  int *first = calloc(room, sizeof *first);
  bd_status status = candidates && menus && first ? BD_OK : bd_fail_memory(err, "the allocation");
  if (status == BD_OK) {
    for (int i = 0; i < points->count; i++)
      candidates[i] = (bd_candidate){points->list[i].result->bytes, costs[i]};
    *count = make_menus(points, candidates, menus, first);
    status = bd_allocate(menus, *count, budget, cancel, chosen, out, err);
    for (int k = 0; k < *count && status == BD_OK; k++)
      chosen[k] += first[k];
  }
  free(candidates);
  free(menus);
  free(first);
  return status;
}
