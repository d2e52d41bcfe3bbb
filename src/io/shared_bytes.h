#pragma once
// Bytes together with whatever keeps them alive: a mapped file or a block of memory. Parsers take these, so that they
// run on files and on bytes in memory alike, and tensors can point into them without a copy.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

namespace cambium::io {

struct SharedBytes {
  std::shared_ptr<void> owner;
  std::byte* data = nullptr;
  size_t size = 0;

  std::string_view view() const { return {reinterpret_cast<const char*>(data), size}; }
};

// Maps a file privately: pages are read when touched, and writing to them changes this process's copy alone. A file
// that another program shortens while it is mapped cannot be read safely; replacing it by rename is fine.
// Errors name the file: missing, a folder, unreadable.
SharedBytes map_file(const std::filesystem::path& path);

// Unfilled memory on the heap, aligned to 64 bytes; and a copy there.
SharedBytes allocate_bytes(size_t size);
SharedBytes copy_bytes(std::string_view bytes);

}  // namespace cambium::io
