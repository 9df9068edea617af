// An ONNX export, read back.
#include "core/export/evaluate.h"
#include "core/export/onnx.h"
#include "core/model/decode.h"
#include "core/model/proto.h"
#include "core/model/scope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Where a layer is stored: the number of its graph (in the order of a walk, 0 the main one) and its
// name there.
typedef struct address {
  int graph;
  const char *name;
} address;

// Calls visit for every graph until it returns true.
typedef struct walk {
  bool (*visit)(struct walk *walk, const Onnx__GraphProto *graph, int number);
  const void *wanted;
  int number;
  address found;
  const Onnx__GraphProto *graph;
} walk;

static bool walk_graph(walk *w, const Onnx__GraphProto *graph) {
  if (w->visit(w, graph, w->number++)) return true;
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_attribute; k++) {
      const Onnx__AttributeProto *attribute = graph->node[i]->attribute[k];
      if (attribute->g && walk_graph(w, attribute->g)) return true;
      for (size_t g = 0; g < attribute->n_graphs; g++)
        if (walk_graph(w, attribute->graphs[g])) return true;
    }
  return false;
}

static bool holds(walk *w, const Onnx__GraphProto *graph, int number) {
  w->found.graph = number;
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (graph->initializer[i] == w->wanted) {
      w->found.name = bd_said(graph->initializer[i]->name);
      return true;
    }
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
      if (graph->node[i]->attribute[k]->t == w->wanted && graph->node[i]->n_output) {
        w->found.name = graph->node[i]->output[0];
        return true;
      }
  return false;
}

static bool is_number(walk *w, const Onnx__GraphProto *graph, int number) {
  w->graph = graph;
  return number == w->found.graph;
}

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

// Distinct values; sorts them.
static size_t count_distinct(double *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  size_t distinct = count > 0;
  for (size_t i = 1; i < count; i++)
    distinct += values[i] != values[i - 1];
  return distinct;
}

static bd_status compare_layer(const bd_export_plan *plan, int layer, bd_constant *got,
                               bd_error *err) {
  const bd_layer *shown = bd_model_layer(plan->tuned->model, layer);
  const bd_coded *coded = plan->tuned->layers[layer].coded;
  if (got->shape.count != shown->weights)
    return bd_fail(err, BD_FAILED, "%s: %lld values were read back, not %lld", shown->tensor,
                   (long long)got->shape.count, (long long)shown->weights);
  double largest = 0;
  for (size_t i = 0; i < coded->count; i++)
    largest = fmax(largest, fabs(got->values[i]));
  for (size_t i = 0; i < coded->count; i++) {
    double wanted = bd_fit_value(plan, layer, i);
    bool zero = bd_coded_value(coded, i) == 0;
    if (fabs(got->values[i] - wanted) <= 1e-6 * largest && (!zero || got->values[i] == 0)) continue;
    return bd_fail(err, BD_FAILED, "%s: weight %zu was read back as %g, not %g", shown->tensor, i,
                   got->values[i], wanted);
  }
  size_t levels = bd_coded_levels(coded);
  if (coded->scale) levels *= coded->parts.axes.channels;
  size_t distinct = count_distinct(got->values, coded->count);
  if (distinct <= levels) return BD_OK;
  return bd_fail(err, BD_FAILED, "%s: %zu distinct values were read back, not %zu", shown->tensor,
                 distinct, levels);
}

static bd_status verify_layer(const bd_export_plan *plan, int layer, const bd_model *written,
                              bd_error *err) {
  const bd_model *model = plan->tuned->model;
  const Onnx__TensorProto *tensor = bd_model_layer_proto(model, layer);
  if (!plan->tuned->layers[layer].coded || !tensor) return BD_OK;
  walk from = {.visit = holds, .wanted = tensor};
  if (!walk_graph(&from, bd_model_proto(model)->graph))
    return bd_fail(err, BD_FAILED, "%s: is not in the model", bd_model_layer(model, layer)->tensor);
  walk to = {.visit = is_number, .found = from.found};
  walk_graph(&to, bd_model_proto(written)->graph);
  bd_constant got;
  BD_TRY(bd_constant_of(to.graph, from.found.name, &got, err));
  bd_status status = compare_layer(plan, layer, &got, err);
  bd_constant_free(&got);
  return status;
}

// What ONNX's checker said, without the name of the file aside.
static void note_verdict(bd_report *report, const char *path, const char *said) {
  size_t length = strlen(path);
  if (strncmp(said, path, length) == 0 && said[length] == ':') said += length + 2;
  bd_report_note(report, "%s", said);
}

bd_status bd_onnx_verify(const bd_export_plan *plan, const char *path, bd_report *report,
                         bd_error *err) {
  bd_model *written;
  bd_error why;
  BD_TRY(bd_model_open(path, &written, err));
  bd_status status = BD_OK;
  for (int i = 0; i < plan->tuned->count && status == BD_OK; i++)
    status = verify_layer(plan, i, written, err);
  bd_status verdict = status == BD_OK ? bd_model_check(written, &why) : BD_OK;
  bool good = verdict == BD_INVALID && bd_model_check(plan->tuned->model, NULL) == BD_OK;
  if (good) status = bd_fail(err, BD_FAILED, "%s", why.text);
  if (verdict != BD_OK && !good) note_verdict(report, path, why.text);
  bd_model_close(written);
  return status;
}
