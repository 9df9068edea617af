#include "core/engine/image.h"

#include "core/base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>

enum { SIDE_MAX = 1 << 14 }; // pixels

static bd_status decode(const char *path, int channels, uint8_t **pixels, int *height, int *width,
                        bd_error *err) {
  bd_bytes bytes;
  int found;
  *pixels = NULL;
  BD_TRY(bd_file_map(path, &bytes, err));
  bool fits = bytes.size > 0 && bytes.size <= INT_MAX;
  bool known = fits && stbi_info_from_memory(bytes.data, (int)bytes.size, width, height, &found);
  bool small = known && *width <= SIDE_MAX && *height <= SIDE_MAX;
  if (small)
    *pixels = stbi_load_from_memory(bytes.data, (int)bytes.size, width, height, &found, channels);
  const char *why = stbi_failure_reason();
  bd_file_unmap(bytes);
  if (*pixels) return BD_OK;
  if (known && !small)
    return bd_fail(err, BD_INVALID, "%s: has %d × %d pixels, more than %d a side", path, *width,
                   *height, SIDE_MAX);
  return bd_fail(err, BD_INVALID, "%s: is no picture that can be read (%s): remove or replace it",
                 path, fits && why ? why : "empty");
}

// Halves up, as other tools do.
static int scaled(int length, int side, int shorter) {
  return (int)(((int64_t)length * side * 2 + shorter) / (2 * (int64_t)shorter));
}

bd_status bd_image_read(const char *path, int side, int height, int width, int channels,
                        uint8_t *out, bd_error *err) {
  uint8_t *pixels;
  int rows, columns;
  BD_TRY(decode(path, channels, &pixels, &rows, &columns, err));
  int shorter = rows < columns ? rows : columns;
  int high = scaled(rows, side, shorter), wide = scaled(columns, side, shorter);
  if (high < height) high = height;
  if (wide < width) wide = width;
  uint8_t *sized = malloc((size_t)high * (size_t)wide * (size_t)channels);
  bool fine = sized && stbir_resize_uint8_generic(
                           pixels, columns, rows, 0, sized, wide, high, 0, channels, -1, 0,
                           STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, NULL);
  int top = (high - height) / 2, left = (wide - width) / 2;
  size_t row = (size_t)width * (size_t)channels;
  for (int y = 0; fine && y < height; y++)
    memcpy(out + (size_t)y * row,
           sized + ((size_t)(top + y) * (size_t)wide + (size_t)left) * (size_t)channels, row);
  stbi_image_free(pixels);
  free(sized);
  return fine ? BD_OK : bd_fail_memory(err, path);
}
