// From a plan to files.
#include "core/base/json.h"
#include "core/export/job.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void bd_report_note(bd_report *report, const char *format, ...) {
  size_t used = strlen(report->notes);
  va_list arguments;
  va_start(arguments, format);
  if (used > 0) used += (size_t)snprintf(report->notes + used, sizeof report->notes - used, "; ");
  if (used < sizeof report->notes)
    vsnprintf(report->notes + used, sizeof report->notes - used, format, arguments);
  va_end(arguments);
}

// --- sizes ---------------------------------------------------------------------------------------

// Bytes that come out of the compressor for what is waiting at its input.
static double squeeze(z_stream *stream, int flush) {
  uint8_t out[1 << 15];
  double bytes = 0;
  do {
    stream->next_out = out;
    stream->avail_out = sizeof out;
    deflate(stream, flush);
    bytes += (double)(sizeof out - stream->avail_out);
  } while (stream->avail_out == 0);
  return bytes;
}

bd_status bd_report_file(bd_report *report, const char *path, bd_error *err) {
  enum { GZIP = 16 + MAX_WBITS };
  bd_bytes bytes;
  BD_TRY(bd_file_map(path, &bytes, err));
  z_stream stream = {0};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    bd_file_unmap(bytes);
    return bd_fail_memory(err, path);
  }
  for (size_t at = 0; at < bytes.size; at += 1 << 20) {
    stream.next_in = (uint8_t *)(uintptr_t)bytes.data + at;
    stream.avail_in = bytes.size - at < 1 << 20 ? (unsigned)(bytes.size - at) : 1 << 20;
    report->gzip += squeeze(&stream, Z_NO_FLUSH);
  }
  report->gzip += squeeze(&stream, Z_FINISH);
  deflateEnd(&stream);
  report->on_disk += (double)bytes.size;
  report->files++;
  bd_file_unmap(bytes);
  return BD_OK;
}

// --- text ----------------------------------------------------------------------------------------

static bool make_room(bd_page *page, size_t more) {
  if (page->size + more + 1 <= page->room) return true;
  size_t room = page->room ? 2 * page->room : 4096;
  while (room < page->size + more + 1)
    room *= 2;
  char *grown = realloc(page->text, room);
  if (!grown) {
    page->short_of_memory = true;
    return false;
  }
  page->text = grown;
  page->room = room;
  return true;
}

void bd_page_put(bd_page *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0 || page->short_of_memory || !make_room(page, (size_t)length)) return;
  va_start(arguments, format);
  vsnprintf(page->text + page->size, (size_t)length + 1, format, arguments);
  va_end(arguments);
  page->size += (size_t)length;
}

static void put_json(bd_page *page, const cJSON *json, bool indented, const char *end) {
  char *text = bd_json_text(json, indented);
  if (text)
    bd_page_put(page, "%s%s", text, end);
  else
    page->short_of_memory = true;
  cJSON_free(text);
}

void bd_page_json(bd_page *page, const cJSON *json) {
  put_json(page, json, true, "\n");
}

void bd_page_json_line(bd_page *page, const cJSON *json) {
  put_json(page, json, false, "");
}

void bd_page_free(bd_page *page) {
  free(page->text);
  *page = (bd_page){0};
}

// --- files ---------------------------------------------------------------------------------------

bd_status bd_output_open(const char *path, const bd_page *page, bd_output *out, bd_error *err) {
  *out = (bd_output){.path = path};
  if (page->short_of_memory) return bd_fail_memory(err, path);
  BD_TRY(bd_writer_open(path, &out->writer, err));
  bd_writer_put(out->writer, page->text, page->size);
  BD_TRY(bd_writer_ready(out->writer, &out->aside, err));
  if (out->aside) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s: is no regular file: an export is read back: name a file",
                 path);
}

// Does the file hold the text, byte for byte?
static bd_status verify_same(const bd_output *output, const bd_page *page, bd_error *err) {
  bd_bytes bytes;
  BD_TRY(bd_file_map(output->aside, &bytes, err));
  bool same = bytes.size == page->size && memcmp(bytes.data, page->text, page->size) == 0;
  bd_file_unmap(bytes);
  return same ? BD_OK : bd_fail(err, BD_FAILED, "%s: was not read back as written", output->path);
}

bool bd_reads_as(double got, double wanted) {
  return fabs(got - wanted) <= 1e-7 * fabs(wanted);
}

cJSON *bd_float_nodes(const bd_export_plan *plan) {
  cJSON *list = cJSON_CreateArray();
  for (int i = 0; list && i < plan->tuned->count; i++) {
    const bd_layer *layer = bd_model_layer(plan->tuned->model, i);
    if (plan->fits[i].integers) continue;
    for (int user = 0; user < layer->user_count; user++)
      cJSON_AddItemToArray(list, cJSON_CreateString(layer->users[user]));
  }
  return list;
}

void bd_outputs_abort(bd_output *outputs, int count) {
  for (int i = 0; i < count; i++)
    bd_writer_abort(outputs[i].writer);
}

bd_status bd_outputs_commit(bd_export *job, bd_output *outputs, int count, bd_error *err) {
  for (int i = 0; i < count; i++)
    BD_TRY(bd_report_file(job->report, outputs[i].aside, err));
  for (int i = 0; i < count; i++) {
    bd_writer *writer = outputs[i].writer;
    outputs[i].writer = NULL;
    BD_TRY(bd_writer_commit(writer, err));
  }
  return BD_OK;
}

bd_status bd_export_page(bd_export *job, bd_page *page,
                         bd_status (*verify)(const bd_export *job, const char *path, bd_error *err),
                         bd_error *err) {
  bd_output output = {0};
  bd_status status = bd_output_open(job->path, page, &output, err);
  if (status == BD_OK && !verify) status = verify_same(&output, page, err);
  bd_page_free(page); // before more is read: weights as text are large
  if (status == BD_OK && verify) status = verify(job, output.aside, err);
  if (status == BD_OK) status = bd_outputs_commit(job, &output, 1, err);
  bd_outputs_abort(&output, 1);
  return status;
}

bd_status bd_export_write(const bd_export_plan *plan, const char *path, bd_report *report,
                          bd_error *err) {
  *report = (bd_report){.packed = plan->bytes};
  if (bd_file_same(path, bd_model_about(plan->tuned->model)->file))
    return bd_fail(err, BD_INVALID, "%s: is the float model itself: choose another name", path);
  bd_arena *arena = bd_arena_new();
  if (!arena) return bd_fail_memory(err, path);
  bd_export job = {plan, path, arena, report};
  bd_status status = plan->format->write(&job, err);
  bd_arena_free(arena);
  return status;
}
