#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void expect(int truth, const char *what) {
  if (truth) return;
  fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

const char *fuzz_file(const uint8_t *data, size_t size) {
  static char path[64];
  static int fd = -1;
  if (fd < 0) fd = memfd_create("fuzz", 0);
  expect(fd >= 0 && ftruncate(fd, 0) == 0, "no file in memory");
  expect(pwrite(fd, data, size, 0) == (ssize_t)size, "no room in memory");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

void fuzz_check_line(const char *text) {
  expect(*text != '\0', "a failure without a reason");
  for (; *text; text++)
    expect((unsigned char)*text >= 0x20 && *text != 0x7f, "a reason that is not one plain line");
}

const char *fuzz_small_model(void) {
  return "tests/fuzz/seeds/model/two_layers.onnx";
}
