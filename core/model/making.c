#include "core/model/making.h"

#include "core/model/edit.h"
#include "core/model/state.h"

// What protobuf-c packs goes straight to the file; raw data, which was never decoded, from file to
// file.
typedef struct sink {
  ProtobufCBuffer base;
  const bd_source *source;
  bd_writer *writer;
  bd_status status; // of reading
  bd_error *err;
} sink;

static void copy_on(sink *out, const uint8_t *place, size_t size) {
  uint8_t some[1 << 16];
  for (size_t at = 0; at < size && out->status == BD_OK; at += sizeof some) {
    size_t count = size - at < sizeof some ? size - at : sizeof some;
    out->status = bd_source_read(out->source, place + at, count, some, out->err);
    if (out->status == BD_OK) bd_writer_put(out->writer, some, count);
  }
}

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data) {
  sink *out = (sink *)buffer;
  if (bd_source_holds(out->source, data))
    copy_on(out, data, size);
  else
    bd_writer_put(out->writer, data, size);
}

static bool move_tensor(const bd_edit *edit, const Onnx__TensorProto *original,
                        Onnx__TensorProto *copy) {
  bd_making *making = (bd_making *)(uintptr_t)edit->arg;
  const ProtobufCBinaryData *data = &original->raw_data;
  if (!bd_is_external(original)) return true;
  const bd_source *source = bd_external_source(&making->model->external, data->data);
  return bd_datafile_put(&making->data, copy, data->data, data->len, source);
}

static bd_status pack(bd_making *making, const Onnx__ModelProto *proto, const char *path,
                      bd_error *err) {
  if (onnx__model_proto__get_packed_size(proto) > INT32_MAX)
    return bd_fail(err, BD_INVALID, "%s: would be larger than 2 GiB, which no protobuf file can be",
                   path);
  sink out = {{append}, &making->model->source, NULL, BD_OK, err};
  BD_TRY(bd_writer_open(path, &making->writer, err));
  out.writer = making->writer;
  onnx__model_proto__pack_to_buffer(proto, &out.base);
  return out.status;
}

static bd_status write_both(bd_making *making, const Onnx__ModelProto *proto, const char *path,
                            bd_arena *arena, bd_error *err) {
  if (bd_external_is_at(&making->model->external, path))
    return bd_fail(err, BD_INVALID, "%s: is a data file of the model: choose another name", path);
  bd_edit edit = {.arena = arena, .arg = making, .tensor = move_tensor};
  const Onnx__ModelProto *moved = bd_edit_model(&edit, proto);
  BD_TRY(making->data.status);
  if (!moved) return bd_fail_memory(err, path);
  return pack(making, moved, path, err);
}

bd_status bd_making_start(const bd_model *model, const Onnx__ModelProto *proto, const char *path,
                          bd_arena *arena, bd_making *out, bd_error *err) {
  *out = (bd_making){.model = model, .data = bd_datafile_start(path, arena, err)};
  bd_status status = write_both(out, proto, path, arena, err);
  if (status != BD_OK) bd_making_abort(out);
  return status;
}

// The data file takes its place first, a model never names one that is not there; but as late as
// can be: where the program is killed in between, nothing names the data file.
bd_status bd_making_ready(bd_making *making, const char **aside, bd_error *err) {
  BD_TRY(bd_writer_ready(making->writer, aside, err));
  return bd_datafile_commit(&making->data);
}

bd_status bd_making_commit(bd_making *making, bd_error *err) {
  const char *aside;
  bd_status status = bd_making_ready(making, &aside, err);
  bd_writer *writer = making->writer;
  making->writer = NULL;
  if (status == BD_OK)
    status = bd_writer_commit(writer, err);
  else
    bd_writer_abort(writer);
  if (status != BD_OK) bd_making_abort(making);
  return status;
}

void bd_making_abort(bd_making *making) {
  bd_writer_abort(making->writer);
  bd_datafile_undo(&making->data);
  bd_datafile_close(&making->data);
  making->writer = NULL;
}
