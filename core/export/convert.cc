#include "core/export/convert.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <onnx/checker.h>
#include <onnx/defs/schema.h>
#include <onnx/proto_utils.h>
#include <onnx/version_converter/convert.h>

namespace {

constexpr const char *domain = "";

// The first node of a subgraph whose operator is another one in the new opset; "" where there is
// none.
std::string changed(const onnx::GraphProto &graph, int from, int to, bool inside) {
  for (const auto &node : graph.node()) {
    bool own = node.domain().empty() || node.domain() == "ai.onnx";
    if (inside && own) {
      const auto *before = onnx::OpSchemaRegistry::Schema(node.op_type(), from, domain);
      const auto *after = onnx::OpSchemaRegistry::Schema(node.op_type(), to, domain);
      if (!before || !after || before->since_version() != after->since_version())
        return node.op_type();
    }
    for (const auto &attribute : node.attribute()) {
      std::string found = attribute.has_g() ? changed(attribute.g(), from, to, true) : "";
      for (int i = 0; found.empty() && i < attribute.graphs_size(); i++)
        found = changed(attribute.graphs(i), from, to, true);
      if (!found.empty()) return found;
    }
  }
  return "";
}

int opset_of(const onnx::ModelProto &model) {
  for (const auto &opset : model.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx")
      return static_cast<int>(opset.version());
  return 0;
}

std::string one_line(const std::string &text) {
  std::string out;
  for (unsigned char c : text) {
    if (!std::isspace(c))
      out += static_cast<char>(c);
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  return out;
}

// "" where the model was converted to out.
std::string convert(const void *data, size_t size, int opset, std::string &out) {
  onnx::ModelProto model;
  if (!onnx::ParseProtoFromBytes(&model, static_cast<const char *>(data), size))
    return "libprotobuf cannot decode it";
  onnx::checker::check_model(model);
  std::string found = changed(model.graph(), opset_of(model), opset, false);
  if (!found.empty()) return "it has " + found + " in a subgraph, which is not converted";
  onnx::ModelProto converted = onnx::version_conversion::ConvertVersion(model, opset);
  return converted.SerializeToString(&out) ? "" : "libprotobuf cannot encode the result";
}

} // namespace

int64_t bd_onnx_newest(void) {
  const auto &known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  const auto range = known.find(domain);
  return range == known.end() ? 0 : range->second.second;
}

void bd_onnx_convert(const void *data, size_t size, int64_t opset, uint8_t **out, size_t *out_size,
                     char *message, size_t room) {
  *out = nullptr;
  std::string text, why;
  try {
    why = convert(data, size, static_cast<int>(opset), text);
    if (why.empty()) *out = static_cast<uint8_t *>(std::malloc(text.size() + 1));
    if (*out) std::memcpy(*out, text.data(), text.size());
    *out_size = text.size();
    if (!*out && why.empty()) why = "out of memory";
    why = one_line(why);
  } catch (const std::exception &trouble) {
    why = one_line(trouble.what());
  }
  std::snprintf(message, room, "%s", why.c_str());
}
