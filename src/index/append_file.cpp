#include "index/append_file.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"

namespace cambium::index {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing) {
  const int code = errno;
  throw Error({.what = std::string("cannot ") + doing + ": " + std::strerror(code),
               .file = path.string(),
               .mend = code == ENOSPC ? "free some disk space; what was committed before is unchanged"
                                      : "check the folder and its permissions"});
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, int64_t length, bool writing)
    : path_(std::move(path)), length_(length) {
  descriptor_ = open(path_.c_str(), writing ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path_, "open");
  struct stat status{};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < length) {
    close(descriptor_);
    throw Error({.what = "holds " + std::to_string(status.st_size) + " bytes where index.json speaks of " +
                         std::to_string(length),
                 .file = path_.string(),
                 .mend = "build the index again from the pictures"});
  }
  if (writing && status.st_size > length && ftruncate(descriptor_, length) != 0) {
    close(descriptor_);
    fail(path_, "cut off what was never committed");
  }
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), length_(other.length_) {}

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(length_, other.length_);
  return *this;
}

void AppendFile::append(std::string_view bytes) {
  int64_t at = length_;
  while (!bytes.empty()) {
    const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), at);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path_, "write");
    }
    at += written;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  length_ = at;  // only once all of it is there
}

void AppendFile::sync() {
  if (fdatasync(descriptor_) != 0) fail(path_, "write");
}

std::shared_ptr<const void> AppendFile::map() const {
  if (length_ == 0) return nullptr;
  void* address = mmap(nullptr, static_cast<size_t>(length_), PROT_READ, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) fail(path_, "map");
  return {address, [length = length_](void* mapped) { munmap(mapped, static_cast<size_t>(length)); }};
}

std::string AppendFile::read() const {
  std::string bytes(static_cast<size_t>(length_), '\0');
  for (int64_t at = 0; at < length_;) {
    const ssize_t count = pread(descriptor_, bytes.data() + at, static_cast<size_t>(length_ - at), at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(path_, "read");
    at += count;
  }
  return bytes;
}

}  // namespace cambium::index
