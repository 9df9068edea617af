#include "core/export/losses.h"

#include "core/base/text.h"

#include <stdio.h>
#include <string.h>

static bool same_words(const bd_loss *a, const bd_loss *b) {
  return strcmp(a->what, b->what) == 0 && strcmp(a->instead, b->instead) == 0;
}

static double drop_of(const bd_loss *loss) {
  return loss->sqnr_before == loss->sqnr_after ? 0 : loss->sqnr_before - loss->sqnr_after;
}

static void add(bd_loss_group *group, const bd_loss *loss) {
  if (group->count < BD_LOSS_NAMES) group->layers[group->count] = loss->layer;
  group->count++;
  group->bytes_before += loss->bytes_before;
  group->bytes_after += loss->bytes_after;
  if (drop_of(loss) != 0 && (!group->worst || drop_of(loss) > drop_of(group->worst)))
    group->worst = loss;
}

int bd_losses_group(const bd_loss *losses, int count, bd_loss_group *out) {
  int groups = 0;
  for (int i = 0; i < count; i++) {
    int at = 0;
    while (at < groups && !same_words(out[at].first, &losses[i]))
      at++;
    if (at == groups) out[groups++] = (bd_loss_group){.first = &losses[i]};
    add(&out[at], &losses[i]);
  }
  return groups;
}

char *bd_loss_group_names(const bd_loss_group *group, const bd_model *model, char *out,
                          size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < group->count && i < BD_LOSS_NAMES && used < size; i++) {
    char name[128];
    bd_text_escape(name, sizeof name, bd_model_layer(model, group->layers[i])->tensor);
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", name);
  }
  if (group->count > BD_LOSS_NAMES && used < size)
    snprintf(out + used, size - used, " and %d more", group->count - BD_LOSS_NAMES);
  return out;
}
