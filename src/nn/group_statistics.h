#pragma once
// Group normalisation of a sample that comes in pieces because it is too large to be held at once: first every piece is
// added, then every piece is normalised by what all of them gave.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/group_norm.h"

namespace cambium::nn {

class GroupStatistics {
 public:
  explicit GroupStatistics(const GroupNorm& norm);

  // All rows belong to the one sample. piece [n, C, h, w] in any floating dtype, on any device
  void add(const at::Tensor& piece);
  // SiLU of the normalised piece, by all that was added. -> [n, C, h, w] in the piece's dtype, channels-last in memory
  at::Tensor normalize_silu(const at::Tensor& piece) const;

 private:
  const GroupNorm& norm_;
  int64_t count_ = 0;          // values in a channel so far
  at::Tensor mean_, squares_;  // [C] float64: the mean, and the sum of squared distances from it
};

}  // namespace cambium::nn
