// A sweep's file: read, put together with itself, written again where it was taken.
#include "tests/fuzz/target.h"

#include "core/study/sensitivity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bd_sensitivity read, merged;
  bd_error err = {""};
  const char *path = fuzz_file(data, size);
  if (bd_sensitivity_read(path, &read, &err) != BD_OK) {
    fuzz_check_line(err.text);
    return 0;
  }
  if (bd_sensitivity_merge(&read, &path, 1, &merged, &err) != BD_OK)
    fuzz_check_line(err.text);
  else if (bd_sensitivity_write("/dev/null", &merged, &err) != BD_OK)
    fuzz_check_line(err.text);
  bd_sensitivity_free(&merged);
  bd_sensitivity_free(&read);
  return 0;
}
