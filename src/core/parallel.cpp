#include "core/parallel.h"

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#ifndef _OPENMP
#error "at::parallel_for is a header template: without OpenMP it would silently run on one thread"
#endif

namespace cambium {
namespace {

// Of what several pieces of work throw, the exception of the first in order.
class FirstFailure {
 public:
  // Within a catch block, of the piece that begins at `place`.
  void keep(int64_t place) {
    const std::lock_guard lock(mutex_);
    if (failure_ && place >= place_) return;
    place_ = place;
    failure_ = std::current_exception();
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  int64_t place_ = 0;
};

}  // namespace

void for_each_in_parallel(int64_t count, int64_t threads, const std::function<void(int64_t)>& work) {
  threads = std::min(threads, count);
  if (threads <= 1) {
    for (int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  std::atomic<int64_t> next = 0;
  FirstFailure failure;
  const auto run = [&] {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        failure.keep(i);
        next = count;
      }
    }
  };
  std::vector<std::thread> pool;
  for (int64_t i = 1; i < threads; ++i) pool.emplace_back(run);
  run();
  for (std::thread& thread : pool) thread.join();
  failure.rethrow();
}

void parallel_for(int64_t begin, int64_t end, int64_t grain, const std::function<void(int64_t, int64_t)>& work) {
  const at::ThreadLocalState modes;
  FirstFailure failure;
  at::parallel_for(begin, end, grain, [&](int64_t from, int64_t to) {
    const at::ThreadLocalStateGuard callers(modes);
    try {
      work(from, to);
    } catch (...) {
      failure.keep(from);
    }
  });
  failure.rethrow();
}

}  // namespace cambium
