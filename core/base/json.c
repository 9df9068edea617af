#include "core/base/json.h"

#include "core/base/file.h"
#include "core/base/text.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_LIMIT = 64 << 20 };

// The one variable of core/ that is shared: cJSON's hooks have no argument to carry it.
static atomic_bool memory_was_short;

static void *take(size_t size) {
  void *taken = malloc(size);
  if (!taken) atomic_store(&memory_was_short, true);
  return taken;
}

void bd_json_watch_memory(void) {
  cJSON_Hooks hooks = {take, free};
  cJSON_InitHooks(&hooks);
}

static int line_of(const char *text, const char *at) {
  int line = 1;
  for (; text < at && *text; text++)
    line += *text == '\n';
  return line;
}

bd_status bd_json_read(const char *path, cJSON **out, bd_error *err) {
  *out = NULL;
  char *text;
  size_t size;
  BD_TRY(bd_file_read(path, JSON_LIMIT, &text, &size, err));
  const char *end = NULL;
  *out = cJSON_ParseWithLengthOpts(text, size + 1, &end, 1);
  bd_status status = BD_OK;
  if (!*out && atomic_exchange(&memory_was_short, false))
    status = bd_fail_memory(err, path);
  else if (!*out)
    status = bd_fail(err, BD_INVALID, "%s: is no JSON: line %d cannot be read", path,
                     end ? line_of(text, end) : 1);
  free(text);
  return status;
}

// Names come from files: cJSON prints their bytes as they are.
static char *print_safely(const cJSON *json, bool indented) {
  char *raw = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json);
  size_t length = raw ? bd_text_json(NULL, raw) : 0;
  if (!raw || length == strlen(raw)) return raw;
  char *safe = cJSON_malloc(length + 1);
  if (safe) bd_text_json(safe, raw);
  cJSON_free(raw);
  return safe;
}

char *bd_json_text(const cJSON *json, bool indented) {
  char *text = json ? print_safely(json, indented) : NULL;
  if (!atomic_exchange(&memory_was_short, false)) return text;
  cJSON_free(text);
  return NULL;
}

bd_status bd_json_write(const char *path, const cJSON *json, bd_error *err) {
  char *text = bd_json_text(json, true);
  if (!text) return bd_fail_memory(err, strcmp(path, "-") == 0 ? "the JSON" : path);
  size_t size = strlen(text);
  text[size] = '\n'; // the terminator's place: size + 1 bytes are written
  bd_status status = bd_file_write(path, text, size + 1, err);
  cJSON_free(text);
  return status;
}

void bd_json_number(cJSON *object, const char *key, double value) {
  if (isfinite(value))
    cJSON_AddNumberToObject(object, key, value);
  else
    cJSON_AddNullToObject(object, key);
}

const char *bd_json_string(const cJSON *object, const char *key, const char *fallback) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
  return cJSON_IsString(item) ? item->valuestring : fallback;
}
