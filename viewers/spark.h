// The distribution of a layer in a few bars. Binned once a layer, then kept: a histogram costs a
// search for each bin, too much for every row of every frame.
#ifndef BD_VIEWERS_SPARK_H
#define BD_VIEWERS_SPARK_H

#include "core/quant/index.h"
#include "viewers/canvas.h"

#include <stdbool.h>
#include <stdint.h>

enum { BD_SPARK_BINS = 24 };

typedef struct bd_spark {
  bool known;
  uint16_t bins[BD_SPARK_BINS]; // relative to the greatest
} bd_spark;

// Bins the values within three deviations of the mean.
void bd_spark_fill(bd_spark *spark, const bd_index *index);
// Draws it `width` cells wide, at most BD_SPARK_BINS.
void bd_spark_draw(const bd_spark *spark, bd_area area, int column, int row, int width,
                   bd_role role);

#endif
