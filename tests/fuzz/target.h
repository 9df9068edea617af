// A fuzz target: one function that takes hostile bytes. libFuzzer calls it (make fuzz), and so does
// mutate.c, which makes the same mutations of the seeds on every machine (make test).
#ifndef BD_TESTS_FUZZ_TARGET_H
#define BD_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The bytes as a file without a name on any disk; its path stays until the next call.
const char *fuzz_file(const uint8_t *data, size_t size);

// Fails the run unless the text is one line that a terminal may show.
void fuzz_check_line(const char *text);

// A small model of two layers, for targets that need one.
const char *fuzz_small_model(void);

#endif
