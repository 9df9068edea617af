// What a run takes from replaced weights. For core/engine alone.
#ifndef BD_ENGINE_SWAP_H
#define BD_ENGINE_SWAP_H

#include "core/engine/plan.h"

// A constant as it stands with the replaced weights.
const bd_tensor *bd_swap_tensor(const bd_swap *swap, int slot);
const void *bd_swap_packed(const bd_swap *swap, const bd_step *step);
// When it was last changed, and whether a layer was after that time, by the plan's clock. A swap
// that is younger than `since` has changed in every layer.
uint64_t bd_swap_time(const bd_swap *swap);
bool bd_swap_changed(const bd_swap *swap, int layer, uint64_t since);
const bd_shift *bd_swap_shift_of(const bd_swap *swap, const bd_step *step); // or NULL

#endif
