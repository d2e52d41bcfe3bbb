#include "parity/judge.h"

#include <ATen/ATen.h>
#include <spdlog/fmt/fmt.h>

#include <ostream>

#include "parity/compare.h"

namespace cambium::parity {
namespace {

class Judge {
 public:
  Judge(const Golden& golden, std::ostream& out) : golden_(golden), out_(out) {}

  // `compare_with` gets the tolerance and returns the verdict.
  template <class Compare>
  void item(const std::string& name, const Compare& compare_with) {
    if (golden_.is_input(name)) return;
    const Tolerance* tolerance = golden_.tolerance(name);
    if (tolerance == nullptr) {
      // A metadata value is an output exactly when a tolerance matches it.
      if (name.starts_with("config.") && !golden_.is_json) return;
      line(name, {.outcome = Verdict::Outcome::fail, .why = "neither an input nor covered by a tolerance"});
      return;
    }
    line(name, compare_with(*tolerance));
  }

  Summary summary() const { return summary_; }

 private:
  void line(const std::string& name, const Verdict& verdict) {
    using Outcome = Verdict::Outcome;
    if (verdict.outcome == Outcome::skip) {
      ++summary_.skipped;
      out_ << fmt::format("{:<60} skipped: {}\n", name, verdict.why);
      return;
    }
    ++summary_.judged;
    if (verdict.failed()) ++summary_.failed;
    if (verdict.used > summary_.worst_used) {
      summary_.worst_used = verdict.used;
      summary_.worst_name = name;
    }
    out_ << fmt::format("{:<60} abs {:.2e}  rel {:.2e}  bound {:.2e}  used {:>4.0f}%  {}{}\n", name, verdict.max_abs,
                        verdict.max_rel, verdict.bound, 100 * verdict.used, verdict.failed() ? "FAIL" : "ok",
                        verdict.why.empty() ? "" : ": " + verdict.why);
  }

  const Golden& golden_;
  std::ostream& out_;
  Summary summary_;
};

}  // namespace

Summary judge(const Golden& golden, const Results& results, std::ostream& out) {
  Judge judge(golden, out);
  for (const auto& [name, expected] : golden.tensors.tensors) {
    judge.item(name, [&](const Tolerance& tolerance) {
      const auto found = results.tensors.find(name);
      return compare(expected, found == results.tensors.end() ? at::Tensor() : found->second, tolerance);
    });
  }
  static constexpr std::array kNoItems = {"kind", "inputs", "tol", "notes"};
  for (const auto& [key, value] : golden.config.items()) {
    if (std::find(kNoItems.begin(), kNoItems.end(), key) != kNoItems.end()) continue;
    for (auto [path, leaf] : leaves(value)) {
      path.insert(path.begin(), key);
      const std::string name = (golden.is_json ? "" : "config.") + join(path);
      judge.item(name, [&, leaf = leaf](const Tolerance& tolerance) -> Verdict {
        const Json* found = find(results.json, path);
        if (tolerance.skip) return compare(*leaf, *leaf, tolerance);
        if (found == nullptr) return {.outcome = Verdict::Outcome::fail, .why = "not computed"};
        return compare(*leaf, *found, tolerance);
      });
    }
  }
  return judge.summary();
}

}  // namespace cambium::parity
