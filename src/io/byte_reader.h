#pragma once
// Reads little-endian numbers and runs of bytes from a block, never past its end.
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace cambium::io {

static_assert(std::endian::native == std::endian::little);

class ByteReader {
 public:
  // `source` names the bytes in errors and must outlive the reader.
  ByteReader(std::string_view bytes, const std::string& source, size_t at = 0)
      : bytes_(bytes), source_(source), at_(at) {}

  size_t position() const { return at_; }
  size_t remaining() const { return bytes_.size() - at_; }

  std::string_view take(uint64_t count) {
    if (at_ > bytes_.size() || count > bytes_.size() - at_) {
      throw Error({.what = "is truncated: " + std::to_string(count) + " bytes are expected at " + std::to_string(at_) +
                           " and the file ends at " + std::to_string(bytes_.size()),
                   .file = source_,
                   .mend = "download or copy the file again"});
    }
    const std::string_view taken = bytes_.substr(at_, static_cast<size_t>(count));
    at_ += static_cast<size_t>(count);
    return taken;
  }
  template <class T>
  T number() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  // Up to the next newline, which is taken too.
  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) take(uint64_t{remaining()} + 1);
    const std::string_view text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

 private:
  std::string_view bytes_;
  const std::string& source_;
  size_t at_;
};

}  // namespace cambium::io
