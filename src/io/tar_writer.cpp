#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "io/tar.h"

namespace cambium::io {
namespace {

constexpr size_t kBlock = 512, kNameSize = 100;
constexpr int64_t kSizeLimit = int64_t{1} << 33;  // eleven octal digits

// "LENGTH path=NAME\n" where LENGTH counts its own digits.
std::string pax_path(const std::string& name) {
  const size_t rest = std::strlen(" path=\n") + name.size();
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + " path=" + name + "\n";
}

}  // namespace

TarWriter::TarWriter(std::filesystem::path path) : path_(path.string()), file_(std::move(path)) {}

void TarWriter::header(const std::string& name, int64_t size, char type) {
  char block[kBlock] = {};
  std::memcpy(block, name.data(), std::min(name.size(), kNameSize));
  // No owner and no time, so that equal members make equal files.
  std::snprintf(block + 100, 8, "%07o", 0644u);
  std::snprintf(block + 108, 8, "%07o", 0u);
  std::snprintf(block + 116, 8, "%07o", 0u);
  std::snprintf(block + 124, 12, "%011llo", static_cast<unsigned long long>(size));
  std::snprintf(block + 136, 12, "%011o", 0u);
  std::memset(block + 148, ' ', 8);
  block[156] = type;
  std::memcpy(block + 257,
              "ustar\0"
              "00",
              8);
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(block + 148, 7, "%06o", sum);
  file_.write(block, kBlock);
}

void TarWriter::padded(std::string_view bytes) {
  static constexpr char kZeros[kBlock] = {};
  file_.write(bytes);
  if (const size_t used = bytes.size() % kBlock) file_.write(kZeros, kBlock - used);
}

void TarWriter::add(const std::string& name, std::string_view bytes) {
  if (name.empty() || name.back() == '/' || name.find('\0') != std::string::npos) {
    throw Error({.what = "a member needs a file name", .file = path_, .field = name, .mend = "name it STEM.EXTENSION"});
  }
  if (static_cast<int64_t>(bytes.size()) >= kSizeLimit) {
    throw Error({.what = "is 8 GiB or more", .file = path_, .field = name, .mend = "store smaller members"});
  }
  if (name.size() > kNameSize) {
    const std::string record = pax_path(name);
    header("pax", static_cast<int64_t>(record.size()), 'x');
    padded(record);
  }
  header(name, static_cast<int64_t>(bytes.size()), '0');
  padded(bytes);
}

void TarWriter::commit() {
  static constexpr char kEnd[2 * kBlock] = {};
  file_.write(kEnd, sizeof kEnd);
  file_.commit();
}

}  // namespace cambium::io
