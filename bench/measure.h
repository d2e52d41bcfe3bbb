#pragma once
// Times a piece of work: the best of several runs after one to warm up, as JSON on standard output.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "core/device.h"

namespace cambium::bench {

inline double best_of(int runs, const std::function<void()>& work) {
  work();
  double best = 1e300;
  for (int i = 0; i < runs; ++i) {
    const auto began = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  }
  return best;
}

inline void print(const std::string& dtype, double seconds, double flops) {
  std::printf("%s\n", nlohmann::json({{"dtype", dtype},
                                      {"seconds", seconds},
                                      {"peak_memory_bytes", peak_memory_bytes()},
                                      {"gflops", flops / seconds * 1e-9}})
                          .dump()
                          .c_str());
}

}  // namespace cambium::bench
