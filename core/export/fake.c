#include "core/export/onnx.h"

bd_status bd_export_fake(bd_export *job, bd_error *err) {
  return bd_export_onnx(job, &(bd_rewrite_style){0}, err);
}
