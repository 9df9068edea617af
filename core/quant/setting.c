#include "core/quant/setting.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX (((uint64_t)1 << 53) - 1)

static const bd_choice method_choices[] = {
    [BD_LINEAR] = {"linear", "even levels over the whole range (min-max)"},
    [BD_LINEAR_MSE] = {"linear-mse",
                       "even levels over the range that costs the least squared error"},
    [BD_KMEANS] = {"kmeans", "levels are the centroids of a K-means clustering"},
    [BD_TWO_STAGE] = {"two-stage", "K-means, then each centroid goes to an even grid (the paper)"},
    [BD_TWO_STAGE_REFINED] = {"two-stage-refined",
                              "two-stage, then grid and assignment improve each other"},
};
static const bd_choice init_choices[] = {
    [BD_PSO] = {"pso", "centroids from a seeded particle swarm, then Lloyd"},
    [BD_PSO_RANDOM] = {"pso-random", "a plain particle swarm from random weights, then Lloyd"},
    [BD_KMEANS_PP] = {"kmeans++", "weights drawn by their squared distance, then Lloyd"},
    [BD_INIT_LINEAR] = {"linear", "even over the range, then Lloyd"},
    [BD_INIT_RANDOM] = {"random", "weights drawn at random, then Lloyd"},
    [BD_OPTIMAL] = {"optimal", "the proved global optimum, no swarm"},
};
static const bd_choice granularity_choices[] = {
    [BD_TENSOR] = {"tensor", "one set of levels for the whole tensor"},
    [BD_CHANNEL] = {"channel", "a set of levels for each output channel"},
    [BD_GROUP] = {"group:32", "one for each 32 weights along a channel's input; any group:N"},
};
static const bd_choice grid_choices[] = {
    [BD_SIGNED] = {"signed", "step x q, symmetric, no zero point"},
    [BD_AFFINE] = {"affine", "step x (q - zero point), 0 among the levels"},
};
static const bd_choice zero_choices[] = {
    [BD_CODE] = {"code", "zero is one of the levels"},
    [BD_MASK] = {"mask", "a bitmap marks the zeros, the other weights use all levels"},
};
static const bd_choice scale_choices[] = {
    [BD_FREE] = {"free", "any step"},
    [BD_POW2] = {"pow2", "a power of two (fixed point), on the signed grid"},
};

#define COUNT(array)   ((int)(sizeof(array) / sizeof *(array)))
#define CHOICES(array) array, COUNT(array)

static const bd_field fields[BD_FIELD_COUNT] = {
    [BD_FIELD_BITS] = {"bits", "bits a weight: 1 to 8, or 32 to keep float", NULL, 0},
    [BD_FIELD_PRUNE] = {"prune", "share of the weights set to zero: 0 to 1", NULL, 0},
    [BD_FIELD_METHOD] = {"method", "how levels are chosen", CHOICES(method_choices)},
    [BD_FIELD_INIT] = {"init", "where K-means starts", CHOICES(init_choices)},
    [BD_FIELD_GRANULARITY] = {"granularity", "what shares a set of levels",
                              CHOICES(granularity_choices)},
    [BD_FIELD_GRID] = {"grid", "the even grid of the uniform methods", CHOICES(grid_choices)},
    [BD_FIELD_ZERO] = {"zero", "how zeros are stored", CHOICES(zero_choices)},
    [BD_FIELD_SCALE] = {"scale", "what the grid's step may be", CHOICES(scale_choices)},
    [BD_FIELD_SEED] = {"seed", "of the random numbers: 0 to 9007199254740991", NULL, 0},
};

bd_setting bd_setting_default(void) {
  return (bd_setting){.bits = 8, .method = BD_TWO_STAGE, .seed = 1};
}

bool bd_setting_clusters(const bd_setting *setting) {
  return setting->bits <= BD_BITS_MAX && setting->method != BD_LINEAR;
}

bool bd_setting_equal(const bd_setting *a, const bd_setting *b) {
  return a->bits == b->bits && a->prune == b->prune && a->method == b->method &&
         a->init == b->init && a->granularity == b->granularity && a->group == b->group &&
         a->grid == b->grid && a->zero == b->zero && a->scale == b->scale && a->seed == b->seed;
}

const bd_field *bd_setting_field(int field) {
  return field >= 0 && field < BD_FIELD_COUNT ? &fields[field] : NULL;
}

int bd_field_find(const char *name) {
  for (int field = 0; field < BD_FIELD_COUNT; field++)
    if (strcmp(fields[field].name, name) == 0) return field;
  return -1;
}

static int get_choice(const bd_setting *setting, int field) {
  switch (field) {
  case BD_FIELD_METHOD:
    return (int)setting->method;
  case BD_FIELD_INIT:
    return (int)setting->init;
  case BD_FIELD_GRANULARITY:
    return (int)setting->granularity;
  case BD_FIELD_GRID:
    return (int)setting->grid;
  case BD_FIELD_ZERO:
    return (int)setting->zero;
  default:
    return (int)setting->scale;
  }
}

static void set_choice(bd_setting *setting, int field, int choice) {
  switch (field) {
  case BD_FIELD_METHOD:
    setting->method = (bd_method)choice;
    break;
  case BD_FIELD_INIT:
    setting->init = (bd_init)choice;
    break;
  case BD_FIELD_GRANULARITY:
    setting->granularity = (bd_granularity)choice;
    setting->group = choice == BD_GROUP ? BD_GROUP_USUAL : 0;
    break;
  case BD_FIELD_GRID:
    setting->grid = (bd_grid)choice;
    break;
  case BD_FIELD_ZERO:
    setting->zero = (bd_zero)choice;
    break;
  default:
    setting->scale = (bd_scale)choice;
    break;
  }
}

// Digits and nothing else: no sign, no blanks.
static bool read_count(const char *text, uint64_t most, uint64_t *out) {
  if (*text == '\0' || strspn(text, "0123456789") != strlen(text)) return false;
  errno = 0;
  unsigned long long value = strtoull(text, NULL, 10);
  if (errno || value > most) return false;
  *out = value;
  return true;
}

static bool read_bits(const char *text, int *bits) {
  uint64_t value = BD_BITS_FLOAT;
  if (strcmp(text, "float") != 0 && !read_count(text, BD_BITS_FLOAT, &value)) return false;
  if (value < 1 || (value > BD_BITS_MAX && value != BD_BITS_FLOAT)) return false;
  *bits = (int)value;
  return true;
}

static bool read_ratio(const char *text, double *ratio) {
  if (*text == '\0' || !strchr("0123456789.", *text)) return false;
  if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return false;
  char *end;
  double value = strtod(text, &end);
  if (strcmp(end, "%") == 0) {
    value /= 100;
    end++;
  }
  if (end == text || *end || !(value >= 0 && value <= 1)) return false;
  *ratio = value;
  return true;
}

static bool read_choice(const bd_field *field, const char *text, int *choice) {
  for (*choice = 0; *choice < field->choice_count; ++*choice)
    if (strcmp(field->choices[*choice].name, text) == 0) return true;
  return false;
}

// "group:N"; the other granularities are choices like any.
static bool read_group(bd_setting *setting, const char *text) {
  uint64_t group;
  if (strncmp(text, "group:", 6) != 0) return false;
  if (!read_count(text + 6, BD_GROUP_MAX, &group) || group == 0) return false;
  setting->granularity = BD_GROUP;
  setting->group = (size_t)group;
  return true;
}

static bool read_field(bd_setting *setting, int field, const char *text) {
  int choice;
  switch (field) {
  case BD_FIELD_BITS:
    return read_bits(text, &setting->bits);
  case BD_FIELD_PRUNE:
    return read_ratio(text, &setting->prune);
  case BD_FIELD_SEED:
    return read_count(text, SEED_MAX, &setting->seed);
  case BD_FIELD_GRANULARITY:
    if (read_group(setting, text)) return true;
    // fallthrough
  default:
    if (!read_choice(&fields[field], text, &choice)) return false;
    set_choice(setting, field, choice);
    return true;
  }
}

static const char *allowed(int field, char *out, size_t size) {
  if (field == BD_FIELD_BITS) return "1 to 8, 32 or float";
  if (field == BD_FIELD_PRUNE) return "0 to 1 or 0% to 100%";
  if (field == BD_FIELD_SEED) return "0 to 9007199254740991";
  if (field == BD_FIELD_GRANULARITY) return "tensor, channel or group:N (N from 1 to 2147483648)";
  size_t used = 0;
  for (int i = 0; i < fields[field].choice_count && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "",
                             fields[field].choices[i].name);
  return out;
}

bd_status bd_setting_check(const bd_setting *setting, bd_error *err) {
  if (setting->scale != BD_POW2 || setting->method != BD_KMEANS) return BD_OK;
  return bd_fail(err, BD_INVALID,
                 "scale pow2 needs an even grid, which kmeans has not: use two-stage or linear");
}

static bd_status set_field(bd_setting *setting, int field, const char *text, bd_error *err) {
  char names[256];
  if (read_field(setting, field, text)) return BD_OK;
  return bd_fail(err, BD_INVALID, "%s '%.100s' is not known: use %s", fields[field].name, text,
                 allowed(field, names, sizeof names));
}

bd_status bd_setting_set(bd_setting *setting, int field, const char *text, bd_error *err) {
  if (!bd_setting_field(field)) return bd_fail(err, BD_INVALID, "setting %d does not exist", field);
  bd_setting changed = *setting;
  BD_TRY(set_field(&changed, field, text, err));
  BD_TRY(bd_setting_check(&changed, err));
  *setting = changed;
  return BD_OK;
}

// The shortest decimal that reads back to the same double.
static void write_ratio(double value, char *out, size_t size) {
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(out, size, "%.*g", digits, value);
    if (strtod(out, NULL) == value) return;
  }
}

char *bd_setting_get(const bd_setting *setting, int field, char *out, size_t size) {
  switch (field) {
  case BD_FIELD_BITS:
    snprintf(out, size, "%d", setting->bits);
    break;
  case BD_FIELD_PRUNE:
    write_ratio(setting->prune, out, size);
    break;
  case BD_FIELD_SEED:
    snprintf(out, size, "%llu", (unsigned long long)setting->seed);
    break;
  case BD_FIELD_GRANULARITY:
    if (setting->granularity == BD_GROUP) {
      snprintf(out, size, "group:%zu", setting->group);
      break;
    }
    // fallthrough
  default:
    snprintf(out, size, "%s", fields[field].choices[get_choice(setting, field)].name);
    break;
  }
  return out;
}

static void step_bits(bd_setting *setting, int steps) {
  int place = setting->bits > BD_BITS_MAX ? BD_BITS_MAX + 1 : setting->bits;
  long target = (long)place + steps;
  if (target < 1) target = 1;
  setting->bits = target > BD_BITS_MAX ? BD_BITS_FLOAT : (int)target;
}

// To a millionth, so that 0.1 + 0.2 reads 0.3.
static void step_prune(bd_setting *setting, int steps) {
  double target = round((setting->prune + steps * 0.01) * 1e6) / 1e6;
  setting->prune = fmin(fmax(target, 0), 1);
}

static void step_seed(bd_setting *setting, int steps) {
  int64_t target = (int64_t)setting->seed + steps;
  if (target < 0) target = 0;
  setting->seed = (uint64_t)target > SEED_MAX ? SEED_MAX : (uint64_t)target;
}

// Choices that the other fields do not allow are passed over, in the direction of the step.
static void step_choice(bd_setting *setting, int field, int steps) {
  int count = fields[field].choice_count, onward = steps < 0 ? count - 1 : 1;
  int choice = ((get_choice(setting, field) + steps) % count + count) % count;
  set_choice(setting, field, choice);
  for (int i = 0; i < count && bd_setting_check(setting, NULL) != BD_OK; i++)
    set_choice(setting, field, choice = (choice + onward) % count);
}

bool bd_setting_step(bd_setting *setting, int field, int steps) {
  if (!bd_setting_field(field)) return false;
  const bd_setting before = *setting;
  switch (field) {
  case BD_FIELD_BITS:
    step_bits(setting, steps);
    break;
  case BD_FIELD_PRUNE:
    step_prune(setting, steps);
    break;
  case BD_FIELD_SEED:
    step_seed(setting, steps);
    break;
  default:
    step_choice(setting, field, steps);
    break;
  }
  return !bd_setting_equal(&before, setting);
}

static bd_status parse_one(bd_setting *setting, char *item, bd_error *err) {
  char *equals = strchr(item, '=');
  if (!equals)
    return bd_fail(err, BD_INVALID, "setting '%.100s' has no value: write name=value", item);
  *equals = '\0';
  int field = bd_field_find(item);
  if (field < 0)
    return bd_fail(err, BD_INVALID,
                   "setting '%.100s' is not known: use bits, prune, method, init, granularity, "
                   "grid, zero, scale or seed",
                   item);
  return set_field(setting, field, equals + 1, err);
}

bd_status bd_setting_parse(bd_setting *setting, const char *text, bd_error *err) {
  bd_setting parsed = *setting;
  char *copy = strdup(text);
  if (!copy) return bd_fail_memory(err, "a setting");
  bd_status status = BD_OK;
  for (char *item = copy; item && status == BD_OK;) {
    char *comma = strchr(item, ',');
    if (comma) *comma = '\0';
    status = parse_one(&parsed, item, err);
    item = comma ? comma + 1 : NULL;
  }
  free(copy);
  if (status == BD_OK) status = bd_setting_check(&parsed, err);
  if (status == BD_OK) *setting = parsed;
  return status;
}
