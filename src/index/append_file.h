#pragma once
// A file that only grows, beyond a length that is committed elsewhere. Internal to index/.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace cambium::index {

class AppendFile {
 public:
  // Opens (writing: creates) `path` and goes to `length`; what lies beyond it is cut off when writing. Error if the
  // file is shorter than that.
  AppendFile(std::filesystem::path path, int64_t length, bool writing);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;

  void append(std::string_view bytes);
  void sync();
  // Forgets what was appended beyond `length`.
  void rewind(int64_t length) { length_ = length; }
  int64_t length() const { return length_; }
  const std::filesystem::path& path() const { return path_; }
  // The first `length()` bytes, mapped read-only; stays valid as long as the pointer lives, whatever happens to the
  // file's name. Null for an empty file.
  std::shared_ptr<const void> map() const;
  // Bytes of the file in memory (for text).
  std::string read() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  int64_t length_ = 0;
};

}  // namespace cambium::index
