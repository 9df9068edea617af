// JSON on top of cJSON: the few things that every file and --json output needs.
#ifndef BD_BASE_JSON_H
#define BD_BASE_JSON_H

#include "core/base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

// cJSON leaves out silently what it has no memory for. From the call of this on (once, at the
// start) that is noticed: the next bd_json_write fails instead of writing less than it was given.
void bd_json_watch_memory(void);

// Reads a file (at most 64 MiB). Errors name the path and, for bad JSON, the line. Caller deletes.
bd_status bd_json_read(const char *path, cJSON **out, bd_error *err);

// The JSON as text: valid UTF-8 whatever was put into it, and nothing that a terminal would act on.
// The caller frees it with cJSON_free; NULL without memory. json may be NULL then.
char *bd_json_text(const cJSON *json, bool indented);

// Writes indented, whole or not at all, with a final newline ("-" is standard output).
bd_status bd_json_write(const char *path, const cJSON *json, bd_error *err);

// Adds a number; what is not finite becomes null.
void bd_json_number(cJSON *object, const char *key, double value);

// Typed look-ups: the value, or a fallback where the key is missing or of another type.
const char *bd_json_string(const cJSON *object, const char *key, const char *fallback);

#endif
