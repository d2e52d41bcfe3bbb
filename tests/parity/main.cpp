// cambium-parity FILE...: judges golden files by what they themselves say. Exit code 0: all within their tolerances;
// 1: something is not, or a file or check broke; 2: called without a file, or a file's kind is unknown.
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <iostream>

#include "core/error.h"
#include "parity/judge.h"
#include "parity/registry.h"

namespace {

enum Exit { kGood = 0, kFailed = 1, kUnknown = 2 };

Exit run(const std::string& file) {
  using namespace cambium::parity;
  const auto began = std::chrono::steady_clock::now();
  const Golden golden = read_golden(file);
  const Check check = find_check(golden.kind);
  if (check == nullptr) {
    std::cerr << file << ": no check is known for the kind " << golden.kind << "\n";
    return kUnknown;
  }
  const Summary summary = judge(golden, check(golden), std::cout);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::cout << fmt::format("{}: {} judged, {} skipped, {} failed; closest to its bound: {:.0f}% {}; {:.1f} s\n", file,
                           summary.judged, summary.skipped, summary.failed, 100 * summary.worst_used,
                           summary.worst_name, seconds.count());
  // A file in which nothing is judged proves nothing.
  return summary.failed > 0 || summary.judged == 0 ? kFailed : kGood;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: cambium-parity FILE...\n";
    return kUnknown;
  }
  int code = kGood;
  for (int i = 1; i < argc; ++i) {
    try {
      code = std::max<int>(code, run(argv[i]));
    } catch (const std::exception& error) {
      std::cout << argv[i] << ": FAIL: " << error.what() << "\n";
      code = std::max<int>(code, kFailed);
    }
  }
  return code;
}
