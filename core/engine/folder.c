#include "core/engine/folder.h"

#include "core/base/file.h"
#include "core/engine/values.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { TEXT_MAX = 1 << 26 };

static char *joined(const char *folder, const char *name) {
  char *out = malloc(strlen(folder) + strlen(name) + 2);
  if (out) sprintf(out, "%s/%s", folder, name);
  return out;
}

static bool add(bd_folder *folder, char *path, int64_t label) {
  if (path && folder->count == folder->room) {
    int64_t room = folder->room ? 2 * folder->room : 64;
    char **paths = realloc(folder->paths, (size_t)room * sizeof *paths);
    if (paths) folder->paths = paths;
    int64_t *labels = realloc(folder->labels, (size_t)room * sizeof *labels);
    if (labels) folder->labels = labels;
    folder->room = paths && labels ? room : folder->room;
  }
  if (!path || folder->count == folder->room) {
    free(path);
    return false;
  }
  folder->paths[folder->count] = path;
  folder->labels[folder->count++] = label;
  return true;
}

void bd_folder_free(bd_folder *folder) {
  for (int64_t i = 0; i < folder->count; i++)
    free(folder->paths[i]);
  free(folder->paths);
  free(folder->labels);
  *folder = (bd_folder){0};
}

// --- lines of file,class -------------------------------------------------------------------------

typedef struct line {
  char *file; // "" where the line has only a class
  int64_t label;
} line;

// Cuts the next line off *text. False at the end; BD_INVALID lines have *good false.
static bool next_line(char **text, line *out, bool *good) {
  char *from = *text;
  while (*from == '\n' || *from == '\r')
    from++;
  if (!*from) return false;
  char *end = from + strcspn(from, "\r\n");
  *text = *end ? end + 1 : end;
  *end = '\0';
  char *comma = strrchr(from, ','), *number = comma ? comma + 1 : from, *stop;
  if (comma) *comma = '\0';
  out->file = comma ? from : end;
  errno = 0;
  out->label = strtoll(number, &stop, 10);
  while (*stop == ' ')
    stop++;
  *good = !errno && stop != number && !*stop;
  return true;
}

static bd_status bad_line(const char *path, int64_t number, bd_error *err) {
  return bd_fail(err, BD_INVALID, "%s: line %lld: is no file,class", path, (long long)number);
}

static bd_status read_csv(const char *folder, char *text, const char *path, bd_folder *out,
                          bd_error *err) {
  line each;
  bool good;
  for (int64_t number = 1; next_line(&text, &each, &good); number++) {
    if (!good && number == 1) continue; // a heading
    if (!good || !*each.file) return bad_line(path, number, err);
    if (!add(out, joined(folder, each.file), each.label)) return bd_fail_memory(err, path);
  }
  return BD_OK;
}

static bool is_picture(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ||
                 strcasecmp(dot, ".png") == 0);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bd_status list_pictures(const char *path, bd_folder *out, bd_error *err) {
  DIR *dir = opendir(path);
  if (!dir) return bd_fail(err, BD_INVALID, "%s: cannot be read: %s", path, strerror(errno));
  bool fine = true;
  for (struct dirent *entry; fine && (entry = readdir(dir));)
    if (is_picture(entry->d_name)) fine = add(out, joined(path, entry->d_name), -1);
  closedir(dir);
  if (!fine) return bd_fail_memory(err, path);
  free(out->labels);
  out->labels = NULL;
  if (out->count) qsort(out->paths, (size_t)out->count, sizeof *out->paths, by_name);
  return BD_OK;
}

bd_status bd_folder_read(const char *path, bd_folder *out, bd_error *err) {
  *out = (bd_folder){0};
  char *csv = joined(path, "labels.csv"), *text = NULL;
  size_t size;
  struct stat about;
  if (!csv) return bd_fail_memory(err, path);
  bd_status status;
  if (stat(csv, &about) == 0) {
    status = bd_file_read(csv, TEXT_MAX, &text, &size, err);
    if (status == BD_OK) status = read_csv(path, text, csv, out, err);
  } else {
    status = list_pictures(path, out, err);
  }
  free(text);
  free(csv);
  if (status == BD_OK && !out->count)
    status = bd_fail(err, BD_INVALID, "%s: holds no JPEG or PNG pictures and no input_0.pb", path);
  if (status != BD_OK) bd_folder_free(out);
  return status;
}

// --- labels --------------------------------------------------------------------------------------

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int64_t picture_of(const bd_folder *folder, int64_t count, const char *name, int64_t guess) {
  if (guess < count && strcmp(base_name(folder->paths[guess]), base_name(name)) == 0) return guess;
  for (int64_t i = 0; i < count; i++)
    if (strcmp(base_name(folder->paths[i]), base_name(name)) == 0) return i;
  return -1;
}

static bd_status take_lines(const char *path, const bd_folder *folder, int64_t count, char *text,
                            int64_t *out, bd_error *err) {
  line each;
  bool good;
  int64_t taken = 0;
  for (int64_t number = 1; next_line(&text, &each, &good); number++) {
    if (!good && number == 1) continue;
    if (!good) return bad_line(path, number, err);
    int64_t place =
        *each.file && folder->count ? picture_of(folder, count, each.file, taken) : taken;
    if (place >= 0 && place < count) out[place] = each.label;
    taken += place >= 0;
  }
  return BD_OK;
}

bd_status bd_folder_labels(const char *path, const bd_folder *folder, int64_t count, int64_t *out,
                           bd_error *err) {
  char *text;
  size_t size;
  BD_TRY(bd_file_read(path, TEXT_MAX, &text, &size, err));
  for (int64_t i = 0; i < count; i++)
    out[i] = INT64_MIN;
  bd_status status = take_lines(path, folder, count, text, out, err);
  free(text);
  for (int64_t i = 0; i < count && status == BD_OK; i++)
    if (out[i] == INT64_MIN)
      status = bd_fail(err, BD_INVALID, "%s: has no class for sample %lld of %lld", path,
                       (long long)i, (long long)count);
  return status;
}

// --- ONNX's test data ----------------------------------------------------------------------------

bool bd_folder_has_proto(const char *path) {
  struct stat about;
  char *first = joined(path, "input_0.pb");
  bool has = first && stat(first, &about) == 0;
  free(first);
  return has;
}

// A TensorProto file; the values are copied out of the message.
static bd_status read_proto(const char *path, bd_array *out, bd_error *err) {
  bd_bytes bytes;
  void *owned = NULL;
  BD_TRY(bd_file_map(path, &bytes, err));
  Onnx__TensorProto *proto = onnx__tensor_proto__unpack(NULL, bytes.size, bytes.data);
  bd_file_unmap(bytes);
  if (!proto) return bd_fail(err, BD_INVALID, "%s: is no ONNX tensor, or cut short", path);
  bd_tensor tensor;
  bd_status status = bd_values_of_proto(NULL, proto, path, &tensor, &owned, err);
  size_t size = status == BD_OK ? bd_tensor_bytes(&tensor) : 0;
  if (status == BD_OK && !owned) {
    owned = malloc(size + 1);
    if (owned) memcpy(owned, tensor.data, size);
  }
  onnx__tensor_proto__free_unpacked(proto, NULL);
  if (status != BD_OK) return status;
  out->owned = tensor.data = owned;
  out->tensor = tensor;
  out->name = strdup("");
  return owned && out->name ? BD_OK : bd_fail_memory(err, path);
}

bd_status bd_folder_proto(const char *path, int index, bd_array *out, bd_error *err) {
  char name[32];
  snprintf(name, sizeof name, "input_%d.pb", index);
  char *file = joined(path, name);
  bd_status status = file ? read_proto(file, out, err) : bd_fail_memory(err, path);
  free(file);
  return status;
}

bd_status bd_folder_array(const char *path, bd_arrays *out, bd_error *err) {
  const char *dot = strrchr(path, '.');
  if (!dot || strcmp(dot, ".pb") != 0) return bd_arrays_read(path, out, err);
  *out = (bd_arrays){.items = calloc(1, sizeof *out->items), .count = 1};
  if (!out->items) return out->count = 0, bd_fail_memory(err, path);
  bd_status status = read_proto(path, &out->items[0], err);
  if (status != BD_OK) bd_arrays_free(out);
  return status;
}
