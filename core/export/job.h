// What the formats share while they write. For core/export alone.
#ifndef BD_EXPORT_JOB_H
#define BD_EXPORT_JOB_H

#include "core/base/file.h"
#include "core/export/format.h"

#include <cjson/cJSON.h>

typedef struct bd_export {
  const bd_export_plan *plan;
  const char *path;
  bd_arena *arena; // until the job is done
  bd_report *report;
} bd_export;

// The value that the target gives the weight at a place of a coded layer.
double bd_fit_value(const bd_export_plan *plan, int layer, size_t place);

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
// JSON, on several lines with a line's end, or on one without.
void bd_page_json(bd_page *page, const cJSON *json);
void bd_page_json_line(bd_page *page, const cJSON *json);
void bd_page_free(bd_page *page);

// Is a number that was read back the one that was written, to the last digits that a float has?
bool bd_reads_as(double got, double wanted);

// The names of the nodes whose weights stay float, as a JSON list; NULL without memory.
cJSON *bd_float_nodes(const bd_export_plan *plan);

// One of the files of an export: written aside, then read back, then put in place.
typedef struct bd_output {
  const char *path;
  bd_writer *writer;
  const char *aside;
} bd_output;
// Writes text aside; bd_outputs_abort in every case.
bd_status bd_output_open(const char *path, const bd_page *page, bd_output *out, bd_error *err);
void bd_outputs_abort(bd_output *outputs, int count);
// Reports and puts all of them in place, one after the other.
bd_status bd_outputs_commit(bd_export *job, bd_output *outputs, int count, bd_error *err);
// An export of one text file: writes the page, which it frees in every case, aside, has it verified
// (NULL: compares it byte for byte), and puts it in place.
bd_status bd_export_page(bd_export *job, bd_page *page,
                         bd_status (*verify)(const bd_export *job, const char *path, bd_error *err),
                         bd_error *err);

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
