// What is turned on a layer: the quantization setting, and the one table that names its fields.
#ifndef BD_QUANT_SETTING_H
#define BD_QUANT_SETTING_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum bd_method {
  BD_LINEAR,
  BD_LINEAR_MSE,
  BD_KMEANS,
  BD_TWO_STAGE,
  BD_TWO_STAGE_REFINED
} bd_method;
typedef enum bd_init {
  BD_PSO,
  BD_PSO_RANDOM,
  BD_KMEANS_PP,
  BD_INIT_LINEAR,
  BD_INIT_RANDOM,
  BD_OPTIMAL
} bd_init;
typedef enum bd_granularity { BD_TENSOR, BD_CHANNEL, BD_GROUP } bd_granularity;
typedef enum bd_grid { BD_SIGNED, BD_AFFINE } bd_grid;
typedef enum bd_zero { BD_CODE, BD_MASK } bd_zero;
typedef enum bd_scale { BD_FREE, BD_POW2 } bd_scale; // pow2: always on the signed grid

enum { BD_BITS_MAX = 8, BD_BITS_FLOAT = 32, BD_GROUP_USUAL = 32 };
#define BD_GROUP_MAX ((size_t)1 << 31)

typedef struct bd_setting {
  int bits;     // 1..8, or 32: keep float
  double prune; // 0..1, the share of weights set to zero
  bd_method method;
  bd_init init;
  bd_granularity granularity;
  size_t group; // of BD_GROUP: consecutive weights along the input of one channel; else 0
  bd_grid grid;
  bd_zero zero;
  bd_scale scale;
  uint64_t seed; // 0..2^53-1
} bd_setting;

// bits 8, prune 0, two-stage, pso, tensor, signed, code, free, seed 1.
bd_setting bd_setting_default(void);
bool bd_setting_equal(const bd_setting *a, const bd_setting *b);
// Is the layer clustered, so that there is an optimum to prove?
bool bd_setting_clusters(const bd_setting *setting);

// A named choice of an enumeration field: the one table of methods, of inits, …
typedef struct bd_choice {
  const char *name; // "two-stage"
  const char *help; // one line
} bd_choice;

// A field of the setting: its name on the command line, in the config, in the form.
typedef struct bd_field {
  const char *name; // "bits", "prune", "method", …
  const char *help;
  const bd_choice *choices; // NULL for numbers
  int choice_count;
} bd_field;

enum {
  BD_FIELD_BITS,
  BD_FIELD_PRUNE,
  BD_FIELD_METHOD,
  BD_FIELD_INIT,
  BD_FIELD_GRANULARITY,
  BD_FIELD_GRID,
  BD_FIELD_ZERO,
  BD_FIELD_SCALE,
  BD_FIELD_SEED,
  BD_FIELD_COUNT
};
const bd_field *bd_setting_field(int field); // NULL past the last

// The field of that name, or -1.
int bd_field_find(const char *name);

// Fields that do not go together: a power-of-two step needs a method with an even grid. BD_INVALID
// says so.
bd_status bd_setting_check(const bd_setting *setting, bd_error *err);

// Sets one field from text ("3", "0.5", "50%", "kmeans", "float", "group:32"). BD_INVALID names the
// field, the text and what is allowed; the setting is then unchanged.
bd_status bd_setting_set(bd_setting *setting, int field, const char *text, bd_error *err);
// The field as text that bd_setting_set reads back to the same value. Returns out.
char *bd_setting_get(const bd_setting *setting, int field, char *out, size_t size);
// Turns a field by steps: bits and seed by one (32 stands above 8), prune by a hundredth, a choice
// to the next one around that bd_setting_check allows. Clamped; true where something changed.
bool bd_setting_step(bd_setting *setting, int field, int steps);

// "bits=3,prune=0.5": several fields; all or none are set.
bd_status bd_setting_parse(bd_setting *setting, const char *text, bd_error *err);

#endif
