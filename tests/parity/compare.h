#pragma once
// Judges one result against one golden value. The only tolerances are the file's.
#include <ATen/core/Tensor.h>

#include <string>

#include "parity/golden.h"

namespace cambium::parity {

struct Verdict {
  enum class Outcome { ok, fail, skip } outcome = Outcome::ok;
  double max_abs = 0;    // largest |a-b| among judged entries
  double max_rel = 0;    // largest |a-b|/|b| among judged entries where b is not 0
  double bound = 0;      // allowed |a-b| of the entry that uses most of its bound
  double used = 0;       // and the share it uses; above 1 fails
  std::string why = {};  // of a failure or a skip
  bool failed() const { return outcome == Outcome::fail; }
};

// Tensors, compared in float64 (integers and booleans exactly where `exact`). They may differ in shape, not in the
// number of elements; rows and of_row follow the golden's shape. Two NaN, or two equal infinities, agree; a NaN or
// infinity on one side only fails.
Verdict compare(const at::Tensor& golden, const at::Tensor& result, const Tolerance& tolerance);

// JSON leaves. Strings, booleans and null must be equal; numbers and lists of numbers are compared as tensors. The
// string "nan" in a golden stands for the number NaN.
Verdict compare(const Json& golden, const Json& result, const Tolerance& tolerance);

}  // namespace cambium::parity
