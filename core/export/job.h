// What the formats share while they write. For core/export alone.
#ifndef BD_EXPORT_JOB_H
#define BD_EXPORT_JOB_H

#include "core/base/file.h"
#include "core/export/format.h"

typedef struct bd_export {
  const bd_plan *plan;
  const char *path;
  bd_arena *arena; // until the job is done
  bd_report *report;
} bd_export;

// The value that the target gives the weight at a place of a coded layer.
double bd_fit_value(const bd_plan *plan, int layer, size_t place);

// Adds a note to the report.
void bd_report_note(bd_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Counts a file's bytes, and its bytes after gzip.
bd_status bd_report_file(bd_report *report, const char *path, bd_error *err);

// Text in the making. Errors stick until bd_text_status.
typedef struct bd_page {
  char *text;
  size_t size, room;
  bool short_of_memory;
} bd_page;
void bd_page_put(bd_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bd_page_free(bd_page *page);

// One of the files of an export: written aside, then read back, then put in place.
typedef struct bd_output {
  const char *path;
  bd_writer *writer;
  const char *aside;
} bd_output;
// Writes text aside; bd_output_abort in every case but a successful bd_outputs_commit.
bd_status bd_output_open(const char *path, const bd_page *page, bd_output *out, bd_error *err);
void bd_outputs_abort(bd_output *outputs, int count);
// Reports and puts all of them in place, one after the other.
bd_status bd_outputs_commit(bd_export *job, bd_output *outputs, int count, bd_error *err);

// path must be a place for a regular file.
bd_status bd_export_path(const char *path, bd_error *err);

// The formats.
bd_status bd_export_fake(bd_export *job, bd_error *err);
bd_status bd_export_qonnx(bd_export *job, bd_error *err);
bd_status bd_export_qdq(bd_export *job, bd_error *err);
bd_status bd_export_codebook(bd_export *job, bd_error *err);
bd_status bd_export_aimet(bd_export *job, bd_error *err);
bd_status bd_export_ort(bd_export *job, bd_error *err);
bd_status bd_export_coreml(bd_export *job, bd_error *err);
bd_status bd_export_litert(bd_export *job, bd_error *err);
bd_status bd_export_nncf(bd_export *job, bd_error *err);
bd_status bd_export_c(bd_export *job, bd_error *err);
bd_status bd_export_mem(bd_export *job, bd_error *err);

#endif
