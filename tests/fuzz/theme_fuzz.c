// Theme files.
#include "tests/fuzz/target.h"

#include "tui/theme.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  bd_theme theme;
  bd_error err = {""};
  char *text = malloc(size + 1);
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  if (bd_theme_parse(text, "fuzz.json", &theme, &err) != BD_OK) fuzz_check_line(err.text);
  free(text);
  return 0;
}
