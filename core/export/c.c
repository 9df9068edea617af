// A C99 header: for every layer its codes, its steps or levels, its shape, and a function that
// gives the value of a weight.
#include "core/export/store.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN, PACKED }; // as in the table of versions

// A C string that holds those bytes: in octal whatever could mean something else.
static void put_string(bd_page *page, const char *text) {
  bd_page_put(page, "\"");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (isascii(c) && (isalnum(c) || strchr(" _-.,:;/()[]+*=<>@#", c)))
      bd_page_put(page, "%c", c);
    else
      bd_page_put(page, "\\%03o", c);
  }
  bd_page_put(page, "\"");
}

// A float constant that reads back to the same float.
static void put_float(bd_page *page, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", (double)(float)value);
  bd_page_put(page, "%s%sf", text, strpbrk(text, ".en") ? "" : ".0");
}

static void put_floats(bd_page *page, const char *name, const char *what, const double *values,
                       size_t count) {
  bd_page_put(page, "static const float %s_%s[%zu] = {", name, what, count);
  for (size_t i = 0; i < count; i++) {
    bd_page_put(page, "%s", i % 6 ? " " : "\n  ");
    put_float(page, values[i]);
    bd_page_put(page, ",");
  }
  bd_page_put(page, "\n};\n");
}

// --- codes ---------------------------------------------------------------------------------------

static const char *type_of(const bd_store *store, int version) {
  if (version == PACKED) return "uint8_t";
  if (store->grid) return store->bits > 8 ? "int16_t" : "int8_t";
  return store->bits > 8 ? "uint16_t" : "uint8_t";
}

// Packed: a code's bits from the lowest on, code after code, from each byte's lowest bit on.
static unsigned packed_byte(const bd_store *store, size_t byte) {
  unsigned out = 0;
  for (unsigned bit = 0; bit < 8; bit++) {
    size_t at = byte * 8 + bit, place = at / (size_t)store->bits;
    if (place < store->count)
      out |= ((unsigned)bd_store_code(store, place) >> at % (size_t)store->bits & 1) << bit;
  }
  return out;
}

static void put_codes(bd_page *page, const char *name, const bd_store *store, int version) {
  size_t count = store->count;
  if (version == PACKED) count = (count * (size_t)store->bits + 7) / 8;
  bd_page_put(page, "static const %s %s_codes[%zu] = {", type_of(store, version), name, count);
  for (size_t i = 0; i < count; i++) {
    bd_page_put(page, "%s", i % 20 ? "" : "\n  ");
    if (version == PACKED)
      bd_page_put(page, "%u,", packed_byte(store, i));
    else
      bd_page_put(page, "%d,", bd_store_code(store, i));
  }
  bd_page_put(page, "\n};\n");
}

static void put_code_function(bd_page *page, const char *name, const bd_store *store, int version) {
  bd_page_put(page, "static inline int %s_code(size_t i) {\n", name);
  if (version == PLAIN) {
    bd_page_put(page, "  return %s_codes[i];\n}\n", name);
    return;
  }
  bd_page_put(page,
              "  int code = 0;\n"
              "  for (size_t bit = 0; bit < %d; bit++) {\n"
              "    size_t at = i * %d + bit;\n"
              "    code |= (%s_codes[at / 8] >> at %% 8 & 1) << bit;\n"
              "  }\n",
              store->bits, store->bits, name);
  if (store->grid)
    bd_page_put(page, "  return code >= %d ? code - %d : code;\n}\n", 1 << (store->bits - 1),
                1 << store->bits);
  else
    bd_page_put(page, "  return code;\n}\n");
}

// --- values --------------------------------------------------------------------------------------

// C for the part of weight i.
static const char *part_of(const bd_store *store, bd_arena *arena) {
  const bd_axes *axes = &store->parts.axes;
  if (store->parts.count == 1) return "0";
  size_t groups = store->parts.count / axes->channels;
  if (groups == 1) return bd_arena_text(arena, "i / %zu %% %zu", axes->inner, axes->channels);
  return bd_arena_text(arena, "i / %zu %% %zu * %zu + (i / %zu * %zu + i %% %zu) / %zu",
                       axes->inner, axes->channels, groups, axes->inner * axes->channels,
                       axes->inner, axes->inner, store->parts.group);
}

static void put_firsts(bd_page *page, const char *name, const bd_store *store) {
  bd_page_put(page, "static const uint32_t %s_first[%zu] = {", name, store->parts.count);
  for (size_t part = 0; part < store->parts.count; part++)
    bd_page_put(page, "%s%zu,", part % 12 ? "" : "\n  ", bd_store_first(store, part));
  bd_page_put(page, "\n};\n");
}

static void put_value_function(bd_page *page, const char *name, const bd_store *store,
                               bd_arena *arena) {
  const char *part = part_of(store, arena);
  bd_page_put(page, "static inline float %s_value(size_t i) {\n  return ", name);
  if (store->scaled)
    bd_page_put(page, "%s_scale[i / %zu %% %zu] * ", name, store->parts.axes.inner,
                store->parts.axes.channels);
  if (store->grid)
    bd_page_put(page, "%s_steps[%s] * (float)(%s_code(i) - (%d));\n}\n", name, part ? part : "",
                name, store->zero_point);
  else if (store->parts.count == 1)
    bd_page_put(page, "%s_levels[%s_code(i)];\n}\n", name, name);
  else
    bd_page_put(page, "%s_levels[%s_first[%s] + (size_t)%s_code(i)];\n}\n", name, name,
                part ? part : "", name);
}

static void put_shape(bd_page *page, const char *name, const bd_store *store) {
  bd_page_put(page, "static inline const char *%s_name(void) {\n  return ", name);
  put_string(page, store->layer->tensor);
  bd_page_put(page, ";\n}\nenum { %s_rank = %d, %s_bits = %d };\n", name, store->layer->rank, name,
              store->bits);
  bd_page_put(page, "static const size_t %s_dims[%d] = {", name,
              store->layer->rank ? store->layer->rank : 1);
  for (int i = 0; i < store->layer->rank; i++)
    bd_page_put(page, "%lld, ", (long long)store->layer->shape[i]);
  bd_page_put(page, "%s};\nstatic inline size_t %s_dim(int axis) {\n  return %s_dims[axis];\n}\n",
              store->layer->rank ? "" : "1", name, name);
  bd_page_put(page, "static inline size_t %s_count(void) {\n  return %zu;\n}\n", name,
              store->count);
}

static void put_layer(bd_page *page, const bd_export *job, int layer) {
  const char *name = bd_store_name(job->plan, layer, job->arena);
  bd_store store = bd_store_of(job->plan, layer);
  if (!name) {
    page->short_of_memory = true;
    return;
  }
  bd_page_put(page, "\n");
  put_shape(page, name, &store);
  put_codes(page, name, &store, job->plan->version);
  put_code_function(page, name, &store, job->plan->version);
  put_floats(page, name, store.grid ? "steps" : "levels", store.numbers, store.number_count);
  if (!store.grid && store.parts.count > 1) put_firsts(page, name, &store);
  if (store.scaled) put_floats(page, name, "scale", store.coded->scale, store.parts.axes.channels);
  put_value_function(page, name, &store, job->arena);
  if (store.shift) put_floats(page, name, "shift", store.shift, store.channels);
  if (store.shift)
    bd_page_put(page,
                "static inline float %s_bias(size_t channel) {\n  return %s_shift[channel];\n}\n",
                name, name);
}

static void put_header(bd_page *page, const bd_export *job) {
  bd_page_put(page,
              "// Quantized weights, written by bitdial. NAME_value(i) is weight i of a layer in\n"
              "// the order in which ONNX stores it; NAME_name() is what it is called there.\n"
              "// NAME_bias(c), where there is one, is added to output channel c beside the\n"
              "// network's own bias: repair asks for it.\n"
              "#ifndef BITDIAL_WEIGHTS_H\n#define BITDIAL_WEIGHTS_H\n\n"
              "#include <stddef.h>\n#include <stdint.h>\n");
  for (int i = 0; i < job->plan->tuned->count; i++)
    if (job->plan->tuned->layers[i].coded && job->plan->fits[i].width < BD_BITS_FLOAT)
      put_layer(page, job, i);
  bd_page_put(page, "\n#endif\n");
}

// --- read back -----------------------------------------------------------------------------------

// The numbers of an array in the text, behind `after`; NULL where it is not there.
static const char *array_of(const char *text, const char *name, const char *what, bd_arena *arena) {
  char *head = bd_arena_text(arena, " %s_%s[", name, what);
  const char *found = head ? strstr(text, head) : NULL;
  found = found ? strchr(found, '{') : NULL;
  return found ? found + 1 : NULL;
}

static int unpack(const unsigned char *bytes, const bd_store *store, size_t place) {
  int code = 0;
  for (int bit = 0; bit < store->bits; bit++) {
    size_t at = place * (size_t)store->bits + (size_t)bit;
    code |= (bytes[at / 8] >> at % 8 & 1) << bit;
  }
  return store->grid && code >> (store->bits - 1) ? code - (1 << store->bits) : code;
}

static bd_status verify_codes(const bd_export *job, const bd_store *store, const char *at,
                              bd_error *err) {
  bool packed = job->plan->version == PACKED;
  size_t bytes = packed ? (store->count * (size_t)store->bits + 7) / 8 : 0;
  unsigned char *read = malloc(bytes + 1);
  if (!read) return bd_fail_memory(err, job->path);
  char *end;
  for (size_t i = 0; i < bytes; i++, at = end + 1)
    read[i] = (unsigned char)strtol(at, &end, 10);
  bool same = true;
  for (size_t i = 0; same && i < store->count; i++) {
    int code = packed ? unpack(read, store, i) : (int)strtol(at, &end, 10);
    if (!packed) at = end + 1;
    same = code == bd_store_code(store, i);
  }
  free(read);
  return same ? BD_OK
              : bd_fail(err, BD_FAILED, "%s: its codes were not read back", store->layer->tensor);
}

// wanted NULL: there are none.
static bd_status verify_floats(const char *text, const char *name, const char *what,
                               const double *wanted, size_t count, bd_arena *arena, bd_error *err) {
  const char *at = wanted ? array_of(text, name, what, arena) : text;
  if (!at) return bd_fail(err, BD_FAILED, "%s: its %s were not read back", name, what);
  for (size_t i = 0; wanted && i < count; i++) {
    char *end;
    if (strtof(at, &end) != (float)wanted[i])
      return bd_fail(err, BD_FAILED, "%s: its %s were not read back", name, what);
    at = end + 2; // the suffix and the comma
  }
  return BD_OK;
}

static bd_status verify_layer(const bd_export *job, int layer, const char *text, bd_error *err) {
  const char *name = bd_store_name(job->plan, layer, job->arena);
  bd_store store = bd_store_of(job->plan, layer);
  if (!name) return bd_fail_memory(err, job->path);
  const char *codes = array_of(text, name, "codes", job->arena);
  if (!codes) return bd_fail(err, BD_FAILED, "%s: was not read back", store.layer->tensor);
  BD_TRY(verify_floats(text, name, store.grid ? "steps" : "levels", store.numbers,
                       store.number_count, job->arena, err));
  if (store.scaled)
    BD_TRY(verify_floats(text, name, "scale", store.coded->scale, store.parts.axes.channels,
                         job->arena, err));
  BD_TRY(verify_floats(text, name, "shift", store.shift, store.channels, job->arena, err));
  return verify_codes(job, &store, codes, err);
}

static bd_status verify(const bd_export *job, const char *path, bd_error *err) {
  char *text;
  size_t size;
  BD_TRY(bd_file_read(path, SIZE_MAX, &text, &size, err));
  bd_status status = BD_OK;
  for (int i = 0; i < job->plan->tuned->count && status == BD_OK; i++)
    if (job->plan->tuned->layers[i].coded && job->plan->fits[i].width < BD_BITS_FLOAT)
      status = verify_layer(job, i, text, err);
  free(text);
  return status;
}

bd_status bd_export_c(bd_export *job, bd_error *err) {
  bd_page page = {0};
  put_header(&page, job);
  return bd_export_page(job, &page, verify, err);
}
