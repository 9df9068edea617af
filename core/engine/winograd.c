#include "core/engine/winograd.h"

#include "core/base/widest.h"
#include "core/engine/activation.h"

#include <string.h>

// An output tile of 4×4 comes from an input tile of 6×6: both are transformed to 36 numbers, which
// are multiplied one by one and summed over the channels: 36 products of matrices.
enum { MADE = 4, TILE = 6, PLACES = TILE * TILE };
enum { CACHE = 384 << 10, LEAST = 16, MOST = 128 }; // floats, tiles of one round

typedef struct tiling {
  int64_t down, across, all; // tiles
  int64_t round;             // tiles that are worked on at once
} tiling;

static tiling tiling_of(const bd_conv_shape *s) {
  tiling t = {.down = (s->out[0] + MADE - 1) / MADE, .across = (s->out[1] + MADE - 1) / MADE};
  t.all = s->batch * t.down * t.across;
  t.round = CACHE / (PLACES * (s->in_channels + s->out_channels));
  if (t.round < LEAST) t.round = LEAST;
  if (t.round > MOST) t.round = MOST;
  if (t.round > t.all) t.round = t.all;
  int64_t rounds = (t.all + t.round - 1) / t.round;
  t.round = (t.all + rounds - 1) / rounds;
  return t;
}

bool bd_winograd_pays(const bd_conv_shape *s) {
  if (s->spatial != 2 || s->groups != 1 || s->transposed || !s->in_last || !s->out_last)
    return false;
  for (int i = 0; i < 2; i++)
    if (s->kernel[i] != 3 || s->stride[i] != 1 || s->dilation[i] != 1 || s->out[i] < 2 * MADE)
      return false;
  bool plain = s->eltwise == BD_ELTWISE_NONE || s->eltwise == BD_ELTWISE_RELU ||
               s->eltwise == BD_ELTWISE_CLIP;
  // With few channels the transforms cost more than is saved; few tiles make thin matrices.
  int64_t tiles = tiling_of(s).all;
  return plain && s->in_channels >= 32 && s->out_channels >= 32 && tiles >= LEAST &&
         tiles * s->in_channels >= 1024;
}

// --- weights -------------------------------------------------------------------------------------

static void transform_three(const float *g, int64_t step, float out[TILE]) {
  float a = g[0], b = g[step], c = g[2 * step];
  out[0] = a / 4;
  out[1] = -(a + b + c) / 6;
  out[2] = -(a - b + c) / 6;
  out[3] = a / 24 + b / 12 + c / 6;
  out[4] = a / 24 - b / 12 + c / 6;
  out[5] = c;
}

size_t bd_winograd_packed(const bd_conv_shape *s) {
  return (size_t)(PLACES * s->in_channels * s->out_channels) * sizeof(float);
}

void bd_winograd_pack(const bd_conv_shape *s, const float *weights, float *packed) {
  int64_t plane = s->in_channels * s->out_channels;
  for (int64_t c = 0; c < s->in_channels; c++)
    for (int64_t k = 0; k < s->out_channels; k++) {
      const float *kernel = weights + (k * s->in_channels + c) * 9;
      float columns[3][TILE], row[TILE];
      for (int i = 0; i < 3; i++)
        transform_three(kernel + i, 3, columns[i]);
      for (int y = 0; y < TILE; y++) {
        transform_three(&columns[0][y], TILE, row);
        for (int x = 0; x < TILE; x++)
          packed[(y * TILE + x) * plane + c * s->out_channels + k] = row[x];
      }
    }
}

#define INLINE __attribute__((always_inline)) static inline // into each copy for wide vectors

// --- tiles ---------------------------------------------------------------------------------------

// Each of `count` channels: six values, in_step apart, become six, out_step apart.
INLINE void transform_in(const float *restrict in, int64_t in_step, int64_t count,
                         float *restrict out, int64_t out_step) {
  for (int64_t c = 0; c < count; c++) {
    float a = in[c], b = in[in_step + c], d = in[2 * in_step + c];
    float e = in[3 * in_step + c], f = in[4 * in_step + c], g = in[5 * in_step + c];
    float even = f - 4 * d, odd = e - 4 * b, near = f - d, far = 2 * (e - b);
    out[c] = 4 * a - 5 * d + f;
    out[out_step + c] = even + odd;
    out[2 * out_step + c] = even - odd;
    out[3 * out_step + c] = near + far;
    out[4 * out_step + c] = near - far;
    out[5 * out_step + c] = 4 * b - 5 * e + g;
  }
}

// Six values become four.
INLINE void transform_out(const float *restrict in, int64_t in_step, int64_t count,
                          float *restrict out, int64_t out_step) {
  for (int64_t c = 0; c < count; c++) {
    float b = in[in_step + c], d = in[2 * in_step + c];
    float e = in[3 * in_step + c], f = in[4 * in_step + c];
    float sum = b + d, difference = b - d, far_sum = e + f, far = e - f;
    out[c] = in[c] + sum + far_sum;
    out[out_step + c] = difference + 2 * far;
    out[2 * out_step + c] = sum + 4 * far_sum;
    out[3 * out_step + c] = difference + 8 * far + in[5 * in_step + c];
  }
}

typedef struct position {
  int64_t image, y, x; // of the tile's first output
} position;

static position position_of(const tiling *t, int64_t tile) {
  int64_t in_image = tile % (t->down * t->across);
  return (position){tile / (t->down * t->across), in_image / t->across * MADE,
                    in_image % t->across * MADE};
}

// The tile's input: where it stands, or (at the border) a copy with zeros around.
static const float *input_of(const bd_conv_shape *s, const float *in, position p, float *copy,
                             int64_t *row) {
  int64_t channels = s->in_channels, top = p.y - s->low[0], left = p.x - s->low[1];
  const float *image = in + p.image * s->in[0] * s->in[1] * channels;
  *row = s->in[1] * channels;
  if (top >= 0 && left >= 0 && top + TILE <= s->in[0] && left + TILE <= s->in[1])
    return image + (top * s->in[1] + left) * channels;
  *row = TILE * channels;
  for (int64_t i = 0; i < PLACES; i++, copy += channels) {
    int64_t y = top + i / TILE, x = left + i % TILE;
    bool inside = y >= 0 && x >= 0 && y < s->in[0] && x < s->in[1];
    size_t bytes = (size_t)channels * sizeof *copy;
    if (inside)
      memcpy(copy, image + (y * s->in[1] + x) * channels, bytes);
    else
      memset(copy, 0, bytes);
  }
  return copy - PLACES * channels;
}

// Bias, sum and activation of one output position.
INLINE void finish(const bd_conv_shape *s, const float *restrict in, const float *restrict bias,
                   float *restrict out) {
  int64_t count = s->out_channels;
  if (s->sum)
    for (int64_t c = 0; c < count; c++)
      out[c] += in[c] + bias[c];
  else
    for (int64_t c = 0; c < count; c++)
      out[c] = in[c] + bias[c];
  bd_activate(s->eltwise, s->alpha, s->beta, count, out);
}

BD_WIDEST static void put_output(const bd_conv_shape *s, position p, const float *tile,
                                 const float *bias, float *out) {
  int64_t channels = s->out_channels;
  float *image = out + p.image * s->out[0] * s->out[1] * channels;
  for (int64_t y = 0; y < MADE && p.y + y < s->out[0]; y++)
    for (int64_t x = 0; x < MADE && p.x + x < s->out[1]; x++)
      finish(s, tile + (y * MADE + x) * channels, bias,
             image + ((p.y + y) * s->out[1] + p.x + x) * channels);
}

// --- the whole -----------------------------------------------------------------------------------

// Scratch memory: transformed inputs, their products, a tile before and between its transforms, and
// a bias of zeros.
typedef struct buffers {
  float *taken, *made, *tile, *between, *zeros;
} buffers;

static int64_t wider(const bd_conv_shape *s) {
  return s->in_channels > s->out_channels ? s->in_channels : s->out_channels;
}

size_t bd_winograd_scratch(const bd_conv_shape *s) {
  int64_t each = PLACES * tiling_of(s).round;
  return (size_t)(each * (s->in_channels + s->out_channels) + (2 * PLACES + 1) * wider(s));
}

static buffers buffers_of(const bd_conv_shape *s, float *scratch) {
  int64_t each = PLACES * tiling_of(s).round;
  buffers b = {.taken = scratch};
  b.made = b.taken + each * s->in_channels;
  b.tile = b.made + each * s->out_channels;
  b.between = b.tile + PLACES * wider(s);
  b.zeros = b.between + PLACES * wider(s);
  memset(b.zeros, 0, (size_t)s->out_channels * sizeof *b.zeros);
  return b;
}

BD_WIDEST static void take_tile(const float *from, int64_t row, int64_t channels, float *between,
                                float *to, int64_t place_step) {
  transform_in(from, row, TILE * channels, between, TILE * channels);
  for (int64_t y = 0; y < TILE; y++)
    transform_in(between + y * TILE * channels, channels, channels, to + y * TILE * place_step,
                 place_step);
}

static void take_tiles(const bd_conv_shape *s, const tiling *t, const float *in, int64_t first,
                       int64_t count, const buffers *b) {
  int64_t channels = s->in_channels, row;
  for (int64_t i = 0; i < count; i++) {
    const float *from = input_of(s, in, position_of(t, first + i), b->tile, &row);
    take_tile(from, row, channels, b->between, b->taken + i * channels, count * channels);
  }
}

BD_WIDEST static void make_tile(const float *from, int64_t place_step, int64_t channels,
                                float *between, float *to) {
  for (int64_t x = 0; x < TILE; x++)
    transform_out(from + x * place_step, TILE * place_step, channels, between + x * channels,
                  TILE * channels);
  for (int64_t y = 0; y < MADE; y++)
    transform_out(between + y * TILE * channels, channels, channels, to + y * MADE * channels,
                  channels);
}

static void make_tiles(const bd_conv_shape *s, const tiling *t, const float *bias, int64_t first,
                       int64_t count, const buffers *b, float *out) {
  int64_t channels = s->out_channels;
  for (int64_t i = 0; i < count; i++) {
    make_tile(b->made + i * channels, count * channels, channels, b->between, b->tile);
    put_output(s, position_of(t, first + i), b->tile, bias, out);
  }
}

void bd_winograd_run(const bd_conv_shape *s, const float *in, const float *packed,
                     const float *bias, float *out, float *scratch) {
  tiling t = tiling_of(s);
  buffers b = buffers_of(s, scratch);
  int64_t c = s->in_channels, k = s->out_channels;
  if (!s->bias) bias = b.zeros;
  for (int64_t first = 0; first < t.all; first += t.round) {
    int64_t count = t.all - first < t.round ? t.all - first : t.round;
    take_tiles(s, &t, in, first, count, &b);
    for (int64_t place = 0; place < PLACES; place++)
      bd_sgemm(false, false, count, k, c, 1, b.taken + place * count * c, c, packed + place * c * k,
               k, 0, b.made + place * count * k, k);
    make_tiles(s, &t, bias, first, count, &b, out);
  }
}
