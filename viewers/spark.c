#include "viewers/spark.h"

#include <math.h>

enum { TALLEST = 7 }; // eighths: a gap keeps the rows of the table apart

void bd_spark_fill(bd_spark *spark, const bd_index *index) {
  const bd_stats *stats = bd_index_stats(index);
  double low = fmax(stats->min, stats->mean - 3 * stats->deviation);
  double high = fmin(stats->max, stats->mean + 3 * stats->deviation);
  size_t counts[BD_SPARK_BINS] = {0}, most = 0;
  if (low < high)
    bd_index_histogram(index, low, high, BD_SPARK_BINS, counts);
  else
    counts[BD_SPARK_BINS / 2] = 1; // all of one value
  for (int i = 0; i < BD_SPARK_BINS; i++)
    most = counts[i] > most ? counts[i] : most;
  for (int i = 0; i < BD_SPARK_BINS && most > 0; i++) {
    double share = (double)counts[i] / (double)most;
    spark->bins[i] = (uint16_t)(counts[i] ? fmax(1, share * UINT16_MAX) : 0);
  }
  spark->known = true;
}

// The mean of the bins that cell i of `width` stands for.
static double cell_height(const bd_spark *spark, int i, int width) {
  int from = i * BD_SPARK_BINS / width, to = (i + 1) * BD_SPARK_BINS / width;
  double sum = 0;
  for (int bin = from; bin < to; bin++)
    sum += spark->bins[bin];
  return sum / (to - from);
}

void bd_spark_draw(const bd_spark *spark, bd_area area, int column, int row, int width,
                   bd_role role) {
  width = width > BD_SPARK_BINS ? BD_SPARK_BINS : width;
  double most = 0;
  for (int i = 0; i < width; i++)
    most = fmax(most, cell_height(spark, i, width));
  for (int i = 0; i < width && most > 0; i++) {
    double height = cell_height(spark, i, width);
    int eighths = height > 0 ? (int)fmax(1, round(height / most * TALLEST)) : 0;
    bd_put(area, column + i, row, bd_glyph_bar(area.canvas, eighths), role);
  }
}
