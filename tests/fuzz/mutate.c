// Runs a fuzz target on mutations of its seeds: mutate COUNT SEED_FOLDER. The same count gives the
// same bytes everywhere. Where one fails, its number stands on standard error before it.
#include "tests/fuzz/target.h"

#include "core/base/file.h"
#include "core/base/rng.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS_MOST = 64, SIZE_MOST = 1 << 20, EDITS_MOST = 8 };

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static bytes seeds[SEEDS_MOST];
static size_t seed_count;
static long current;

static size_t below(bd_rng *rng, size_t limit) {
  return limit ? (size_t)(bd_rng_next(rng) % limit) : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static void read_seeds(const char *folder) {
  struct dirent **entries;
  int count = scandir(folder, &entries, is_visible, by_name);
  for (int i = 0; i < count && seed_count < SEEDS_MOST; i++) {
    char path[4096], *text;
    size_t size;
    bd_error err;
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (bd_file_read(path, SIZE_MOST, &text, &size, &err) == BD_OK)
      seeds[seed_count++] = (bytes){(uint8_t *)text, size};
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

// Opens or closes a gap of `change` bytes.
static void move_tail(bytes *to, size_t at, size_t change, int longer) {
  if (longer && to->size + change <= SIZE_MOST) {
    memmove(to->data + at + change, to->data + at, to->size - at);
    to->size += change;
  } else if (!longer && at + change <= to->size) {
    memmove(to->data + at, to->data + at + change, to->size - at - change);
    to->size -= change;
  }
}

static void edit(bytes *to, bd_rng *rng) {
  static const uint8_t telling[] = {0x00, 0xff, 0x7f, 0x80, 0x01, '"', '{', '[', '-', '9', 0x1b};
  size_t at = below(rng, to->size), length = 1 + below(rng, 16);
  const bytes *other = &seeds[below(rng, seed_count)];
  if (to->size == 0) return;
  switch (below(rng, 7)) {
  case 0:
    to->data[at] ^= (uint8_t)(1u << below(rng, 8));
    break;
  case 1:
    to->data[at] = (uint8_t)bd_rng_next(rng);
    break;
  case 2:
    to->data[at] = telling[below(rng, sizeof telling)];
    break;
  case 3:
    move_tail(to, at, length, 1);
    break;
  case 4:
    move_tail(to, at, length, 0);
    break;
  case 5: // a piece of another seed
    for (size_t i = 0, from = below(rng, other->size);
         i < length * 4 && at + i < to->size && from + i < other->size; i++)
      to->data[at + i] = other->data[from + i];
    break;
  case 6:
    to->size = at;
    break;
  }
}

static void tell(int number) {
  char text[64];
  int length = snprintf(text, sizeof text, "mutation %ld: signal %d\n", current, number);
  if (write(STDERR_FILENO, text, (size_t)length) < 0) _exit(2);
  signal(number, SIG_DFL);
  raise(number);
}

static void run_one(long number, uint8_t *room) {
  bd_rng rng = bd_rng_seed(2026, (uint64_t)number);
  const bytes *seed = &seeds[(size_t)number % seed_count];
  bytes mutated = {room, seed->size};
  memcpy(room, seed->data, seed->size);
  size_t edits = number < (long)seed_count ? 0 : 1 + below(&rng, EDITS_MOST);
  for (size_t i = 0; i < edits; i++)
    edit(&mutated, &rng);
  current = number;
  LLVMFuzzerTestOneInput(mutated.data, mutated.size);
}

int main(int argc, char **argv) {
  long count = argc == 3 ? atol(argv[1]) : 0;
  if (count > 0) read_seeds(argv[2]);
  uint8_t *room = malloc(SIZE_MOST);
  if (!seed_count || !room) {
    fprintf(stderr, "usage: mutate COUNT SEED_FOLDER\n");
    return 2;
  }
  static const int fatal[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
    signal(fatal[i], tell);
  for (long i = 0; i < count; i++) {
    alarm(60);
    run_one(i, room);
  }
  printf("%ld mutations of %zu seeds\n", count, seed_count);
  for (size_t i = 0; i < seed_count; i++)
    free(seeds[i].data);
  free(room);
  return 0;
}
