#include "models/sam_adapter/loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"

namespace cambium::sam_adapter {
namespace {

constexpr std::array<std::pair<const char*, MaskLoss>, 5> kNames{{
    {"bce", MaskLoss::bce},
    {"iou", MaskLoss::iou},
    {"bbce", MaskLoss::bbce},
    {"ce", MaskLoss::ce},
    {"ce_dice", MaskLoss::ce_dice},
}};

}  // namespace

MaskLoss parse_mask_loss(const std::string& name) {
  std::string known;
  for (const auto& [word, loss] : kNames) {
    if (name == word) return loss;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  throw UsageError({.what = "unknown loss \"" + name + "\"", .field = "model.loss", .mend = "use one of " + known});
}

std::string to_string(MaskLoss loss) {
  for (const auto& [word, known] : kNames) {
    if (known == loss) return word;
  }
  return "unknown";
}

bool is_binary(MaskLoss loss) { return loss == MaskLoss::bce || loss == MaskLoss::iou || loss == MaskLoss::bbce; }

at::Tensor bce_loss(const at::Tensor& logits, const at::Tensor& target) {
  return at::binary_cross_entropy_with_logits(logits.to(at::promoteTypes(logits.scalar_type(), at::kFloat)), target);
}

at::Tensor iou_loss(const at::Tensor& logits, const at::Tensor& target) {
  const at::Tensor p = at::sigmoid(logits.to(at::promoteTypes(logits.scalar_type(), at::kFloat)));
  const at::Tensor intersection = (p * target).sum({2, 3});         // [B, C]
  const at::Tensor both = (p + target).sum({2, 3}) - intersection;  // [B, C]
  return (1 - intersection / both).mean();
}

Balance Balance::of(const at::Tensor& target) {
  const double positives = target.sum(at::kDouble).item<double>();
  return {.positives = positives, .negatives = static_cast<double>(target.numel()) - positives};
}

double Balance::positive_share(double floor) const {
  constexpr double kTiny = 1e-10;  // the original's
  const double share = (positives + kTiny) / (positives + kTiny + negatives);
  return std::clamp(share, floor, 1 - floor);
}

at::Tensor bbce_loss(const at::Tensor& logits, const at::Tensor& target, double positive_share) {
  const at::Tensor x = logits.to(at::promoteTypes(logits.scalar_type(), at::kFloat));
  const at::Tensor positive = target * at::log_sigmoid(x), negative = (1 - target) * at::log_sigmoid(-x);
  return -((1 - positive_share) * positive + positive_share * negative).mean();
}

at::Tensor ce_loss(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor sum = at::cross_entropy_loss(logits.to(at::promoteTypes(logits.scalar_type(), at::kFloat)), labels,
                                                {}, at::Reduction::Sum, kIgnoreLabel);
  return sum / labels.ne(kIgnoreLabel).sum().clamp_min(1);  // 0, not NaN, where nothing is labelled
}

at::Tensor dice_loss(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor counted = labels.ne(kIgnoreLabel);  // [B, H, W]
  const at::Tensor p =
      at::softmax(logits.to(at::promoteTypes(logits.scalar_type(), at::kFloat)), 1) * counted.unsqueeze(1);
  const at::Tensor t = at::one_hot(labels.masked_fill(counted.logical_not(), 0), logits.size(1))
                           .permute({0, 3, 1, 2})
                           .to(p.scalar_type()) *
                       counted.unsqueeze(1);  // [B, C, H, W]
  constexpr double kSmooth = 1e-5;
  const at::Tensor overlap = (p * t).sum({0, 2, 3}), sizes = (p * p).sum({0, 2, 3}) + t.sum({0, 2, 3});  // [C]
  return (1 - (2 * overlap + kSmooth) / (sizes + kSmooth)).mean();
}

at::Tensor mask_loss(MaskLoss loss, const at::Tensor& logits, const at::Tensor& target, double positive_share) {
  switch (loss) {
    case MaskLoss::bce:
      return bce_loss(logits, target);
    case MaskLoss::iou:
      return bce_loss(logits, target) + iou_loss(logits, target);
    case MaskLoss::bbce:
      return bbce_loss(logits, target, positive_share);
    case MaskLoss::ce:
      return ce_loss(logits, target);
    case MaskLoss::ce_dice:
      return 0.2 * ce_loss(logits, target) + 0.8 * dice_loss(logits, target);
  }
  throw Error({.what = "no such loss"});
}

}  // namespace cambium::sam_adapter
