#include "core/model/external.h"

#include "core/base/text.h"
#include "core/model/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What external_data says of a tensor. In a list that says a key twice, the last one counts.
typedef struct place {
  const char *location;
  const char *offset, *length; // NULL: not said
} place;

// A data file as far as it could be opened.
typedef struct data_file {
  bd_source source;
  const char *why; // NULL: it is open
} data_file;

typedef struct refusal {
  const Onnx__TensorProto *tensor;
  const char *why;
} refusal;

// --- opening a data file -------------------------------------------------------------------------

static const char *why_not_open(bd_arena *arena, int folder, const char *part, int code) {
  struct stat info;
  bool known = fstatat(folder, part, &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (known && S_ISLNK(info.st_mode))
    return "is a link: data files must stand in the model's folder";
  if (known && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) return "is no regular file";
  if (code == ENOENT || code == ENOTDIR) return "is not there: fetch it with the model";
  return bd_arena_text(arena, "cannot be opened: %s", strerror(code));
}

// Opens one part of a path, never over a link. The last part is a file, the others are folders.
static int open_part(int folder, const char *part, bool last) {
  int flags = last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
  return openat(folder, part, flags | O_NOFOLLOW | O_CLOEXEC);
}

static const char *why_no_path(const char *location) {
  if (*location == '\0') return "has no name";
  if (*location == '/') return "is an absolute path: data files must stand in the model's folder";
  for (const char *part = location; part; part = strchr(part, '/')) {
    part += *part == '/';
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
      return "climbs out of the model's folder";
  }
  return NULL;
}

// Walks the location part by part, so that nobody can exchange a folder for a link on the way. -1:
// *why says why not, NULL without memory.
static int open_inside(int folder, const char *location, bd_arena *arena, const char **why) {
  char parts[PATH_MAX], *rest = NULL;
  *why = why_no_path(location);
  if (!*why && strlen(location) >= sizeof parts) *why = "has too long a name";
  if (*why) return -1;
  strcpy(parts, location);
  int at = folder;
  for (char *part = strtok_r(parts, "/", &rest), *next; part && at >= 0; part = next) {
    next = strtok_r(NULL, "/", &rest);
    int inner = open_part(at, part, next == NULL);
    if (inner < 0) *why = why_not_open(arena, at, part, errno);
    if (at != folder) close(at);
    at = inner;
  }
  return at;
}

static bool open_file(bd_external *external, const char *location, data_file *file) {
  file->source.fd = -1;
  int fd = open_inside(external->folder, location, external->arena, &file->why);
  if (fd < 0) return file->why != NULL;
  bd_error err;
  if (bd_source_adopt(fd, location, &file->source, &err) == BD_OK) return true;
  // The name of the file is said where the reason is shown.
  size_t head = strlen(location) + 2;
  const char *why = strncmp(err.text, location, head - 2) == 0 ? err.text + head : err.text;
  return (file->why = bd_arena_text(external->arena, "%s", why)) != NULL;
}

static bool add_source(bd_external *external, bd_source *source) {
  bd_source **longer = external->sources;
  // Room doubles whenever the count is a power of two.
  if ((external->count & (external->count - 1)) == 0)
    longer = realloc(longer, (2 * (size_t)external->count + 1) * sizeof *longer);
  if (!longer) return false;
  external->sources = longer;
  external->sources[external->count++] = source;
  return true;
}

// The data file of a location, opened when it is first named. NULL without memory.
static data_file *file_at(bd_external *external, const char *location) {
  void **known = bd_names_place(&external->files, location);
  if (!known || *known) return known ? *known : NULL;
  data_file *fresh = bd_arena_take(external->arena, 1, sizeof *fresh);
  if (!fresh || !open_file(external, location, fresh)) return NULL;
  *known = fresh;
  if (fresh->why || add_source(external, &fresh->source)) return fresh;
  bd_source_close(&fresh->source);
  return NULL;
}

// --- one tensor ----------------------------------------------------------------------------------

static place place_of(const Onnx__TensorProto *tensor) {
  place said = {"", NULL, NULL};
  for (size_t i = 0; i < tensor->n_external_data; i++) {
    const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
    const char *key = bd_said(entry->key), *value = bd_said(entry->value);
    if (strcmp(key, "location") == 0) said.location = value;
    if (strcmp(key, "offset") == 0) said.offset = value;
    if (strcmp(key, "length") == 0) said.length = value;
  }
  return said;
}

// A number of bytes: digits alone, at most 2^63 - 1.
static bool read_bytes(const char *text, size_t *out) {
  size_t digits = strspn(text, "0123456789");
  errno = 0;
  long long value = strtoll(text, NULL, 10);
  *out = (size_t)value;
  return digits > 0 && text[digits] == '\0' && errno == 0;
}

// NULL, or why the file does not hold the bytes; "" without memory.
static const char *find_bytes(const place *said, const bd_source *source, bd_arena *arena,
                              ProtobufCBinaryData *out) {
  size_t size = source->map.size, offset = 0;
  if (said->offset && !read_bytes(said->offset, &offset)) return "has an offset that is no number";
  size_t length = offset < size ? size - offset : 0;
  if (said->length && !read_bytes(said->length, &length)) return "has a length that is no number";
  if (offset <= size && length <= size - offset) {
    *out = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)source->map.data + offset};
    return NULL;
  }
  const char *why = bd_arena_text(
      arena, "is too short: %zu bytes from %zu are asked for, it holds %zu", length, offset, size);
  return why ? why : "";
}

static int compare(const void *a, const void *b) {
  uintptr_t left = (uintptr_t)((const refusal *)a)->tensor;
  uintptr_t right = (uintptr_t)((const refusal *)b)->tensor;
  return (left > right) - (left < right);
}

static bool refuse(bd_external *external, const Onnx__TensorProto *tensor, const char *location,
                   const char *why) {
  char name[128];
  bd_text_escape(name, sizeof name, location);
  refusal *fresh = bd_arena_take(external->arena, 1, sizeof *fresh);
  if (!fresh || !*why) return false;
  fresh->tensor = tensor;
  fresh->why = bd_arena_text(external->arena, "its data file '%s' %s", name, why);
  return fresh->why && tsearch(fresh, &external->refused, compare);
}

static bool attach_tensor(bd_external *external, Onnx__TensorProto *tensor) {
  if (!bd_is_external(tensor)) return true;
  tensor->has_raw_data = false;
  place said = place_of(tensor);
  const data_file *file = file_at(external, said.location);
  if (!file) return false;
  const char *why = file->why;
  if (!why) why = find_bytes(&said, &file->source, external->arena, &tensor->raw_data);
  if (why) return refuse(external, tensor, said.location, why);
  tensor->has_raw_data = true;
  return true;
}

// --- all tensors ---------------------------------------------------------------------------------

static bool attach_graph(bd_external *external, Onnx__GraphProto *graph);

static bool attach_attribute(bd_external *external, Onnx__AttributeProto *attribute) {
  bool done = (!attribute->t || attach_tensor(external, attribute->t)) &&
              (!attribute->g || attach_graph(external, attribute->g));
  for (size_t i = 0; i < attribute->n_tensors && done; i++)
    done = attach_tensor(external, attribute->tensors[i]);
  for (size_t i = 0; i < attribute->n_graphs && done; i++)
    done = attach_graph(external, attribute->graphs[i]);
  return done;
}

static bool attach_graph(bd_external *external, Onnx__GraphProto *graph) {
  for (size_t i = 0; i < graph->n_initializer; i++)
    if (!attach_tensor(external, graph->initializer[i])) return false;
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
      if (!attach_attribute(external, graph->node[i]->attribute[k])) return false;
  return true;
}

static int open_folder(const char *path) {
  char folder[PATH_MAX] = ".";
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) + 1 : 0;
  if (length >= sizeof folder) return -1;
  if (slash) snprintf(folder, sizeof folder, "%.*s", (int)length, path);
  return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool bd_external_attach(bd_external *external, const char *path, Onnx__ModelProto *model,
                        bd_arena *arena) {
  *external = (bd_external){.arena = arena, .folder = open_folder(path), .files = {arena, NULL}};
  return attach_graph(external, model->graph);
}

static void keep(void *ignored) {
  (void)ignored; // entries are the arena's
}

void bd_external_close(bd_external *external) {
  for (int i = 0; i < external->count; i++)
    bd_source_close(external->sources[i]);
  free(external->sources);
  bd_names_clear(&external->files);
  tdestroy(external->refused, keep);
  if (external->arena && external->folder >= 0) close(external->folder);
  *external = (bd_external){0};
}

const char *bd_external_why(const bd_external *external, const Onnx__TensorProto *tensor) {
  refusal wanted = {tensor, NULL};
  refusal **found = tfind(&wanted, (void *const *)&external->refused, compare);
  return found ? (*found)->why : "its data file was not looked for";
}

bool bd_external_is_at(const bd_external *external, const char *path) {
  struct stat there, ours;
  if (stat(path, &there) != 0) return false;
  for (int i = 0; i < external->count; i++)
    if (fstat(external->sources[i]->fd, &ours) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino)
      return true;
  return false;
}

const bd_source *bd_external_source(const bd_external *external, const void *pointer) {
  for (int i = 0; i < external->count; i++)
    if (bd_source_holds(external->sources[i], pointer)) return external->sources[i];
  return NULL;
}
