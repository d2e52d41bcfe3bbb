#pragma once
// Files and folders are replaced, never overwritten: write beside, fsync, rename. What is not committed is removed.
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace cambium {

// A file that comes into being whole, at commit(), or not at all.
class AtomicFile {
 public:
  // Creates the temporary neighbour of `path` (and missing parent folders). Errors name `path`.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, size_t count);
  void write(std::string_view text) { write(text.data(), text.size()); }
  // Where the bytes are until commit(), for libraries that open files by name.
  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

void write_file(const std::filesystem::path& path, std::string_view bytes);

// A folder that appears whole under its name at commit(). An existing folder of that name is replaced.
class AtomicDirectory {
 public:
  explicit AtomicDirectory(std::filesystem::path path);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  // The folder to write into until commit().
  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  bool committed_ = false;
};

// Whole file as bytes; an error names the file. `limit` guards against absurd sizes.
std::string read_file(const std::filesystem::path& path, size_t limit = size_t{1} << 32);

}  // namespace cambium
