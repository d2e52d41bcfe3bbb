#include "models/video_ldm/context_encoder.h"

#include <ATen/ops/silu.h>

#include "nn/module_path.h"

namespace cambium::video_ldm {

ContextEncoder::ContextEncoder(const ContextEncoderOptions& options) {
  for (int64_t level = 0; level < options.levels; ++level) {
    const auto convolution =
        std::make_shared<nn::Conv2d>(nn::Conv2dOptions{.in = level == 0 ? options.in : options.width,
                                                       .out = options.width,
                                                       .kernel = 3,
                                                       .stride = level == 0 ? 1 : 2,
                                                       .padding = 1});
    convs_.push_back(nn::register_at(*this, "convs." + std::to_string(level), convolution));
  }
}

std::vector<at::Tensor> ContextEncoder::forward(const at::Tensor& context) const {
  std::vector<at::Tensor> levels;
  for (const auto& convolution : convs_)
    levels.push_back(at::silu(convolution->forward(levels.empty() ? context : levels.back())));
  return levels;
}

}  // namespace cambium::video_ldm
