#include "models/sam_adapter/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam_adapter/tiny_sam.h"

namespace cambium::sam_adapter {
namespace {

at::Tensor mask(int64_t seed) { return gaussian({2, 1, 8, 8}, static_cast<uint64_t>(seed)).gt(0.5).to(at::kFloat); }

TEST(MaskLoss, BalancedEntropyIsTheOriginalsFormula) {
  const at::Tensor x = gaussian({2, 1, 8, 8}, 1), t = mask(2);
  const at::Tensor p = t.sum() + 1e-10, n = (1 - t).sum() + 1e-10;
  const at::Tensor expected = p / (p + n) * at::binary_cross_entropy_with_logits(x, t, {}, n / p);
  EXPECT_NEAR(bbce_loss(x, t, Balance::of(t).positive_share(0)).item<double>(), expected.item<double>(), 1e-6);
}

TEST(MaskLoss, ABatchWithoutForegroundTeachesOnlyWithAFloor) {
  const at::Tensor x = gaussian({2, 1, 8, 8}, 1), none = at::zeros({2, 1, 8, 8});
  EXPECT_LT(bbce_loss(x, none, Balance::of(none).positive_share(0)).item<double>(), 1e-10);
  EXPECT_GT(bbce_loss(x, none, Balance::of(none).positive_share(0.01)).item<double>(), 1e-3);
}

TEST(MaskLoss, IoUIsZeroForTheMaskItselfAndOneForNothing) {
  const at::Tensor t = mask(3);
  EXPECT_NEAR(iou_loss(80 * (t - 0.5), t).item<double>(), 0, 1e-6);
  EXPECT_NEAR(iou_loss(gaussian({2, 1, 8, 8}, 4), at::zeros_like(t)).item<double>(), 1, 1e-6);
}

TEST(MaskLoss, IoUIsTakenImageByImage) {
  const at::Tensor x = gaussian({2, 1, 8, 8}, 5), t = mask(6);
  const double single =
      (iou_loss(x.narrow(0, 0, 1), t.narrow(0, 0, 1)) + iou_loss(x.narrow(0, 1, 1), t.narrow(0, 1, 1))).item<double>() /
      2;
  EXPECT_NEAR(iou_loss(x, t).item<double>(), single, 1e-6);
}

TEST(MaskLoss, ClassesIgnoreTheIgnoredLabel) {
  const at::Tensor x = gaussian({1, 3, 4, 4}, 7);
  at::Tensor labels = at::zeros({1, 4, 4}, at::kLong);
  labels.slice(1, 2).fill_(kIgnoreLabel);
  for (const auto loss : {MaskLoss::ce, MaskLoss::ce_dice}) {
    at::Tensor other = x.clone();
    other.slice(2, 2).add_(9);  // where nothing counts
    EXPECT_NEAR(mask_loss(loss, x, labels).item<double>(), mask_loss(loss, other, labels).item<double>(), 1e-6)
        << to_string(loss);
    labels.fill_(kIgnoreLabel);
    EXPECT_TRUE(std::isfinite(mask_loss(loss, x, labels).item<double>()));
    labels.slice(1, 0, 2).zero_();
  }
}

TEST(MaskLoss, DiceIsZeroForCertainty) {
  const at::Tensor labels = at::randint(3, {1, 6, 6}, make_generator(8), at::kLong);
  EXPECT_NEAR(dice_loss(60 * at::one_hot(labels, 3).permute({0, 3, 1, 2}).to(at::kFloat), labels).item<double>(), 0,
              1e-4);
}

TEST(MaskLoss, NamesGoBothWays) {
  for (const char* name : {"bce", "iou", "bbce", "ce", "ce_dice"}) EXPECT_EQ(to_string(parse_mask_loss(name)), name);
  EXPECT_THROW(parse_mask_loss("dice"), UsageError);
  EXPECT_TRUE(is_binary(MaskLoss::bbce));
  EXPECT_FALSE(is_binary(MaskLoss::ce_dice));
}

}  // namespace
}  // namespace cambium::sam_adapter
