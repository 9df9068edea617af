#include "core/model/datafile.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Where arrays begin in the file: a page, so that readers can map them; short ones stand closer.
enum { PAGE = 4096, SHORT = 64 };
enum { TRIES = 1000 };

bd_datafile bd_datafile_start(const char *model, bd_arena *arena, bd_error *err) {
  return (bd_datafile){.model = model, .arena = arena, .err = err};
}

// A name beside the model that no file has.
static bd_status choose_path(bd_datafile *file) {
  struct stat info;
  bool exists = stat(file->model, &info) == 0;
  if (strcmp(file->model, "-") == 0 || (exists && !S_ISREG(info.st_mode)))
    return bd_fail(file->err, BD_INVALID,
                   "%s: the model has external data, which needs a file to stand beside: name one",
                   file->model);
  for (int i = 1; i < TRIES; i++) {
    file->path = i == 1 ? bd_arena_text(file->arena, "%s.data", file->model)
                        : bd_arena_text(file->arena, "%s.%d.data", file->model, i);
    if (!file->path) return bd_fail_memory(file->err, file->model);
    if (lstat(file->path, &info) != 0) break;
  }
  const char *slash = strrchr(file->path, '/');
  file->name = slash ? slash + 1 : file->path;
  return BD_OK;
}

static bd_status open_file(bd_datafile *file) {
  BD_TRY(choose_path(file));
  bd_status status = bd_writer_open_new(file->path, &file->writer, file->err);
  if (status != BD_OK) file->path = NULL;
  return status;
}

static void align(bd_datafile *file, size_t size) {
  static const char zeros[PAGE];
  size_t to = size < PAGE ? SHORT : PAGE;
  size_t gap = (to - file->size % to) % to;
  bd_writer_put(file->writer, zeros, gap);
  file->size += gap;
}

static void copy_on(bd_datafile *file, const uint8_t *from, size_t size, const bd_source *source) {
  uint8_t some[1 << 16];
  for (size_t at = 0; at < size && file->status == BD_OK; at += sizeof some) {
    size_t count = size - at < sizeof some ? size - at : sizeof some;
    file->status = bd_source_read(source, from + at, count, some, file->err);
    if (file->status == BD_OK) bd_writer_put(file->writer, some, count);
  }
}

static bool add_entry(bd_datafile *file, Onnx__TensorProto *tensor, const char *key,
                      const char *value) {
  Onnx__StringStringEntryProto *entry = bd_arena_take(file->arena, 1, sizeof *entry);
  if (!entry || !value) return false;
  onnx__string_string_entry_proto__init(entry);
  entry->key = (char *)(uintptr_t)key;
  entry->value = (char *)(uintptr_t)value;
  tensor->external_data[tensor->n_external_data++] = entry;
  return true;
}

static bool say_place(bd_datafile *file, Onnx__TensorProto *tensor, size_t size) {
  bd_arena *arena = file->arena;
  tensor->external_data = bd_arena_take(arena, 3, sizeof *tensor->external_data);
  tensor->n_external_data = 0;
  tensor->has_raw_data = false;
  return tensor->external_data && add_entry(file, tensor, "location", file->name) &&
         add_entry(file, tensor, "offset", bd_arena_text(arena, "%zu", file->size)) &&
         add_entry(file, tensor, "length", bd_arena_text(arena, "%zu", size));
}

bool bd_datafile_put(bd_datafile *file, Onnx__TensorProto *tensor, const void *bytes, size_t size,
                     const bd_source *source) {
  if (!file->writer && file->status == BD_OK) file->status = open_file(file);
  if (file->status != BD_OK) return false;
  align(file, size);
  if (!say_place(file, tensor, size)) {
    file->status = bd_fail_memory(file->err, file->model);
    return false;
  }
  if (source)
    copy_on(file, bytes, size, source);
  else
    bd_writer_put(file->writer, bytes, size);
  file->size += size;
  return file->status == BD_OK;
}

bd_status bd_datafile_commit(bd_datafile *file) {
  bd_writer *writer = file->writer;
  if (file->status != BD_OK || !writer) return file->status;
  file->writer = NULL;
  bd_status status = bd_writer_commit(writer, file->err);
  if (status != BD_OK) file->path = NULL;
  return status;
}

void bd_datafile_undo(bd_datafile *file) {
  if (file->path && !file->writer) unlink(file->path);
}

void bd_datafile_close(bd_datafile *file) {
  bd_writer_abort(file->writer);
  file->writer = NULL;
}
