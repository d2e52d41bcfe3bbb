#pragma once
// Two ways to divide work. for_each_in_parallel: independent pieces of host work (files to decode, pictures to score)
// on threads of their own, which leaves LibTorch's to LibTorch. parallel_for: a loop over tensors' memory, or of tensor
// operations, on LibTorch's threads.
#include <cstdint>
#include <functional>

namespace cambium {

// Calls work(i) for every i in [0, count), in no order, on `threads` threads (at most `count`; 1 or less: the caller's
// own). Where calls throw, the rest is left out and the exception of the smallest i thrown is rethrown.
void for_each_in_parallel(int64_t count, int64_t threads, const std::function<void(int64_t)>& work);

// Divides [begin, end) into at most at::get_num_threads() ranges, of `grain` or more but for the last, and calls
// work(from, to) for each on LibTorch's threads. In `work` tensor operations take one thread, a further parallel_for
// runs in place, and the caller's modes hold (no grad, inference, autocast), which at::parallel_for alone does not hand
// on. Every range is begun even where another throws; the exception of the first range in order is rethrown.
void parallel_for(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& work);

}  // namespace cambium
