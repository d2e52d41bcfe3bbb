// The mask decoder at inference. A prompt's image tokens are 2 MB in bfloat16 and its upscaled pixels 4 MB: kept in the
// caches by taking one prompt at a time, and one strip of its image at a time for the pixels.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "models/sam/mask_decoder.h"
#include "nn/activation.h"

namespace cambium::sam {
namespace {

// Image tokens in one strip.
constexpr int64_t kStripTokens = 512;

}  // namespace

MaskOutput MaskDecoder::forward_each(const DecoderInput& in, int64_t batch, int64_t begin, int64_t count) const {
  const at::ScalarType dtype = in.embedding.scalar_type();
  const int64_t images = in.embedding.size(0), height = in.embedding.size(2), width = in.embedding.size(3);
  const at::Tensor position = pixel_rows(in.dense_pe, dtype);  // [1, h * w, C]
  const TwoWayTransformer::Plan plan = transformer_->plan(position);
  const auto image_of = [&](int64_t image, int64_t dense) {
    const at::Tensor rows =
        pixel_rows(in.embedding.narrow(0, image, 1), dtype) + pixel_rows(in.dense.narrow(0, dense, 1), dtype);
    return transformer_->prepare(rows, position, plan.empty() ? nullptr : &plan);
  };
  // One dense prompt for all: what the first layer sees of an image is the same for all of its prompts.
  std::vector<TwoWayTransformer::Image> shared;
  for (int64_t i = 0; i < images && in.dense.size(0) == 1; ++i) shared.push_back(image_of(i, 0));

  const at::Tensor tokens = tokens_of(in, batch, {});
  const auto first = upscale1_->as_linear(), second = upscale2_->as_linear();
  const int64_t half = options_.width / 4;
  at::Tensor decoded = at::empty_like(tokens);
  at::Tensor low_res = at::empty({batch, count, 4 * height, 4 * width}, in.embedding.options().dtype(at::kFloat));

  const auto decode_one = [&](int64_t i) {
    const int64_t image = i / (batch / images);
    const TwoWayTransformer::Output out =
        transformer_->forward(shared.empty() ? image_of(image, i) : shared[image], tokens.narrow(0, i, 1));
    decoded[i].copy_(out.tokens[0]);
    const at::Tensor weights = hyper(out.tokens, begin, count)[0];  // [count, C / 8]
    const int64_t strip = std::max<int64_t>(1, kStripTokens / width);
    for (int64_t y = 0; y < height; y += strip) {
      const int64_t lines = std::min(strip, height - y);
      at::Tensor x = out.image[0].narrow(0, y * width, lines * width);  // [n, C]
      x = first->forward(x).view({lines * width * 4, half});            // [4n, C / 4]
      x = nn::activate(upscale_norm_->forward(x), nn::Activation::gelu);
      x = second->forward(x, nn::Activation::gelu).view({lines * width * 16, half / 2});  // [16n, C / 8]
      // Each cell's 4 x 4 pixels to their places.
      low_res[i]
          .narrow(1, 4 * y, 4 * lines)
          .view({count, lines, 2, 2, width, 2, 2})
          .copy_(at::matmul(weights, x.t()).view({count, lines, width, 2, 2, 2, 2}).permute({0, 1, 3, 5, 2, 4, 6}));
    }
  };
  if (batch >= 2 * at::get_num_threads()) {
    parallel_for(0, batch, 1, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) decode_one(i);
    });
  } else {
    for (int64_t i = 0; i < batch; ++i) decode_one(i);
  }
  return {low_res, iou_of(decoded).narrow(1, begin, count)};
}

}  // namespace cambium::sam
