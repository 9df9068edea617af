#include "core/study/bisect.h"

static bd_status keep(const bd_bisection *b, int from, int to, bool *kept, double *least,
                      bd_error *err) {
  double now;
  BD_TRY(b->put(b->arg, from, to, true, err));
  BD_TRY(b->judge(b->arg, &now, err));
  bool stays = now <= *least;
  if (stays) *least = now;
  for (int i = from; i < to; i++)
    kept[i] = stays;
  if (stays) return BD_OK;
  BD_TRY(b->put(b->arg, from, to, false, err));
  if (to - from == 1) return BD_OK;
  int middle = from + (to - from) / 2;
  BD_TRY(keep(b, from, middle, kept, least, err));
  return keep(b, middle, to, kept, least, err);
}

bd_status bd_bisect(const bd_bisection *b, int count, bool *kept, double *least, bd_error *err) {
  return count > 0 ? keep(b, 0, count, kept, least, err) : BD_OK;
}
