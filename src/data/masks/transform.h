#pragma once
// From a picture and its mask to what a step trains on, as SAM-Adapter's data pipeline does it (its train wrapper).
#include <ATen/core/Tensor.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "data/masks/mask_pairs.h"

namespace cambium::data {

// SAM's and ImageNet's pixel statistics on [0, 1].
constexpr std::array<double, 3> kMaskImageMean = {0.485, 0.456, 0.406};
constexpr std::array<double, 3> kMaskImageStd = {0.229, 0.224, 0.225};

struct MaskTransformOptions {
  int64_t size = 1024;  // pixels a side: the picture is squashed to a square, its aspect not kept
  double flip = 0.5;    // chance of a horizontal flip; 0 for validation

  void validate() const;
};

// One sample at the network's size.
struct MaskItem {
  int64_t index = -1;
  std::string name = {};
  at::Tensor image = {};          // u8 [3, S, S]
  at::Tensor mask = {};           // u8 [1, S, S], values as in the file's kind
  int64_t height = 0, width = 0;  // the picture's own size
  bool flipped = false;
};

// Flip, then picture by Pillow's bilinear filter (antialiased) and mask by its nearest one. Draws one number.
MaskItem transform(MaskedImage pair, const MaskTransformOptions& options, Rng& rng);
// The same without a draw.
MaskItem transform(MaskedImage pair, int64_t size, bool flip = false);

struct MaskBatch {
  std::vector<std::string> names = {};
  at::Tensor images = {};  // u8 [B, 3, S, S]
  at::Tensor masks = {};   // u8 [B, 1, S, S]
};
// Error for items of different sizes, or none.
MaskBatch collate(std::span<const MaskItem> items);

// f32 (u8 / 255 - mean) / std, any leading shape before [3, H, W].
at::Tensor normalise(const at::Tensor& images);
// What the losses compare with. Binary, soft: f32 [B, 1, S, S] in [0, 1]. Classes: i64 [B, S, S], kIgnoredLabel kept.
at::Tensor mask_target(const at::Tensor& masks, MaskKind kind);

}  // namespace cambium::data
