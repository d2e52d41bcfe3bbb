#include "core/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"

namespace cambium {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, const char* doing) {
  const int code = errno;
  throw Error({.what = std::string("cannot ") + doing + ": " + std::strerror(code),
               .file = path.string(),
               .mend = code == ENOSPC ? "free some disk space; what was there before is unchanged"
                                      : "check that the folder exists and may be written"});
}

fs::path neighbour(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp" + std::to_string(getpid()));
}

void make_parent(const fs::path& path) {
  if (path.parent_path().empty()) return;
  std::error_code code;
  fs::create_directories(path.parent_path(), code);
  if (code) {
    errno = code.value();
    fail(path, "create its folder");
  }
}

void sync_directory(const fs::path& directory) {
  const int descriptor = open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(neighbour(path_)) {
  if (fs::is_directory(path_))
    throw Error({.what = "is a folder, not a file", .file = path_.string(), .mend = "give a file name"});
  make_parent(path_);
  descriptor_ = open(temporary_.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(path_, "create the file");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, size_t count) {
  const char* at = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, at, count);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path_, "write");
    }
    at += written;
    count -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (fsync(descriptor_) != 0) fail(path_, "write");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_, "put the file in place");
  close(descriptor_);
  descriptor_ = -1;
  sync_directory(path_.parent_path());
}

void write_file(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicDirectory::AtomicDirectory(fs::path path) : path_(std::move(path)), temporary_(neighbour(path_)) {
  make_parent(path_);
  std::error_code code;
  fs::remove_all(temporary_, code);
  fs::create_directory(temporary_, code);
  if (code) {
    errno = code.value();
    fail(path_, "create the folder");
  }
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::commit() {
  for (const auto& entry : fs::recursive_directory_iterator(temporary_)) {
    const int descriptor = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(entry.path(), "reopen");
    const int result = fsync(descriptor);
    close(descriptor);
    if (result != 0) fail(entry.path(), "write");
  }
  sync_directory(temporary_);
  std::error_code code;
  if (fs::exists(path_)) {
    // rename(2) replaces only empty folders: the old one steps aside first, so that at no moment is neither there
    // whole.
    const fs::path old = neighbour(path_).string() + ".old";
    fs::remove_all(old, code);
    fs::rename(path_, old, code);
    if (!code) fs::rename(temporary_, path_, code);
    std::error_code ignored;
    fs::remove_all(old, ignored);
  } else {
    fs::rename(temporary_, path_, code);
  }
  if (code) {
    errno = code.value();
    fail(path_, "put the folder in place");
  }
  committed_ = true;
  sync_directory(path_.parent_path());
}

std::string read_file(const fs::path& path, size_t limit) {
  std::error_code code;
  if (fs::is_directory(path, code))
    throw Error({.what = "is a folder, not a file", .file = path.string(), .mend = "give a file"});
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    throw Error(
        {.what = std::string("cannot open: ") + std::strerror(errno), .file = path.string(), .mend = "check the path"});
  const auto size = fs::file_size(path, code);
  if (!code && size > limit) {
    throw Error(
        {.what = "is " + std::to_string(size) + " bytes, more than the " + std::to_string(limit) + " allowed here",
         .file = path.string(),
         .mend = "check that this is the right file"});
  }
  std::string bytes;
  if (!code) bytes.reserve(size);
  char block[1 << 16];
  while (stream.read(block, sizeof block) || stream.gcount() > 0) {
    bytes.append(block, static_cast<size_t>(stream.gcount()));
    if (bytes.size() > limit)
      throw Error(
          {.what = "is larger than allowed", .file = path.string(), .mend = "check that this is the right file"});
  }
  if (stream.bad()) throw Error({.what = "cannot read", .file = path.string(), .mend = "check the disk"});
  return bytes;
}

}  // namespace cambium
