#include "core/base/text.h"
#include "core/study/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool said_before(const bd_repair *repair, int layer) {
  for (int i = 0; i < layer; i++)
    if (repair->layers[i].why && strcmp(repair->layers[i].why, repair->layers[layer].why) == 0)
      return true;
  return false;
}

// "w2, w4: why" for all layers that share the reason of this one.
static void put_reason(FILE *out, const bd_repair *repair, const bd_model *model, int layer) {
  const char *why = repair->layers[layer].why;
  for (int i = layer; i < repair->count; i++) {
    char name[256];
    if (!repair->layers[i].why || strcmp(repair->layers[i].why, why) != 0) continue;
    bd_text_escape(name, sizeof name, bd_model_layer(model, i)->tensor);
    fprintf(out, "%s%s", i > layer ? ", " : "; ", name);
  }
  fprintf(out, ": %s", why);
}

static void put_cheap(FILE *out, const bd_repair *repair, const bd_model *model) {
  int count = 0;
  for (int i = 0; i < repair->count; i++) {
    char name[256];
    if (!repair->layers[i].cheap || !repair->layers[i].coded) continue;
    bd_text_escape(name, sizeof name, bd_model_layer(model, i)->tensor);
    fprintf(out, "%s%s", count++ ? ", " : "; ", name);
  }
  if (count) fprintf(out, ": too wide for the exact mask, pruned by the cheaper one");
}

char *bd_repair_text(const bd_repair *repair, const bd_model *model, bool unscored) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  int64_t mended = 0;
  for (int i = 0; i < repair->count; i++)
    mended += repair->layers[i].coded != NULL;
  fprintf(out, "%s: %lld layer%s repaired on %lld samples%s", bd_recoveries[repair->how].name,
          (long long)mended, mended == 1 ? "" : "s", (long long)repair->samples,
          unscored ? ", which are not scored" : "");
  for (int i = 0; i < repair->count; i++)
    if (repair->layers[i].why && !said_before(repair, i)) put_reason(out, repair, model, i);
  put_cheap(out, repair, model);
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}
