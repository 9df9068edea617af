#include "core/model/skeleton.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <google/protobuf/io/coded_stream.h>

namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// The messages on the way to a tensor; everything else is copied as it is.
enum class Kind { Model, Graph, Node, Attribute, Tensor, Other };

// What a field of a message holds: numbers from onnx.proto.
Kind kind_of(Kind parent, uint32_t field) {
  switch (parent) {
  case Kind::Model:
    return field == 7 ? Kind::Graph : Kind::Other;
  case Kind::Graph:
    return field == 1 ? Kind::Node : field == 5 ? Kind::Tensor : Kind::Other;
  case Kind::Node:
    return field == 5 ? Kind::Attribute : Kind::Other;
  case Kind::Attribute:
    if (field == 5 || field == 10) return Kind::Tensor;
    return field == 6 || field == 11 ? Kind::Graph : Kind::Other;
  default:
    return Kind::Other;
  }
}

constexpr uint32_t raw_data = 9;
constexpr int deepest = 200; // messages in one another; deeper ones are refused elsewhere

void append_sized(std::string &out, uint32_t tag, const void *data, size_t size) {
  uint8_t head[10];
  uint8_t *end = CodedOutputStream::WriteVarint32ToArray(tag, head);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), end);
  out.append(reinterpret_cast<char *>(head), static_cast<size_t>(end - head));
  out.append(static_cast<const char *>(data), size);
}

class Copier {
public:
  Copier(const uint8_t *data, size_t size) : data_(data), in_(data, static_cast<int>(size)) {}

  // Copies the message that the stream is limited to.
  bool message(Kind kind, int depth, std::string &out) {
    if (depth > deepest) return false;
    while (in_.BytesUntilLimit() != 0) {
      int start = in_.CurrentPosition();
      uint32_t tag = in_.ReadTag();
      if (tag == 0) return in_.ConsumedEntireMessage();
      bool copied = (tag & 7) == 2 ? sized(kind, depth, tag, start, out) : plain(tag, start, out);
      if (!copied) return false;
    }
    return true;
  }

private:
  void verbatim(int start, std::string &out) {
    const char *from = reinterpret_cast<const char *>(data_);
    out.append(from + start, static_cast<size_t>(in_.CurrentPosition() - start));
  }

  bool plain(uint32_t tag, int start, std::string &out) {
    uint64_t number;
    bool read = (tag & 7) == 0   ? in_.ReadVarint64(&number)
                : (tag & 7) == 1 ? in_.Skip(8)
                : (tag & 7) == 5 ? in_.Skip(4)
                                 : false; // groups: ONNX has none
    if (read) verbatim(start, out);
    return read;
  }

  bool sized(Kind kind, int depth, uint32_t tag, int start, std::string &out) {
    int size;
    if (!in_.ReadVarintSizeAsInt(&size)) return false;
    Kind inner = kind_of(kind, tag >> 3);
    if (inner != Kind::Other) return nested(inner, depth, tag, size, out);
    bd_span span = {static_cast<uint64_t>(in_.CurrentPosition()), static_cast<uint64_t>(size)};
    if (!in_.Skip(size)) return false;
    if (kind == Kind::Tensor && tag >> 3 == raw_data)
      append_sized(out, tag, &span, sizeof span);
    else
      verbatim(start, out);
    return true;
  }

  bool nested(Kind kind, int depth, uint32_t tag, int size, std::string &out) {
    std::string inner;
    int left = in_.BytesUntilLimit();
    if (left >= 0 && size > left) return false;
    CodedInputStream::Limit limit = in_.PushLimit(size);
    if (!message(kind, depth + 1, inner)) return false;
    in_.PopLimit(limit);
    append_sized(out, tag, inner.data(), inner.size());
    return true;
  }

  const uint8_t *data_;
  CodedInputStream in_;
};

bool make(const uint8_t *data, size_t size, std::string &out) {
  Copier copier(data, size);
  return copier.message(Kind::Model, 0, out);
}

} // namespace

bool bd_skeleton_make(const uint8_t *data, size_t size, uint8_t **out, size_t *out_size) {
  try {
    std::string copy;
    if (!make(data, size, copy)) return false;
    *out = static_cast<uint8_t *>(std::malloc(copy.size() + 1));
    *out_size = copy.size();
    if (*out) std::memcpy(*out, copy.data(), copy.size());
    return *out != nullptr;
  } catch (const std::exception &) {
    return false;
  }
}
