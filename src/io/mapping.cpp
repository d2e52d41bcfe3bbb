#include "io/mapping.h"

#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace cambium::io {

void Unmap::operator()(void* address) const { munmap(address, size); }

void give_back_pages(const SharedBytes& bytes, const std::byte* begin, size_t size) {
  if (!std::get_deleter<Unmap>(bytes.owner)) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(begin) + size) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace cambium::io
