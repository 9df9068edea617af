// What is known of a network without running it: its graph, the shape of every value, and what
// each layer costs to compute.
#ifndef BD_STUDY_SURVEY_H
#define BD_STUDY_SURVEY_H

#include "core/engine/engine.h"
#include "core/model/graph.h"

typedef struct bd_survey {
  bd_graph *graph;
  bd_tensor *shapes; // one a value of the graph, without data; BD_TYPE_NONE: not known
  double *macs;      // one a layer: multiply–accumulates of one run; NaN: not known
  bd_error why;      // text "", or one line why shapes and macs are not known
} bd_survey;

// Of the shapes that an engine was compiled for; engine NULL: of the input shapes that the model
// declares (a first dimension that is dynamic counts as 1, a batch of one sample), or else of none.
// BD_FAILED where memory or a file failed; what cannot be known is no failure. Some ms.
bd_status bd_survey_new(const bd_model *model, const bd_engine *engine, bd_survey **out,
                        bd_error *err);
void bd_survey_free(bd_survey *survey); // NULL is allowed

// The sum over the layers whose count is known; *known: how many those are.
double bd_survey_total(const bd_survey *survey, int layers, int *known);

// What is known of a value's shape: "1×64×56×56", "N×3×h×w" with what the file calls them; "?" for
// a dimension without a name, "" where nothing is known. Names are made safe.
char *bd_survey_shape(const bd_survey *survey, int value, char *out, size_t size);

#endif
