// A folder for $readmemh: for each layer a file of codes, in hexadecimal, one a line, in two's
// complement of as many bits as they have; one of its steps or levels, as float32 patterns; and
// layers.json, which says what is what.
#include "core/export/store.h"

#include "core/base/aside.h"
#include "core/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
  bd_export *job;
  char *aside; // in the making
  int lock;    // of it; -1 none
  char **files;
  int count;
} folder;

static unsigned pattern_of(double value) {
  float narrow = (float)value;
  unsigned bits;
  memcpy(&bits, &narrow, sizeof bits);
  return bits;
}

static bd_status put_file(folder *to, const char *name, const bd_page *page, bd_error *err) {
  char *path = bd_arena_text(to->job->arena, "%s/%s", to->aside, name);
  if (page->short_of_memory || !path) return bd_fail_memory(err, to->job->path);
  to->files[to->count++] = path;
  bd_error why;
  bd_status status = bd_file_write(path, page->text, page->size, &why);
  if (status == BD_OK) status = bd_report_file(to->job->report, path, &why);
  if (status == BD_OK) return BD_OK;
  const char *reason = strncmp(why.text, path, strlen(path)) == 0 ? why.text + strlen(path) : "";
  return bd_fail(err, status, "%s%s", to->job->path, reason);
}

// --- a layer -------------------------------------------------------------------------------------

static void put_codes(bd_page *page, const bd_store *store) {
  unsigned mask = (1u << store->bits) - 1;
  for (size_t i = 0; i < store->count; i++)
    bd_page_put(page, "%0*x\n", (store->bits + 3) / 4, (unsigned)bd_store_code(store, i) & mask);
}

static bd_status verify_codes(const bd_store *store, const char *path, bd_error *err) {
  char *text;
  size_t size;
  BD_TRY(bd_file_read(path, SIZE_MAX, &text, &size, err));
  unsigned mask = (1u << store->bits) - 1;
  bool same = true;
  char *at = text;
  for (size_t i = 0; same && i < store->count; i++)
    same = strtoul(at, &at, 16) == ((unsigned)bd_store_code(store, i) & mask);
  free(text);
  return same ? BD_OK
              : bd_fail(err, BD_FAILED, "%s: its codes were not read back", store->layer->tensor);
}

static void put_numbers(bd_page *page, const bd_store *store) {
  for (size_t i = 0; i < store->number_count; i++)
    bd_page_put(page, "%08x\n", pattern_of(store->numbers[i]));
}

static cJSON *entry_of(const bd_store *store, const char *codes, const char *numbers) {
  cJSON *entry = cJSON_CreateObject();
  cJSON_AddStringToObject(entry, "tensor", store->layer->tensor);
  cJSON_AddStringToObject(entry, "node", store->layer->node);
  cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
  for (int i = 0; i < store->layer->rank; i++)
    cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)store->layer->shape[i]));
  cJSON_AddNumberToObject(entry, "bits", store->bits);
  cJSON_AddStringToObject(entry, "codes", codes);
  cJSON_AddBoolToObject(entry, "signed", store->grid);
  if (store->grid) cJSON_AddNumberToObject(entry, "zero_point", store->zero_point);
  cJSON_AddStringToObject(entry, store->grid ? "steps" : "levels", numbers);
  const bd_axes *axes = &store->parts.axes;
  // Added to each output channel, beside the network's own bias.
  cJSON *shift = store->shift ? cJSON_AddArrayToObject(entry, "shift") : NULL;
  for (size_t i = 0; shift && i < store->channels; i++)
    cJSON_AddItemToArray(shift, cJSON_CreateNumber((double)(float)store->shift[i]));
  if (store->parts.count == 1 && !store->scaled) return entry;
  // Weight (o, c, i) of the three stands at (o · channels + c) · inner + i.
  const size_t sizes[] = {axes->outer, axes->channels, axes->inner};
  cJSON *list = cJSON_AddArrayToObject(entry, "outer_channels_inner");
  for (int i = 0; i < 3; i++)
    cJSON_AddItemToArray(list, cJSON_CreateNumber((double)sizes[i]));
  if (store->parts.group) cJSON_AddNumberToObject(entry, "group", (double)store->parts.group);
  cJSON *firsts = store->grid ? NULL : cJSON_AddArrayToObject(entry, "first_level");
  for (size_t part = 0; firsts && part < store->parts.count; part++)
    cJSON_AddItemToArray(firsts, cJSON_CreateNumber((double)bd_store_first(store, part)));
  cJSON *scale = store->scaled ? cJSON_AddArrayToObject(entry, "scale") : NULL;
  for (size_t i = 0; scale && i < axes->channels; i++)
    cJSON_AddItemToArray(scale, cJSON_CreateNumber((double)(float)store->coded->scale[i]));
  return entry;
}

static bd_status put_layer(folder *to, int layer, cJSON *list, bd_error *err) {
  bd_arena *arena = to->job->arena;
  bd_store store = bd_store_of(to->job->plan, layer);
  const char *name = bd_store_name(to->job->plan, layer, arena);
  const char *codes = name ? bd_arena_text(arena, "%s.mem", name) : NULL;
  const char *numbers =
      name ? bd_arena_text(arena, "%s.%s.mem", name, store.grid ? "steps" : "levels") : NULL;
  if (!codes || !numbers) return bd_fail_memory(err, to->job->path);
  bd_page page = {0};
  put_codes(&page, &store);
  bd_status status = put_file(to, codes, &page, err);
  if (status == BD_OK) status = verify_codes(&store, to->files[to->count - 1], err);
  page.size = 0;
  put_numbers(&page, &store);
  if (status == BD_OK) status = put_file(to, numbers, &page, err);
  bd_page_free(&page);
  cJSON_AddItemToArray(list, entry_of(&store, codes, numbers));
  return status;
}

// --- the folder ----------------------------------------------------------------------------------

static bd_status put_all(folder *to, bd_error *err) {
  const bd_export_plan *plan = to->job->plan;
  cJSON *list = cJSON_CreateArray();
  bd_status status = list ? BD_OK : bd_fail_memory(err, to->job->path);
  for (int i = 0; i < plan->tuned->count && status == BD_OK; i++)
    if (plan->tuned->layers[i].coded && plan->fits[i].width < BD_BITS_FLOAT)
      status = put_layer(to, i, list, err);
  bd_page page = {0};
  bd_page_json(&page, list);
  if (status == BD_OK) status = put_file(to, "layers.json", &page, err);
  bd_page_free(&page);
  cJSON_Delete(list);
  return status;
}

static bd_status fail_folder(const char *path, int code, bd_error *err) {
  switch (code) {
  case ENOTEMPTY:
  case EEXIST:
    return bd_fail(err, BD_FAILED, "%s: is a folder with files in it: name a new one", path);
  case ENOTDIR:
    return bd_fail(err, BD_FAILED, "%s: is no folder, and this format needs one: name another",
                   path);
  }
  return bd_fail_write(err, path, code);
}

// Everything is written, then the folder takes its name in one step.
static bd_status fill(folder *to, bd_error *err) {
  const char *path = to->job->path, *slash = strrchr(path, '/');
  size_t last = strlen(path);
  while (last > 1 && path[last - 1] == '/') // "out/" is out
    slash = memrchr(path, '/', --last);
  int parent = slash ? (int)(slash - path) + 1 : 0;
  to->files =
      bd_arena_take(to->job->arena, 2 * (size_t)to->job->plan->tuned->count + 1, sizeof *to->files);
  if (!to->files) return bd_fail_memory(err, path);
  to->lock = bd_aside_folder(path, parent, &to->aside);
  if (to->lock < 0) return fail_folder(path, errno, err);
  mode_t mask = umask(0);
  umask(mask);
  chmod(to->aside, 0777 & ~mask);
  BD_TRY(put_all(to, err));
  return rename(to->aside, path) == 0 ? BD_OK : fail_folder(path, errno, err);
}

bd_status bd_export_mem(bd_export *job, bd_error *err) {
  struct stat info;
  folder to = {.job = job, .lock = -1};
  if (stat(job->path, &info) == 0 && !S_ISDIR(info.st_mode))
    return fail_folder(job->path, ENOTDIR, err);
  bd_status status = fill(&to, err);
  for (int i = 0; status != BD_OK && i < to.count; i++)
    unlink(to.files[i]);
  if (status != BD_OK && to.aside) rmdir(to.aside);
  if (to.lock >= 0) close(to.lock);
  free(to.aside);
  return status;
}
