#include "core/engine/image.h"

#include "core/base/file.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <stb/stb_image.h>

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

// Where along one axis an output pixel comes from: weights of input pixels from `first` on.
typedef struct reach {
  int first, count;
  float *weights;
} reach;

// A triangle as wide as the input pixels that one output pixel stands for, at least one.
static void find_reach(int at, int from, int to, reach *out) {
  double step = (double)from / to, width = step > 1 ? step : 1, centre = (at + 0.5) * step;
  int low = (int)floor(centre - width), high = (int)ceil(centre + width);
  double sum = 0;
  out->first = low < 0 ? 0 : low;
  out->count = (high > from ? from : high) - out->first;
  for (int i = 0; i < out->count; i++) {
    double weight = 1 - fabs(out->first + i + 0.5 - centre) / width;
    out->weights[i] = weight > 0 ? (float)weight : 0;
    sum += (double)out->weights[i];
  }
  for (int i = 0; i < out->count; i++)
    out->weights[i] = (float)((double)out->weights[i] / sum);
}

// One axis of `from` pixels becomes `to`: `outer` times, pixels of `inner` values each.
static bool resize_axis(const uint8_t *in, uint8_t *out, int outer, int from, int to, int inner) {
  reach near = {.weights = malloc(((size_t)from + 4) * sizeof *near.weights)};
  bool fine = near.weights != NULL;
  for (int i = 0; fine && i < to; i++) {
    find_reach(i, from, to, &near);
    for (int o = 0; o < outer; o++)
      for (int k = 0; k < inner; k++) {
        const uint8_t *source =
            in + ((size_t)o * (size_t)from + (size_t)near.first) * (size_t)inner + k;
        float sum = 0.5f;
        for (int n = 0; n < near.count; n++)
          sum += near.weights[n] * (float)source[(size_t)n * (size_t)inner];
        out[((size_t)o * (size_t)to + (size_t)i) * (size_t)inner + (size_t)k] =
            (uint8_t)(sum > 255 ? 255 : sum);
      }
  }
  free(near.weights);
  return fine;
}

// rows × columns → high × wide, into fresh memory; NULL without.
static uint8_t *resized(const uint8_t *pixels, int rows, int columns, int high, int wide,
                        int channels) {
  uint8_t *half = malloc((size_t)rows * (size_t)wide * (size_t)channels);
  uint8_t *out = malloc((size_t)high * (size_t)wide * (size_t)channels);
  bool fine = half && out && resize_axis(pixels, half, rows, columns, wide, channels) &&
              resize_axis(half, out, 1, rows, high, wide * channels);
  free(half);
  if (fine) return out;
  free(out);
  return NULL;
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
  if (high > SIDE_MAX || wide > SIDE_MAX) { // a line of pixels, no picture
    stbi_image_free(pixels);
    return bd_fail(err, BD_INVALID, "%s: has %d × %d pixels: too thin to be cut", path, columns,
                   rows);
  }
  uint8_t *sized = resized(pixels, rows, columns, high, wide, channels);
  stbi_image_free(pixels);
  if (!sized) return bd_fail_memory(err, path);
  int top = (high - height) / 2, left = (wide - width) / 2;
  size_t row = (size_t)width * (size_t)channels;
  for (int y = 0; y < height; y++)
    memcpy(out + (size_t)y * row,
           sized + ((size_t)(top + y) * (size_t)wide + (size_t)left) * (size_t)channels, row);
  free(sized);
  return BD_OK;
}
