// The proof of a quick result, later and on another thread.
#include "core/quant/optimum.h"

#include <stdlib.h>

bd_optimum *bd_approach_copy(const bd_optimum *approach) {
  bd_optimum *copy = approach ? malloc(sizeof *copy) : NULL;
  if (copy) *copy = *approach;
  return copy;
}

bd_status bd_quantize_prove(const bd_index *index, const bd_setting *setting,
                            const bd_optimum *approach, const bd_watch *watch,
                            const bd_cancel *cancel, bd_certificate *out, bd_error *err) {
  bd_hole hole = bd_index_hole(index, setting->prune);
  bd_survivors survivors = bd_survivors_of(index, hole, true);
  bd_optimum optimum = *approach;
  optimum.watch = watch;
  BD_TRY(bd_optimum_prove(&survivors, cancel, &optimum, err));
  *out = (bd_certificate){optimum.bound, optimum.proved};
  return BD_OK;
}

void bd_result_take_certificate(bd_result *result, const bd_certificate *certificate) {
  result->cluster_bound = certificate->bound;
  result->proved = certificate->proved;
  result->optimum_ratio = bd_optimum_ratio(result->cluster_fit, certificate->bound);
  free(result->approach);
  result->approach = NULL;
}
