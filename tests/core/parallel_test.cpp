#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
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

}  // namespace
}  // namespace cambium
