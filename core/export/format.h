// The formats that a tuned network can be exported to: one table, and what each cannot hold.
//
// A format's own nature is said once, in its row (`loses`). What it cannot hold of one layer — a
// width, a codebook, a bias — is a loss: something else is written instead, which is planned,
// and can be shown, before anything is written.
#ifndef BD_EXPORT_FORMAT_H
#define BD_EXPORT_FORMAT_H

#include "core/export/integers.h"
#include "core/export/tuned.h"
#include "core/model/arena.h"

#include <stdint.h>

// What a format holds of a layer besides widths.
enum {
  BD_HOLDS_CODEBOOKS = 1,   // levels anywhere; without it: an even grid
  BD_HOLDS_ZERO_POINTS = 2, // an even grid that is not even around zero
  BD_HOLDS_MASKS = 4,       // pruned weights cost one bit
  BD_HOLDS_FLOATS = 8,      // every weight is stored as a float, whatever its levels
  BD_HOLDS_RANGES = 16,     // alone: the target draws its own grid between a channel's extremes
  BD_HOLDS_GROUPS = 32,     // steps or codebooks for parts of a channel
  BD_HOLDS_INTEGERS = 64,   // with codebooks: an even grid is stored as integers all the same
  BD_HOLDS_DISTINCT = 128,  // with codebooks: 256 distinct values in a whole tensor, at most
  BD_HOLDS_BIASES = 256,    // what repair adds to the outputs
};

#define BD_WIDTH(b)         (1u << (b))
#define BD_WIDTHS(from, to) ((2u << (to)) - (1u << (from)))

typedef struct bd_version {
  const char *name; // "" where there is only one
  unsigned widths;  // BD_WIDTH(b) of every b that is held
  const char *unit; // "int8": what a width is called there
} bd_version;

struct bd_export;

typedef struct bd_format {
  const char *name, *extension;
  const char *help;           // one line
  const char *takes, *loses;  // one line each
  const char *load;           // how it is loaded, in one command; PATH stands for the file
  const bd_version *versions; // the first is the default; ends with a NULL name
  unsigned holds;
  bd_status (*write)(struct bd_export *job, bd_error *err); // for core/export alone
} bd_format;

// The table; NULL past the last.
const bd_format *bd_format_at(int index);
// BD_INVALID names what there is. version NULL: the default.
bd_status bd_format_find(const char *name, const char *version, const bd_format **out, int *number,
                         bd_error *err);

// What a format cannot hold of layers with this setting, for a warning at the dial: "5 bits do not
// fit qdq: int8". False, and an empty text, where it holds all of it.
bool bd_format_warns(const bd_format *format, int version, const bd_setting *setting, char *out,
                     size_t size);

// Something else is written for a layer.
typedef struct bd_loss {
  int layer;
  char what[128];                   // "a codebook of 16 levels"
  char instead[128];                // "an even grid of 8 bits"
  double bytes_before, bytes_after; // packed
  double sqnr_before, sqnr_after;   // in dB, against the original weights; +Inf where exact
} bd_loss;

// How one layer is written.
typedef struct bd_fit {
  bd_integers *integers; // of formats with even grids; NULL: as coded, or float
  int width;             // bits that a weight is stored in; 32 float
  bool zero_point;       // the integers need one in that width
} bd_fit;

typedef struct bd_export_plan {
  const bd_tuned *tuned;
  const bd_format *format;
  int version;
  bd_fit *fits; // one a layer
  bd_loss *losses;
  int loss_count;
  double bytes; // packed, as the target stores it, of all layers that are not refused
} bd_export_plan;

// The tuned network must live as long as the plan.
bd_status bd_export_plan_of(const bd_tuned *tuned, const bd_format *format, int version,
                            bd_export_plan *out, bd_error *err);
void bd_export_plan_free(bd_export_plan *plan);

// What was written.
typedef struct bd_report {
  double packed, on_disk, gzip; // bytes: of the weights, of all files, of all files compressed
  int files;
  char notes[512]; // what else there is to know ("raised from opset 11 to 13"), or ""
} bd_report;

// Writes the plan's files, whole or not at all, and reads them back first: names, values, distinct
// values, zeros, ONNX's checker. BD_FAILED: could not be written, or was not read back as it should
// be. BD_INVALID: the model or the path does not allow it.
bd_status bd_export_write(const bd_export_plan *plan, const char *path, bd_report *report,
                          bd_error *err);

#endif
