#include "core/model/check.h"

#include <cstdio>
#include <exception>
#include <string>

#include <onnx/checker.h>
#include <onnx/proto_utils.h>

namespace {

// What this libonnx does not know, as a message; "" where it can judge.
std::string beyond(const onnx::ModelProto &model) {
  if (model.ir_version() > onnx::Version::IR_VERSION)
    return "IR version " + std::to_string(model.ir_version()) + " is newer than " +
           std::to_string(onnx::Version::IR_VERSION) + ", the newest that libonnx knows";
  const auto &known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  for (const auto &opset : model.opset_import()) {
    const auto range = known.find(opset.domain() == "ai.onnx" ? "" : opset.domain());
    if (range != known.end() && opset.version() > range->second.second)
      return "opset " + std::to_string(opset.version()) + " is newer than " +
             std::to_string(range->second.second) + ", the newest that libonnx knows";
  }
  return "";
}

bd_verdict judge(const void *data, size_t size, std::string &message) {
  onnx::ModelProto model;
  if (!onnx::ParseProtoFromBytes(&model, static_cast<const char *>(data), size)) {
    message = "libprotobuf cannot decode it";
    return BD_VERDICT_NONE;
  }
  message = beyond(model);
  if (!message.empty()) return BD_VERDICT_NONE;
  try {
    onnx::checker::check_model(model);
  } catch (const onnx::checker::ValidationError &fault) {
    message = fault.what();
    return BD_VERDICT_BAD;
  }
  return BD_VERDICT_GOOD;
}

} // namespace

bd_verdict bd_onnx_check(const void *data, size_t size, char *message, size_t room) {
  bd_verdict verdict = BD_VERDICT_NONE;
  std::string text;
  try {
    verdict = judge(data, size, text);
  } catch (const std::exception &trouble) {
    std::snprintf(message, room, "%s", trouble.what());
    return BD_VERDICT_NONE;
  } catch (...) {
    std::snprintf(message, room, "libonnx failed");
    return BD_VERDICT_NONE;
  }
  std::snprintf(message, room, "%s", text.c_str());
  return verdict;
}

void bd_onnx_newer(const void *data, size_t size, char *message, size_t room) {
  message[0] = '\0';
  try {
    onnx::ModelProto model;
    if (onnx::ParseProtoFromBytes(&model, static_cast<const char *>(data), size))
      std::snprintf(message, room, "%s", beyond(model).c_str());
  } catch (...) { // without memory for so little the next step says so
  }
}
