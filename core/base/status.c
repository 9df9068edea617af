#include "core/base/status.h"

#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>

bd_status bd_fail(bd_error *err, bd_status status, const char *format, ...) {
  if (!err) return status;
  char raw[sizeof err->text];
  va_list args;
  va_start(args, format);
  vsnprintf(raw, sizeof raw, format, args);
  va_end(args);
  bd_text_escape(err->text, sizeof err->text, raw);
  return status;
}

bd_status bd_fail_memory(bd_error *err, const char *what) {
  return bd_fail(err, BD_FAILED,
                 "no memory left for %s: close other programs or use a smaller model", what);
}
