#pragma once
// The autoencoder's way up: latents to images (Rombach et al. 2022, section 3.1).
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/latent_diffusion/autoencoder_layers.h"

namespace cambium::latent_diffusion {

// The decoder up to the end of one residual block, from the end of the one before.
struct DecoderPiece {
  std::string name;                                      // of the residual block: "up_blocks.1.resnets.0"
  int64_t channels = 0;                                  // of what leaves it
  int64_t scale = 1;                                     // its sides are so many times the latents'
  std::function<at::Tensor(const at::Tensor&)> forward;  // [N, C, h, w] -> [N, channels, h', w']
};

// conv_in, mid_block.{resnets.0,attentions.0,resnets.1}, up_blocks.{i}.{resnets.{j},upsamplers.0.conv}, conv_norm_out,
// conv_out. It works image by image, and is made of pieces, so that a video decoder can put its own layers between.
class Decoder : public torch::nn::Module {
 public:
  // Weights are allocated, not filled. `below`: what is added to the names of residual blocks (".spatial_res_block").
  // `middle_blocks`: 2, or 1, behind which the middle's attention has weights but never runs.
  explicit Decoder(const AutoencoderOptions& options, const std::string& below = "", int64_t middle_blocks = 2);

  // z [N, latent channels, h, w] -> [N, 3, f h, f w]: all pieces, then the head
  at::Tensor forward(const at::Tensor& z) const;

  const std::vector<DecoderPiece>& pieces() const { return pieces_; }
  // What follows the last piece. [N, C, H, W] -> [N, 3, H, W]
  at::Tensor head(const at::Tensor& x) const;

 private:
  using Layer = std::function<at::Tensor(const at::Tensor&)>;
  std::shared_ptr<nn::Conv2d> convolution(const std::string& path, int64_t in, int64_t out);
  // Adds the piece of a residual block, with what comes before it (or nothing).
  void add_piece(const std::string& name, int64_t in, int64_t out, int64_t scale, const Layer& before);

  int64_t groups_;
  std::string below_;
  std::vector<DecoderPiece> pieces_;
  std::shared_ptr<nn::GroupNorm> conv_norm_out_;
  std::shared_ptr<nn::Conv2d> conv_out_;
};

}  // namespace cambium::latent_diffusion
