#include "core/base/memory.h"

#include "core/base/file.h"
#include "core/base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

// What counts against the limit now; 0 where the system does not say.
static size_t held(void) {
  char line[128];
  size_t kib = 0;
  FILE *status = fopen("/proc/self/status", "re");
  while (status && kib == 0 && fgets(line, sizeof line, status))
    if (sscanf(line, "VmData: %zu kB", &kib) != 1) kib = 0;
  if (status) fclose(status);
  return kib * 1024;
}

bd_status bd_memory_limit(size_t bytes, bd_error *err) {
  // libcrypto crashes where it has no memory to start: it starts now.
  char hash[65];
  bd_sha256("", 0, hash);
  struct rlimit limit;
  char said[32], needed[32];
  if (held() >= bytes)
    return bd_fail(err, BD_FAILED, "--memory %s: too little to start with: %s are in use already",
                   bd_text_bytes(said, sizeof said, (double)bytes),
                   bd_text_bytes(needed, sizeof needed, (double)held()));
  if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > bytes) limit.rlim_cur = bytes;
  if (setrlimit(RLIMIT_DATA, &limit) == 0) return BD_OK;
  return bd_fail(err, BD_FAILED, "--memory: the system sets no limit: %s", strerror(errno));
}

size_t bd_memory_left(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_DATA, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  size_t now = held();
  return limit.rlim_cur > now ? limit.rlim_cur - now : 0;
}
