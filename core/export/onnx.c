#include "core/export/onnx.h"

#include "core/export/raise.h"
#include "core/export/rewrite.h"
#include "core/model/decode.h"
#include "core/model/external.h"
#include "core/model/making.h"
#include "core/model/scope.h"

#include <stdlib.h>
#include <string.h>

// --- the graphs ----------------------------------------------------------------------------------

static void take_names(bd_rewrite *r, const Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    bd_rewrite_reserve(r, bd_said(graph->initializer[i]->name));
  for (size_t i = 0; i < graph->n_input; i++)
    bd_rewrite_reserve(r, bd_said(graph->input[i]->name));
  for (size_t i = 0; i < graph->n_node; i++) {
    const Onnx__NodeProto *node = graph->node[i];
    bd_rewrite_reserve(r, bd_said(node->name));
    for (size_t k = 0; k < node->n_output; k++)
      bd_rewrite_reserve(r, bd_said(node->output[k]));
    for (size_t k = 0; k < node->n_attribute; k++) {
      const Onnx__AttributeProto *attribute = node->attribute[k];
      if (attribute->g) take_names(r, attribute->g);
      for (size_t g = 0; g < attribute->n_graphs; g++)
        take_names(r, attribute->graphs[g]);
    }
  }
}

static int by_message(const void *a, const void *b) {
  uintptr_t left = (uintptr_t)((const bd_place *)a)->message;
  uintptr_t right = (uintptr_t)((const bd_place *)b)->message;
  return (left > right) - (left < right);
}

static int layer_at(const bd_rewrite *r, const void *message) {
  bd_place wanted = {.message = message};
  const bd_place *found = bsearch(&wanted, r->places, r->place_count, sizeof wanted, by_message);
  return message && found ? found->layer : -1;
}

// Gives all readers of a name but the first names of their own, from which it returns.
typedef struct readers {
  bd_site *site;
  bd_list names; // the first is the name itself
  size_t seen;
} readers;

static void split_input(readers *all, Onnx__NodeProto *node, size_t input) {
  if (all->seen++ == 0) return;
  bd_rewrite *r = all->site->rewrite;
  const char *name = bd_site_name(all->site, "_copy");
  char **inputs = bd_arena_take(r->job->arena, node->n_input, sizeof *inputs);
  if (!name || !inputs) {
    bd_rewrite_short(r);
    return;
  }
  memcpy(inputs, node->input, node->n_input * sizeof *inputs); // shared with the opened model
  inputs[input] = bd_loose(name);
  node->input = inputs;
  bd_list_push(r, &all->names, bd_loose(name));
}

static void split_readers(readers *all, const Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_output; i++)
    all->seen += strcmp(bd_said(graph->output[i]->name), all->site->output) == 0;
  for (size_t i = 0; i < graph->n_node; i++) {
    Onnx__NodeProto *node = graph->node[i];
    for (size_t k = 0; k < node->n_input; k++)
      if (strcmp(node->input[k], all->site->output) == 0) split_input(all, node, k);
    for (size_t k = 0; k < node->n_attribute; k++) {
      const Onnx__AttributeProto *attribute = node->attribute[k];
      if (attribute->g) split_readers(all, attribute->g);
      for (size_t g = 0; g < attribute->n_graphs; g++)
        split_readers(all, attribute->graphs[g]);
    }
  }
}

static bd_status replace(bd_rewrite *r, int layer, const char *name, bool external) {
  bd_site site = {r->job, layer, name, external, r};
  readers all = {.site = &site};
  bd_list_push(r, &all.names, bd_loose(name));
  if (r->style->split) split_readers(&all, r->graph);
  for (size_t i = 0; i < all.names.count; i++) {
    site.output = all.names.items[i];
    BD_TRY(r->style->replace(&site, r->err));
  }
  return BD_OK;
}

// Is an output of a Constant node: the node's tensor, if it is a place.
static int constant_layer(const bd_rewrite *r, const Onnx__NodeProto *node, bool *external) {
  if (!bd_node_is(node, "Constant") || node->n_output != 1) return -1;
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__TensorProto *tensor = node->attribute[i]->t;
    int layer = tensor ? layer_at(r, tensor) : -1;
    if (layer < 0) continue;
    *external = bd_is_external(tensor);
    return layer;
  }
  return -1;
}

// An input of the graph that only says that an initializer may be replaced.
static void drop_input(Onnx__GraphProto *graph, const char *name, bd_rewrite *r) {
  Onnx__ValueInfoProto **inputs = bd_arena_take(r->job->arena, graph->n_input, sizeof *inputs);
  size_t kept = 0;
  if (!inputs) {
    bd_rewrite_short(r);
    return;
  }
  for (size_t i = 0; i < graph->n_input; i++)
    if (strcmp(bd_said(graph->input[i]->name), name) != 0) inputs[kept++] = graph->input[i];
  graph->input = inputs;
  graph->n_input = kept;
}

static bd_status rewrite_graph(bd_rewrite *r, Onnx__GraphProto *graph);

static bd_status rewrite_branches(bd_rewrite *r, const Onnx__NodeProto *node) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    const Onnx__AttributeProto *attribute = node->attribute[i];
    if (attribute->g) BD_TRY(rewrite_graph(r, attribute->g));
    for (size_t k = 0; k < attribute->n_graphs; k++)
      BD_TRY(rewrite_graph(r, attribute->graphs[k]));
  }
  return BD_OK;
}

static bd_status rewrite_lists(bd_rewrite *r, Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_initializer; i++) {
    Onnx__TensorProto *tensor = graph->initializer[i];
    int layer = layer_at(r, tensor);
    if (layer < 0) {
      bd_list_push(r, &r->tensors, tensor);
      continue;
    }
    drop_input(graph, tensor->name, r);
    BD_TRY(replace(r, layer, tensor->name, bd_is_external(tensor)));
  }
  for (size_t i = 0; i < graph->n_node; i++) {
    Onnx__NodeProto *node = graph->node[i];
    bool external = false;
    int layer = constant_layer(r, node, &external);
    if (layer < 0)
      bd_list_push(r, &r->nodes, node);
    else
      BD_TRY(replace(r, layer, node->output[0], external));
  }
  return BD_OK;
}

static bd_status rewrite_graph(bd_rewrite *r, Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_node; i++)
    BD_TRY(rewrite_branches(r, graph->node[i]));
  r->graph = graph;
  r->nodes = r->tensors = (bd_list){0};
  BD_TRY(rewrite_lists(r, graph));
  if (r->short_of_memory) return bd_fail_memory(r->err, r->job->path);
  graph->node = (Onnx__NodeProto **)r->nodes.items;
  graph->n_node = r->nodes.count;
  graph->initializer = (Onnx__TensorProto **)r->tensors.items;
  graph->n_initializer = r->tensors.count;
  return BD_OK;
}

// --- the model -----------------------------------------------------------------------------------

static bool is_replaced(const bd_export *job, const bd_rewrite_style *style, int layer) {
  const bd_tuned *tuned = job->plan->tuned;
  return style->replace && tuned->layers[layer].coded && job->plan->fits[layer].width < 32 &&
         bd_model_layer_proto(tuned->model, layer);
}

static bd_status add_domain(bd_export *job, Onnx__ModelProto *model, const char *domain,
                            bd_error *err) {
  Onnx__OperatorSetIdProto *fresh = bd_arena_take(job->arena, 1, sizeof *fresh);
  Onnx__OperatorSetIdProto **opsets =
      bd_arena_take(job->arena, model->n_opset_import + 1, sizeof *opsets);
  if (!fresh || !opsets) return bd_fail_memory(err, job->path);
  for (size_t i = 0; i < model->n_opset_import; i++) {
    if (strcmp(bd_said(model->opset_import[i]->domain), domain) == 0) return BD_OK;
    opsets[i] = model->opset_import[i];
  }
  onnx__operator_set_id_proto__init(fresh);
  fresh->domain = bd_loose(domain);
  fresh->has_version = true;
  fresh->version = 1;
  opsets[model->n_opset_import++] = fresh;
  model->opset_import = opsets;
  return BD_OK;
}

// Floats for the layers that stay float; the messages of all the others.
typedef struct preparation {
  bd_replacement *replacements;
  const void **messages;
  int count;
} preparation;

static bd_status prepare(bd_export *job, const bd_rewrite_style *style, preparation *out,
                         bd_error *err) {
  const bd_tuned *tuned = job->plan->tuned;
  out->replacements = calloc((size_t)tuned->count + 1, sizeof *out->replacements);
  out->messages = calloc((size_t)tuned->count + 1, sizeof *out->messages);
  if (!out->replacements || !out->messages) return bd_fail_memory(err, job->path);
  for (int i = 0; i < tuned->count; i++) {
    if (tuned->layers[i].refused) continue;
    float *values = NULL;
    if (!is_replaced(job, style, i)) BD_TRY(bd_tuned_values(tuned, i, &values, err));
    const bd_coded *coded = tuned->layers[i].coded;
    out->replacements[out->count++] = (bd_replacement){.layer = i,
                                                       .values = values,
                                                       .shift = coded ? coded->shift : NULL,
                                                       .channels = tuned->layers[i].channels};
  }
  return BD_OK;
}

static void release(preparation *prepared) {
  for (int i = 0; i < prepared->count; i++)
    free((void *)(uintptr_t)prepared->replacements[i].values);
  free(prepared->replacements);
  free(prepared->messages);
}

static bd_status list_places(bd_rewrite *r, const preparation *prepared, bd_error *err) {
  r->places = bd_arena_take(r->job->arena, (size_t)prepared->count, sizeof *r->places);
  if (!r->places) return bd_fail_memory(err, r->job->path);
  for (int i = 0; i < prepared->count; i++)
    if (is_replaced(r->job, r->style, prepared->replacements[i].layer))
      r->places[r->place_count++] =
          (bd_place){prepared->messages[i], prepared->replacements[i].layer};
  qsort(r->places, r->place_count, sizeof *r->places, by_message);
  return BD_OK;
}

static bd_status rewrite(bd_export *job, const bd_rewrite_style *style, preparation *prepared,
                         Onnx__ModelProto *model, bd_error *err) {
  bd_rewrite r = {.style = style, .job = job, .err = err, .names = {job->arena, NULL}};
  BD_TRY(list_places(&r, prepared, err));
  if (r.place_count == 0) return BD_OK;
  bd_raise_ir(job, model, 4); // before, every initializer was an input too
  if (style->domain) BD_TRY(add_domain(job, model, style->domain, err));
  take_names(&r, model->graph);
  bd_status status = rewrite_graph(&r, model->graph);
  bd_names_clear(&r.names);
  return status;
}

static bd_status make(bd_export *job, const bd_rewrite_style *style, preparation *prepared,
                      Onnx__ModelProto **model, bd_error *err) {
  const bd_tuned *tuned = job->plan->tuned;
  const Onnx__ModelProto *patched;
  BD_TRY(prepare(job, style, prepared, err));
  BD_TRY(bd_model_patch(tuned->model, prepared->replacements, prepared->count, job->arena,
                        prepared->messages, &patched, err));
  *model = (Onnx__ModelProto *)(uintptr_t)patched; // a copy of our own
  BD_TRY(bd_raise_opset(job, model, style->opset, prepared->messages, prepared->count, err));
  if (style->opset >= 25) bd_raise_ir(job, *model, 13);
  if (style->opset >= 21) bd_raise_ir(job, *model, 10);
  return style->replace ? rewrite(job, style, prepared, *model, err) : BD_OK;
}

static bd_status finish(bd_export *job, bd_making *making, bd_error *err) {
  const char *aside;
  BD_TRY(bd_making_ready(making, &aside, err));
  if (!aside)
    return bd_fail(err, BD_INVALID, "%s: is no regular file: an export is read back: name a file",
                   job->path);
  BD_TRY(bd_onnx_verify(job->plan, aside, job->report, err));
  BD_TRY(bd_report_file(job->report, aside, err));
  return making->data.path ? bd_report_file(job->report, making->data.path, err) : BD_OK;
}

bd_status bd_export_onnx(bd_export *job, const bd_rewrite_style *style, bd_error *err) {
  preparation prepared = {0};
  Onnx__ModelProto *model;
  bd_making making;
  bd_status status = make(job, style, &prepared, &model, err);
  if (status == BD_OK)
    status = bd_making_start(job->plan->tuned->model, model, job->path, job->arena, &making, err);
  if (status == BD_OK) {
    status = finish(job, &making, err);
    if (status == BD_OK)
      status = bd_making_commit(&making, err);
    else
      bd_making_abort(&making);
  }
  release(&prepared);
  return status;
}
