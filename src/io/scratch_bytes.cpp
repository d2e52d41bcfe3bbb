#include "io/scratch_bytes.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/error.h"

namespace cambium::io {
namespace {

[[noreturn]] void fail(const std::filesystem::path& folder, size_t size, int code) {
  throw Error(
      {.what = "cannot set " + std::to_string(size) + " bytes aside for a temporary file: " + std::strerror(code),
       .file = folder.string(),
       .mend = code == ENOSPC || code == EFBIG ? "free some disk space, or give another temporary folder"
                                               : "give a temporary folder that exists and may be written"});
}

// An open file in `folder` that no name leads to.
int open_nameless(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return descriptor;
  // Not every file system can do that: there the name goes at once.
  std::string name = (folder / ".cambium_XXXXXX").string();
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

SharedBytes scratch_bytes(size_t size, const std::filesystem::path& folder) {
  if (size == 0) return {};
  const int descriptor = open_nameless(folder);
  if (descriptor < 0) fail(folder, size, errno);
  const std::shared_ptr<void> closer(nullptr, [descriptor](void*) { close(descriptor); });
  // Pages of a hole that find no space when they are written would end the process.
  if (const int code = posix_fallocate(descriptor, 0, static_cast<off_t>(size)); code != 0) fail(folder, size, code);
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) fail(folder, size, errno);
  return {.owner = {address, [size](void* mapped) { munmap(mapped, size); }},
          .data = static_cast<std::byte*>(address),
          .size = size};
}

}  // namespace cambium::io
