#pragma once
// Random crops for training, as torchvision draws them, and batches of pixels.
#include <ATen/core/Tensor.h>

#include <span>

#include "core/random.h"
#include "io/resize.h"

namespace cambium::data {

// Defaults: MERU's and CLIP's training (MERU, section 4 and appendix; torchvision's own scale is 0.08 to 1).
struct RandomResizedCropOptions {
  int64_t size = 224;      // pixels a side of the result
  double min_scale = 0.5;  // area of the crop over the area of the picture
  double max_scale = 1.0;
  double min_ratio = 3.0 / 4.0;  // width over height of the crop
  double max_ratio = 4.0 / 3.0;
  io::Filter filter = io::Filter::bicubic;

  void validate() const;
};

struct CropWindow {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

// torchvision's RandomResizedCrop.get_params: area uniform in scale, ratio uniform in its logarithm, ten tries, then
// the largest central crop within the ratios. Draws 2 numbers a try and 2 for the place.
CropWindow draw_crop(int64_t width, int64_t height, const RandomResizedCropOptions& options, Rng& rng);

// size x size pixels of a random part. Channels stay: convert to RGB before.
io::Image random_resized_crop(const io::Image& image, const RandomResizedCropOptions& options, Rng& rng);

// u8 [B, 3, H, W] from RGB pictures of one size (io::to_unit_float makes [0, 1] of it, once for the whole batch).
// Error for pictures of another size or without exactly three channels, or for none.
at::Tensor stack_images(std::span<const io::Image> images);

}  // namespace cambium::data
