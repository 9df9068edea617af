#include "tui/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool place(const char *variable, const char *below_home, const char *file, char *out,
                  size_t size) {
  const char *base = getenv(variable), *home = getenv("HOME");
  int length = -1;
  if (base && base[0] == '/') {
    length = snprintf(out, size, "%s/bitdial/%s", base, file);
  } else if (home && home[0] == '/') {
    length = snprintf(out, size, "%s/%s/bitdial/%s", home, below_home, file);
  }
  return length > 0 && (size_t)length < size;
}

bool bd_path_config(const char *file, char *out, size_t size) {
  return place("XDG_CONFIG_HOME", ".config", file, out, size);
}

bool bd_path_state(const char *file, char *out, size_t size) {
  return place("XDG_STATE_HOME", ".local/state", file, out, size);
}

bool bd_path_make(const char *path) {
  char folder[4096];
  if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) return false;
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return false;
    *slash = '/';
  }
  return true;
}
