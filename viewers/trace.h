// The clustering of the layer in hand, step by step: bars of the excess over the optimum after each
// iteration of the swarm, then after each step of Lloyd.
#ifndef BD_VIEWERS_TRACE_H
#define BD_VIEWERS_TRACE_H

#include "viewers/canvas.h"

#include "core/quant/quantize.h"

enum { BD_TRACE_ROWS_LEAST = 4, BD_TRACE_COLUMNS_LEAST = 24 };

// Draws it over the whole area; where there is no trace, or no room, nothing.
void bd_trace_draw(const bd_trace *trace, double optimum, bd_area area);

// In one line: "swarm 11: +.02% to +.01% · Lloyd 1: exact"; "" where there is no trace.
char *bd_trace_describe(const bd_trace *trace, double optimum, char *out, size_t size);

#endif
