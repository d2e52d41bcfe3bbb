#pragma once
// Independent pieces of host work (files to decode, pictures to score) on threads of their own: LibTorch's pool is left
// to LibTorch.
#include <cstdint>
#include <functional>

namespace cambium {

// Calls work(i) for every i in [0, count), in no order, on `threads` threads (at most `count`; 1 or less: the caller's
// own). Where calls throw, the rest is left out and the exception of the smallest i thrown is rethrown.
void for_each_in_parallel(int64_t count, int64_t threads, const std::function<void(int64_t)>& work);

}  // namespace cambium
