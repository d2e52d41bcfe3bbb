#pragma once
// Faults of a dataset's files, gathered so that a user sees them at once and before the first step.
#include <cstdint>
#include <string>
#include <vector>

namespace cambium::data {

class Faults {
 public:
  // `mend` closes the sentence. With `skip`, report() warns instead of throwing. The first `shown` faults are listed.
  Faults(std::string file, std::string mend, bool skip = false, int64_t shown = 10);

  // "line 7", "the caption is empty".
  void add(const std::string& place, const std::string& what);
  int64_t count() const { return count_; }
  // Error (or warning) listing the first ones and the number of all; nothing where there are none.
  void report() const;

 private:
  std::string file_, mend_, list_;
  bool skip_;
  int64_t shown_;
  int64_t count_ = 0;
};

}  // namespace cambium::data
