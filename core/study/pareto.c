#include "core/study/pareto.h"

#include <math.h>
#include <stdlib.h>

typedef struct ways {
  const bd_tradeoff *points;
} ways;

static int by_bytes(const void *a, const void *b, void *arg) {
  const bd_tradeoff *points = ((const ways *)arg)->points;
  int i = *(const int *)a, j = *(const int *)b;
  const bd_tradeoff *p = &points[i], *q = &points[j];
  if (p->bytes != q->bytes) return p->bytes < q->bytes ? -1 : 1;
  if (p->loss != q->loss) return p->loss < q->loss ? -1 : 1;
  return i < j ? -1 : 1;
}

int bd_pareto(const bd_tradeoff *points, int count, int *line) {
  int known = 0, kept = 0;
  for (int i = 0; i < count; i++)
    if (!isnan(points[i].bytes) && !isnan(points[i].loss)) line[known++] = i;
  ways all = {points};
  if (known) qsort_r(line, (size_t)known, sizeof *line, by_bytes, &all);
  for (int i = 0; i < known; i++)
    if (!kept || points[line[i]].loss < points[line[kept - 1]].loss) line[kept++] = line[i];
  return kept;
}
