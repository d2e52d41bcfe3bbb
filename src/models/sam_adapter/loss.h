#pragma once
// The losses of SAM-Adapter (its section 3.3 and released code), and cross-entropy for masks of several classes.
#include <ATen/core/Tensor.h>

#include <string>

namespace cambium::sam_adapter {

enum class MaskLoss {
  bce,      // binary cross-entropy
  iou,      // bce + soft IoU: the paper's choice for camouflaged objects
  bbce,     // class-balanced bce: the paper's choice for shadows
  ce,       // several classes: cross-entropy
  ce_dice,  // several classes: 0.2 cross-entropy + 0.8 (1 - Dice), SAMed's (Zhang and Liu 2023)
};

// As recipes write it; UsageError naming the known words otherwise.
MaskLoss parse_mask_loss(const std::string& name);
std::string to_string(MaskLoss loss);
// Whether the loss takes one binary mask (else labels of several classes).
bool is_binary(MaskLoss loss);

// The labels of this value count nowhere in ce and ce_dice.
inline constexpr int64_t kIgnoreLabel = 255;

// Logits and target [B, C, H, W], target in [0, 1] (it may be soft) -> 0-D: the mean over all pixels.
at::Tensor bce_loss(const at::Tensor& logits, const at::Tensor& target);

// mean over images and channels of 1 - I / U, I = sum(p t), U = sum(p + t) - I, p = sigmoid(logits). An empty target
// gives the constant 1, without a gradient.
at::Tensor iou_loss(const at::Tensor& logits, const at::Tensor& target);

// Foreground and background of a whole batch, in pixels (soft ones count by their value).
struct Balance {
  double positives = 0, negatives = 0;
  static Balance of(const at::Tensor& target);
  // The share of the foreground, not below `floor` and not above 1 - floor. The original has no floor: then a batch
  // without foreground teaches nothing.
  double positive_share(double floor) const;
};

// The mean of (1 - s) t log p + s (1 - t) log(1 - p), negated, where s is the share of the foreground: what the
// original computes as P / (P + N) bce with positives weighted N / P.
at::Tensor bbce_loss(const at::Tensor& logits, const at::Tensor& target, double positive_share);

// Logits [B, C, H, W], labels [B, H, W] int64 in 0..C-1 or kIgnoreLabel -> 0-D
at::Tensor ce_loss(const at::Tensor& logits, const at::Tensor& labels);
// 1 - the mean over classes of 2 sum(p t) / (sum(p^2) + sum(t^2)), sums over the batch, p the softmax.
at::Tensor dice_loss(const at::Tensor& logits, const at::Tensor& labels);

// The loss of the name. `positive_share` is bbce's. Binary losses take target [B, 1, H, W] in [0, 1], the others labels
// [B, H, W].
at::Tensor mask_loss(MaskLoss loss, const at::Tensor& logits, const at::Tensor& target, double positive_share = 0.5);

}  // namespace cambium::sam_adapter
