// Losses that are the same in words, put together: 50 layers make one line.
#ifndef BD_EXPORT_LOSSES_H
#define BD_EXPORT_LOSSES_H

#include "core/export/format.h"

enum { BD_LOSS_NAMES = 3 };

typedef struct bd_loss_group {
  const bd_loss *first; // says what is lost of all of them
  int count;
  int layers[BD_LOSS_NAMES]; // the first of them
  double bytes_before, bytes_after;
  const bd_loss *worst; // that loses the most SQNR; NULL: none loses any
} bd_loss_group;

// Groups in the order of their first losses; out has room for `count`. Returns how many.
int bd_losses_group(const bd_loss *losses, int count, bd_loss_group *out);

// "conv1.weight, conv2.weight and 9 more". Returns out.
char *bd_loss_group_names(const bd_loss_group *group, const bd_model *model, char *out,
                          size_t size);

#endif
