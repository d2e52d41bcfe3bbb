#include "models/video_ldm/adversarial_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace cambium::video_ldm {
namespace {

TEST(AdversarialLoss, SumsOverPixelsAndAveragesOverFrames) {
  const at::Tensor a = at::zeros({4, 3, 2, 2}), b = at::full({4, 3, 2, 2}, 0.5);
  EXPECT_DOUBLE_EQ(reconstruction_loss(a, b).item<double>(), 6);
}

TEST(AdversarialLoss, HingeStopsBeyondTheMargin) {
  const at::Tensor sure = at::full({3}, 5.0), unsure = at::zeros({3});
  EXPECT_EQ(hinge_loss(sure, -sure).item<double>(), 0);
  EXPECT_EQ(hinge_loss(unsure, unsure).item<double>(), 1);
  EXPECT_EQ(hinge_loss(-sure, sure).item<double>(), 6);
}

// first pulls at w with 3, second with 0.5 (and a little is added below the bar).
TEST(AdversarialLoss, BalancesGradients) {
  const at::Tensor w = at::ones({1}).requires_grad_();
  EXPECT_NEAR(adaptive_weight((3 * w).sum(), (0.5 * w).sum(), w).item<double>(), 3 / (0.5 + 1e-4), 1e-4);
  EXPECT_EQ(adaptive_weight((3 * w).sum(), (0 * w).sum(), w).item<double>(), 1e4);  // not above that
  EXPECT_FALSE(adaptive_weight((3 * w).sum(), (0.5 * w).sum(), w).requires_grad());
}

TEST(AdversarialLoss, WaitsForTheDiscriminator) {
  const at::Tensor w = at::ones({1}).requires_grad_();
  const at::Tensor images = at::ones({1, 1, 1, 1}) * w, target = at::zeros({1, 1, 1, 1});
  const auto early = decoder_loss(images, target, 2 * images, w, {.factor = 0});
  EXPECT_EQ(early.total.item<double>(), early.reconstruction.item<double>());
  const auto later = decoder_loss(images, target, 2 * images, w);
  EXPECT_NEAR(later.weight.item<double>(), 0.5 / (2 + 1e-4), 1e-6);
  EXPECT_NEAR(later.total.item<double>(), 1 - 2 * later.weight.item<double>(), 1e-6);
}

}  // namespace
}  // namespace cambium::video_ldm
