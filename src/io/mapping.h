#pragma once
// How a mapped file is held (SharedBytes::owner), so that parts of it can be given back early.
#include <cstddef>

#include "io/shared_bytes.h"

namespace cambium::io {

// The owner's deleter.
struct Unmap {
  size_t size = 0;
  void operator()(void* address) const;
};

// Takes the whole pages of [begin, begin + size) out of this process's memory where `bytes` is a mapped file: a later
// read fetches them from the file again, changes to them are lost. Nothing happens to other bytes.
void give_back_pages(const SharedBytes& bytes, const std::byte* begin, size_t size);

}  // namespace cambium::io
