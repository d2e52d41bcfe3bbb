#pragma once
// Writes zip archives of stored members, each member's data at a multiple of 64 bytes, as torch.save does.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/atomic_file.h"

namespace cambium::io {

class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path) : file_(path) {}
  // Names must differ. Members and archives beyond 4 GiB use zip64.
  void add(std::string_view name, const void* bytes, uint64_t size);
  void add(std::string_view name, std::string_view bytes) { add(name, bytes.data(), bytes.size()); }
  // Writes the directory and puts the file in place.
  void commit();

 private:
  void write(std::string_view bytes);

  AtomicFile file_;
  uint64_t position_ = 0;
  std::string directory_;
  uint64_t count_ = 0;
};

}  // namespace cambium::io
