#include "nn/group_statistics.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::nn {
namespace {

GroupNorm some_norm(int64_t groups, int64_t channels) {
  GroupNorm norm({.groups = groups, .channels = channels});
  const at::NoGradGuard no_grad;
  norm.weight.copy_(at::randn({channels}));
  norm.bias.copy_(at::randn({channels}));
  return norm;
}

// The frames of one sample, [t, C, h, w], as GroupNorm sees it whole.
at::Tensor whole(const GroupNorm& norm, const at::Tensor& frames) {
  return norm.forward_silu(frames.transpose(0, 1).unsqueeze(0)).squeeze(0).transpose(0, 1);
}

TEST(GroupStatistics, EqualsTheNormOfTheWhole) {
  const at::NoGradGuard no_grad;
  const GroupNorm norm = some_norm(4, 8);
  // Far from 0, where sums of squares would lose what matters; and more pixels than are taken at a time.
  const at::Tensor frames = (at::randn({7, 8, 90, 100}) * 0.5 + 300).contiguous(at::MemoryFormat::ChannelsLast) +
                            at::arange(7).view({7, 1, 1, 1});
  const at::Tensor expected = whole(norm, frames.to(at::kDouble)).to(at::kFloat);
  GroupStatistics statistics(norm);
  for (const at::Tensor& piece : frames.split(3)) statistics.add(piece);
  for (const auto& [first, count] : {std::pair{0, 2}, {2, 5}}) {
    const at::Tensor got = statistics.normalize_silu(frames.narrow(0, first, count));
    EXPECT_LT((got - expected.narrow(0, first, count)).abs().max().item<double>(), 2e-3);
  }
}

TEST(GroupStatistics, KeepsTheDtype) {
  const at::NoGradGuard no_grad;
  const GroupNorm norm = some_norm(2, 4);
  const at::Tensor frames = at::randn({3, 4, 5, 6}).to(at::kBFloat16);
  GroupStatistics statistics(norm);
  statistics.add(frames);
  const at::Tensor got = statistics.normalize_silu(frames);
  EXPECT_EQ(got.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::allclose(got.to(at::kFloat), whole(norm, frames.to(at::kFloat)), 1e-2, 1e-2));
}

TEST(GroupStatistics, NeedsAPiece) {
  const GroupNorm norm = some_norm(2, 4);
  EXPECT_THROW(GroupStatistics(norm).normalize_silu(at::randn({1, 4, 2, 2})), Error);
}

}  // namespace
}  // namespace cambium::nn
