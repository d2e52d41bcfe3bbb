#include "core/parallel.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace cambium {
namespace {

TEST(ForEachInParallel, CallsEachOnce) {
  for (const int64_t threads : {0, 1, 4, 100}) {
    std::vector<std::atomic<int>> calls(37);
    for_each_in_parallel(37, threads, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
  for_each_in_parallel(0, 4, [](int64_t) { FAIL(); });
}

TEST(ForEachInParallel, RethrowsAndStops) {
  std::atomic<int> calls = 0;
  EXPECT_THROW(for_each_in_parallel(100000, 4,
                                    [&](int64_t i) {
                                      ++calls;
                                      if (i == 5) throw std::runtime_error("five");
                                    }),
               std::runtime_error);
  EXPECT_LT(calls, 100000);
}

// LibTorch's threads set to a number for one test.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

// What at::parallel_for compiled without OpenMP does not do.
TEST(ParallelFor, RunsOnSeveralThreads) {
  const Threads threads(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(0, 3, 1, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(seen.size(), 3u);
}

TEST(ParallelFor, CoversEachIndexOnce) {
  for (const int count : {1, 2, 5}) {
    const Threads threads(count);
    for (const int64_t grain : {1, 4, 1000}) {
      std::vector<std::atomic<int>> calls(50);
      parallel_for(13, 50, grain, [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) ++calls[static_cast<size_t>(i)];
      });
      for (size_t i = 0; i < calls.size(); ++i) EXPECT_EQ(calls[i], i < 13 ? 0 : 1) << i;
    }
  }
  parallel_for(5, 5, 1, [](int64_t, int64_t) { FAIL() << "an empty range"; });
  parallel_for(5, 4, 1, [](int64_t, int64_t) { FAIL() << "a negative range"; });
}

TEST(ParallelFor, OneThreadIsTheCallersOwn) {
  const Threads threads(1);
  int calls = 0;
  parallel_for(0, 100, 1, [&](int64_t from, int64_t to) {
    ++calls;
    EXPECT_EQ(from, 0);
    EXPECT_EQ(to, 100);
  });
  EXPECT_EQ(calls, 1);
}

TEST(ParallelFor, HandsTheCallersModesOn) {
  const Threads threads(4);
  const auto all = [](bool (*holds)()) {
    std::atomic<int> yes = 0;
    parallel_for(0, 4, 1, [&](int64_t, int64_t) { yes += holds() ? 1 : 0; });
    return yes == 4;
  };
  const auto no_grad = [] { return !c10::GradMode::is_enabled(); };
  const auto inference = [] { return c10::InferenceMode::is_enabled(); };
  const auto autocast = [] { return at::autocast::is_autocast_enabled(at::kCPU); };
  {
    const at::NoGradGuard guard;
    EXPECT_TRUE(all(no_grad));
    EXPECT_FALSE(all(inference));
  }
  {
    const c10::InferenceMode guard;
    EXPECT_TRUE(all(inference));
  }
  at::autocast::set_autocast_enabled(at::kCPU, true);
  EXPECT_TRUE(all(autocast));
  at::autocast::set_autocast_enabled(at::kCPU, false);
  // Nothing stays behind on the threads.
  EXPECT_FALSE(all(no_grad));
  EXPECT_FALSE(all(inference));
  EXPECT_FALSE(all(autocast));
}

TEST(ParallelFor, NestedRunsInPlace) {
  const Threads threads(2);
  std::atomic<int> inner = 0;
  parallel_for(0, 2, 1, [&](int64_t, int64_t) {
    const auto outer = std::this_thread::get_id();
    parallel_for(0, 10, 1, [&](int64_t from, int64_t to) {
      EXPECT_EQ(std::this_thread::get_id(), outer);
      EXPECT_EQ(to - from, 10);
      ++inner;
    });
  });
  EXPECT_EQ(inner, 2);
}

TEST(ParallelFor, RethrowsTheFirstInOrder) {
  const Threads threads(4);
  for (int attempt = 0; attempt < 20; ++attempt) {
    try {
      parallel_for(0, 8, 1, [](int64_t from, int64_t) {
        if (from > 0) throw std::runtime_error(std::to_string(from));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "2");  // four ranges of two
    }
  }
}

}  // namespace
}  // namespace cambium
