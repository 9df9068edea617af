#include "core/engine/npy.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { HEADER_MAX = 1 << 16, START = 10 }; // START: bytes before a version 1 header's text

typedef struct type_code {
  const char *code;
  bd_type type;
} type_code;

static const type_code codes[] = {
    {"f4", BD_TYPE_FLOAT},  {"f8", BD_TYPE_DOUBLE}, {"f2", BD_TYPE_FLOAT16}, {"i1", BD_TYPE_INT8},
    {"i2", BD_TYPE_INT16},  {"i4", BD_TYPE_INT32},  {"i8", BD_TYPE_INT64},   {"u1", BD_TYPE_UINT8},
    {"u2", BD_TYPE_UINT16}, {"u4", BD_TYPE_UINT32}, {"u8", BD_TYPE_UINT64},  {"b1", BD_TYPE_BOOL},
};
enum { CODES = sizeof codes / sizeof *codes };

// --- reading -------------------------------------------------------------------------------------

static bd_status bad(const char *path, const char *what, bd_error *err) {
  return bd_fail(err, BD_INVALID, "%s: %s", path, what);
}

// What follows a key in the header's dictionary, or NULL.
static const char *value_of(const char *header, const char *key) {
  const char *found = strstr(header, key);
  if (!found) return NULL;
  found += strlen(key);
  while (*found == ' ' || *found == ':')
    found++;
  return found;
}

static bd_status read_type(const char *header, const char *path, bd_type *out, bd_error *err) {
  const char *said = value_of(header, "'descr'");
  if (!said || *said != '\'') return bad(path, "holds no plain array: save numbers", err);
  said++;
  if (*said == '>') return bad(path, "is big-endian: save it with .astype('<f4')", err);
  if (strchr("<=|", *said)) said++;
  for (int i = 0; i < CODES; i++) {
    if (strncmp(said, codes[i].code, 2) != 0 || said[2] != '\'') continue;
    *out = codes[i].type;
    return BD_OK;
  }
  return bd_fail(err, BD_INVALID,
                 "%s: holds elements of type %.*s, which are not read: save float32", path,
                 (int)strcspn(said, "'"), said);
}

static bd_status read_shape(const char *header, const char *path, bd_type type, bd_tensor *out,
                            bd_error *err) {
  const char *at = value_of(header, "'shape'");
  int64_t dims[BD_DIMS_MAX];
  int rank = 0;
  if (!at || *at++ != '(') return bad(path, "has no shape", err);
  while (*at && *at != ')') {
    if (!isdigit((unsigned char)*at)) {
      at++;
      continue;
    }
    char *end;
    errno = 0;
    long long dim = strtoll(at, &end, 10);
    if (errno || rank == BD_DIMS_MAX) return bad(path, "has a shape that is too large", err);
    dims[rank++] = dim;
    at = end;
  }
  if (!bd_tensor_shape(out, type, rank, dims))
    return bad(path, "has a shape that is too large", err);
  return BD_OK;
}

// The header's text, terminated, and where the data begin.
static bd_status read_header(bd_bytes bytes, const char *path, char **header, size_t *data,
                             bd_error *err) {
  static const char magic[] = "\x93NUMPY";
  if (bytes.size < START + 2 || memcmp(bytes.data, magic, 6) != 0)
    return bad(path, "is no .npy array", err);
  bool wide = bytes.data[6] >= 2; // version 2: four bytes of length
  size_t start = wide ? START + 2 : START;
  size_t length = (size_t)bytes.data[8] | (size_t)bytes.data[9] << 8;
  if (wide) length |= (size_t)bytes.data[10] << 16 | (size_t)bytes.data[11] << 24;
  if (length > HEADER_MAX || bytes.size - start < length)
    return bad(path, "is cut short in its header", err);
  *header = malloc(length + 1);
  if (!*header) return bd_fail_memory(err, path);
  memcpy(*header, bytes.data + start, length);
  (*header)[length] = '\0';
  *data = start + length;
  return BD_OK;
}

static bd_status place_data(bd_bytes bytes, size_t start, const char *path, bd_array *array,
                            bd_error *err) {
  bd_tensor *tensor = &array->tensor;
  size_t wanted = bd_tensor_bytes(tensor), size = bd_type_size(tensor->type);
  if (bytes.size - start < wanted)
    return bd_fail(err, BD_INVALID,
                   "%s: cut short: holds %zu bytes of data, its shape asks for %zu", path,
                   bytes.size - start, wanted);
  const uint8_t *from = bytes.data + start;
  tensor->data = (void *)(uintptr_t)(wanted ? (const void *)from : bd_nothing);
  if ((uintptr_t)from % size == 0 || !wanted) return BD_OK;
  array->owned = tensor->data = malloc(wanted);
  if (!tensor->data) return bd_fail_memory(err, path);
  memcpy(tensor->data, from, wanted);
  return BD_OK;
}

static bd_status parse(bd_bytes bytes, const char *path, bd_array *array, bd_error *err) {
  char *header = NULL;
  size_t start = 0;
  bd_type type = BD_TYPE_NONE;
  BD_TRY(read_header(bytes, path, &header, &start, err));
  bd_status status = read_type(header, path, &type, err);
  const char *order = value_of(header, "'fortran_order'");
  if (status == BD_OK && (!order || strncmp(order, "False", 5) != 0))
    status = bad(path, "is in Fortran order: save np.ascontiguousarray of it", err);
  if (status == BD_OK) status = read_shape(header, path, type, &array->tensor, err);
  if (status == BD_OK) status = place_data(bytes, start, path, array, err);
  free(header);
  return status;
}

static bd_status read_npy(bd_bytes bytes, const char *path, bd_arrays *out, bd_error *err) {
  out->items = calloc(1, sizeof *out->items);
  if (!out->items) return bd_fail_memory(err, path);
  out->count = 1;
  out->items[0].name = strdup("");
  return out->items[0].name ? parse(bytes, path, &out->items[0], err) : bd_fail_memory(err, path);
}

// --- archives ------------------------------------------------------------------------------------

// What deflate makes of a byte at most (zlib's own figure): a member that claims more lies, and
// would have memory taken for it.
enum { DEFLATE_MOST = 1032 };

// A member's name and sizes, as far as they can be.
static bd_status look_at_member(zip_t *zip, zip_uint64_t index, size_t archive, const char *path,
                                zip_stat_t *about, bd_error *err) {
  zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_NAME | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(zip, index, 0, about) != 0 || (about->valid & needed) != needed)
    return bad(path, "is a damaged archive", err);
  if (about->comp_method != ZIP_CM_STORE && about->comp_method != ZIP_CM_DEFLATE)
    return bad(path, "is compressed as NumPy never does", err);
  if (about->comp_size > archive || about->size / DEFLATE_MOST > about->comp_size)
    return bad(path, "is a damaged archive", err);
  return BD_OK;
}

// One member, decompressed into memory of its own.
static bd_status read_member(zip_t *zip, zip_uint64_t index, size_t archive, const char *path,
                             bd_array *array, bd_error *err) {
  zip_stat_t about;
  BD_TRY(look_at_member(zip, index, archive, path, &about, err));
  size_t length = strlen(about.name);
  if (length > 4 && strcmp(about.name + length - 4, ".npy") == 0) length -= 4;
  array->name = strndup(about.name, length);
  char *bytes = malloc((size_t)about.size + 1);
  zip_file_t *file = bytes && array->name ? zip_fopen_index(zip, index, 0) : NULL;
  zip_int64_t got = file ? zip_fread(file, bytes, about.size) : -1;
  if (file) zip_fclose(file);
  array->owned = bytes;
  if (!bytes || !array->name) return bd_fail_memory(err, path);
  if (got < 0 || (zip_uint64_t)got != about.size) return bad(path, "is a damaged archive", err);
  bd_array made = {0};
  bd_status status =
      parse((bd_bytes){(const uint8_t *)bytes, (size_t)about.size}, path, &made, err);
  array->tensor = made.tensor;
  if (!made.owned) return status;
  free(bytes); // data were copied, to be aligned
  array->owned = made.owned;
  return status;
}

static bd_status read_npz(bd_bytes bytes, const char *path, bd_arrays *out, bd_error *err) {
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(bytes.data, bytes.size, 0, &why);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
  if (!zip) {
    bd_status status =
        bd_fail(err, BD_INVALID, "%s: is a damaged archive: %s", path, zip_error_strerror(&why));
    if (source) zip_source_free(source);
    zip_error_fini(&why);
    return status;
  }
  zip_int64_t count = zip_get_num_entries(zip, 0);
  bd_status status = count > 0 && count < 1 << 20 ? BD_OK : bad(path, "holds no arrays", err);
  if (status == BD_OK) out->items = calloc((size_t)count, sizeof *out->items);
  if (status == BD_OK && !out->items) status = bd_fail_memory(err, path);
  for (zip_int64_t i = 0; i < count && status == BD_OK; i++) {
    out->count++;
    status = read_member(zip, (zip_uint64_t)i, bytes.size, path, &out->items[i], err);
  }
  zip_discard(zip);
  zip_error_fini(&why);
  return status;
}

bd_status bd_arrays_read(const char *path, bd_arrays *out, bd_error *err) {
  bd_bytes bytes;
  *out = (bd_arrays){0};
  BD_TRY(bd_file_map(path, &bytes, err));
  bool archive = bytes.size >= 4 && memcmp(bytes.data, "PK", 2) == 0;
  bd_status status = archive ? read_npz(bytes, path, out, err) : read_npy(bytes, path, out, err);
  bool viewed = !archive && status == BD_OK && !out->items[0].owned;
  if (viewed)
    out->items[0].file = bytes;
  else
    bd_file_unmap(bytes);
  if (status != BD_OK) bd_arrays_free(out);
  return status;
}

void bd_arrays_free(bd_arrays *arrays) {
  for (int i = 0; i < arrays->count; i++) {
    free(arrays->items[i].name);
    free(arrays->items[i].owned);
    bd_file_unmap(arrays->items[i].file);
  }
  free(arrays->items);
  *arrays = (bd_arrays){0};
}

// --- writing -------------------------------------------------------------------------------------

static const char *code_of(bd_type type) {
  for (int i = 0; i < CODES; i++)
    if (codes[i].type == type) return codes[i].code;
  return NULL;
}

// The header of a .npy file, padded so that data begin at a multiple of 64. Returns its length.
static size_t make_header(const bd_tensor *tensor, char out[512]) {
  char dims[256] = "";
  size_t at = 0;
  for (int i = 0; i < tensor->rank; i++)
    at += (size_t)snprintf(dims + at, sizeof dims - at, "%s%lld%s", i ? ", " : "",
                           (long long)tensor->dims[i], tensor->rank == 1 ? "," : "");
  const char *code = code_of(tensor->type);
  size_t length =
      START + (size_t)snprintf(out + START, 512 - START,
                               "{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }",
                               bd_type_size(tensor->type) == 1 ? "|" : "<", code, dims);
  while ((length + 1) % 64)
    out[length++] = ' ';
  out[length++] = '\n';
  memcpy(out, "\x93NUMPY\x01", 8);
  out[8] = (char)((length - START) & 255);
  out[9] = (char)((length - START) >> 8);
  return length;
}

// NumPy has no bfloat16: such values are written as floats.
static bd_status add_member(zip_t *zip, const char *name, const bd_tensor *given, bd_error *err) {
  bd_tensor tensor = *given;
  char header[512], *file_name = malloc(strlen(name) + 5);
  if (tensor.type == BD_TYPE_BFLOAT16) tensor.type = BD_TYPE_FLOAT;
  size_t start = make_header(&tensor, header), bytes = bd_tensor_bytes(&tensor);
  char *data = malloc(start + bytes);
  bd_status status = file_name && data ? BD_OK : bd_fail_memory(err, name);
  if (status == BD_OK) {
    memcpy(data, header, start);
    bd_convert(given->type, given->data, tensor.type, data + start, tensor.count);
    strcat(strcpy(file_name, name), ".npy");
    zip_source_t *source = zip_source_buffer(zip, data, start + bytes, 1); // takes data over
    if (source) data = NULL;
    zip_int64_t index = source ? zip_file_add(zip, file_name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
      status = bd_fail(err, BD_FAILED, "output %s: cannot be put into an archive: %s", name,
                       zip_strerror(zip));
      if (source) zip_source_free(source);
    } else {
      zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0);
    }
  }
  free(file_name);
  free(data);
  return status;
}

// What the archive's source holds after closing → the file.
static bd_status put_out(zip_source_t *source, const char *path, bd_error *err) {
  zip_stat_t about;
  bd_writer *writer;
  if (zip_source_stat(source, &about) != 0 || zip_source_open(source) != 0)
    return bd_fail(err, BD_FAILED, "%s: the archive cannot be made", path);
  bd_status status = bd_writer_open(path, &writer, err);
  char piece[1 << 14];
  zip_int64_t got = 0;
  while (status == BD_OK && (got = zip_source_read(source, piece, sizeof piece)) > 0)
    bd_writer_put(writer, piece, (size_t)got);
  zip_source_close(source);
  return status == BD_OK ? bd_writer_commit(writer, err) : status;
}

bd_status bd_npz_write(const char *path, const char *const *names, const bd_tensor *tensors,
                       int count, bd_error *err) {
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &why);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, &why) : NULL;
  bd_status status = zip ? BD_OK : bd_fail(err, BD_FAILED, "%s: the archive cannot be made", path);
  if (zip) zip_source_keep(source);
  for (int i = 0; i < count && status == BD_OK; i++)
    status = add_member(zip, names[i], &tensors[i], err);
  if (zip && status != BD_OK) zip_discard(zip);
  if (zip && status == BD_OK && zip_close(zip) != 0) {
    status = bd_fail(err, BD_FAILED, "%s: the archive cannot be made: %s", path, zip_strerror(zip));
    zip_discard(zip);
  }
  if (status == BD_OK) status = put_out(source, path, err);
  if (source) zip_source_free(source);
  zip_error_fini(&why);
  return status;
}
