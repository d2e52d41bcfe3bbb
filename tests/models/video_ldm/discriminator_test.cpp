#include "models/video_ldm/discriminator.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::video_ldm {
namespace {

Discriminator discriminator(const DiscriminatorOptions& options) {
  Discriminator out(options);
  at::Generator generator = make_generator(1);
  out.initialize(generator);
  return out;
}

TEST(Discriminator, JudgesEveryFrameByPatches) {
  const at::NoGradGuard no_grad;
  const auto d = discriminator({.widths = {8, 16, 16}, .norm_groups = 4});
  EXPECT_EQ(d.forward(at::randn({2, 3, 5, 24, 32})).sizes(), at::IntArrayRef({2, 1, 5, 2, 3}));
}

TEST(Discriminator, TakesTheSmallestSideAndNoSmaller) {
  const at::NoGradGuard no_grad;
  const DiscriminatorOptions options{.widths = {8, 16}, .norm_groups = 4};
  const auto d = discriminator(options);
  const int64_t side = options.smallest_side();
  EXPECT_EQ(d.forward(at::randn({1, 3, 1, side, side})).sizes(), at::IntArrayRef({1, 1, 1, 1, 1}));
  EXPECT_THROW(d.forward(at::randn({1, 3, 1, side - 1, side})), Error);
  EXPECT_THROW(d.forward(at::randn({1, 4, 1, side, side})), Error);
}

TEST(Discriminator, SeesOtherFrames) {
  const at::NoGradGuard no_grad;
  const auto d = discriminator({.widths = {8}});
  at::Tensor x = at::randn({1, 3, 4, 8, 8});
  const at::Tensor before = d.forward(x);
  x.select(2, 0).add_(1);
  const at::Tensor moved = (d.forward(x) - before).abs().amax({0, 1, 3, 4});
  EXPECT_GT(moved[1].item<double>(), 0);
  EXPECT_GT(moved[2].item<double>(), 0);
  EXPECT_EQ(moved[3].item<double>(), 0);  // two convolutions reach two frames
}

TEST(Discriminator, ChecksItsOptions) {
  EXPECT_THROW(Discriminator({.widths = {}}), UsageError);
  EXPECT_THROW(Discriminator({.widths = {64, 100}}), UsageError);
}

}  // namespace
}  // namespace cambium::video_ldm
