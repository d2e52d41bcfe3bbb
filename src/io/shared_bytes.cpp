#include "io/shared_bytes.h"

#include <cerrno>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "io/mapping.h"

namespace cambium::io {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int code) {
  throw Error({.what = std::string("cannot open: ") + std::strerror(code),
               .file = path.string(),
               .mend = code == ENOENT ? "check the path" : "check that it is a file that may be read"});
}

}  // namespace

SharedBytes map_file(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, errno);
  const std::shared_ptr<void> closer(nullptr, [descriptor](void*) { close(descriptor); });
  struct stat status{};
  if (fstat(descriptor, &status) != 0) fail(path, errno);
  if (S_ISDIR(status.st_mode)) {
    throw Error({.what = "is a folder, not a file", .file = path.string(), .mend = "give a file"});
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error({.what = "is not a regular file", .file = path.string(), .mend = "save it to a file first"});
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return {};
  // Without NORESERVE a private writable map would count in full against the machine's memory.
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (address == MAP_FAILED) fail(path, errno);
  return {.owner = {address, Unmap{size}}, .data = static_cast<std::byte*>(address), .size = size};
}

SharedBytes allocate_bytes(size_t size) {
  if (size == 0) return {};
  constexpr std::align_val_t alignment{64};
  void* block = ::operator new(size, alignment);
  return {.owner = {block, [](void* owned) { ::operator delete(owned, alignment); }},
          .data = static_cast<std::byte*>(block),
          .size = size};
}

SharedBytes copy_bytes(std::string_view bytes) {
  SharedBytes copy = allocate_bytes(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data, bytes.data(), bytes.size());
  return copy;
}

}  // namespace cambium::io
