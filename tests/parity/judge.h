#pragma once
// Compares everything a golden file holds with what a check computed, and writes one line per item.
#include <iosfwd>
#include <string>

#include "parity/registry.h"

namespace cambium::parity {

struct Summary {
  int64_t judged = 0, skipped = 0, failed = 0;
  double worst_used = 0;  // largest share of a bound
  std::string worst_name;
};

// An output that was not computed, or that no tolerance covers, fails.
Summary judge(const Golden& golden, const Results& results, std::ostream& out);

}  // namespace cambium::parity
