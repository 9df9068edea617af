// A library to preload: it lets allocations fail, numbered from the start of main.
//   FAIL_FROM, FAIL_TO  the first and the last that fails; none without them
//   FAIL_COUNT          a file that gets the number of all allocations
//   FAIL_LATER          counting starts where the program sets itself a ceiling (--memory)
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void),
                           void (*)(void), void *);
typedef void *mmap_function(void *, size_t, int, int, int, off_t);

static atomic_bool armed;
static atomic_long count;
static long from = -1, to = -1;
static main_function *real_main;

static bool fails(void) {
  if (!atomic_load(&armed)) return false;
  long number = atomic_fetch_add(&count, 1);
  bool chosen = number >= from && number <= to;
  if (chosen) errno = ENOMEM;
  return chosen;
}

void *malloc(size_t size) {
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
  return fails() ? NULL : __libc_realloc(old, size);
}

void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset) {
  mmap_function *real = (mmap_function *)dlsym(RTLD_NEXT, "mmap");
  return fails() ? MAP_FAILED : real(where, size, protection, flags, fd, offset);
}

typedef int limit_function(__rlimit_resource_t, const struct rlimit *);

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
  limit_function *real = (limit_function *)dlsym(RTLD_NEXT, "setrlimit");
  if (resource == RLIMIT_DATA) atomic_store(&armed, true);
  return real(resource, limit);
}

static void tell(void) {
  atomic_store(&armed, false);
  const char *path = getenv("FAIL_COUNT");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", atomic_load(&count));
  fclose(file);
}

static int counted_main(int argc, char **argv, char **environment) {
  const char *first = getenv("FAIL_FROM"), *last = getenv("FAIL_TO");
  if (first && last) {
    from = atol(first);
    to = atol(last);
  }
  atexit(tell);
  atomic_store(&armed, !getenv("FAIL_LATER"));
  return real_main(argc, argv, environment);
}

// Before main the C++ libraries build their tables; nobody could catch a failure there.
int __libc_start_main(main_function *begin, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*dynamic)(void), void *stack);
int __libc_start_main(main_function *begin, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*dynamic)(void), void *stack) {
  start_function *real = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
  real_main = begin;
  return real(counted_main, argc, argv, init, fini, dynamic, stack);
}
