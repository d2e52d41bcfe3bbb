#pragma once
// The temporal decoder (section 3.2.2 of arXiv 2304.08818): the image autoencoder's decoder with layers over time, so
// that a video does not flicker from frame to frame. The layout and the names are Stable Video Diffusion's.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/latent_diffusion/autoencoder_decoder.h"
#include "models/video_ldm/temporal_convolution.h"
#include "models/video_ldm/temporal_residual_block.h"

namespace cambium::video_ldm {

// How the decoder mixes. Here alpha is the TEMPORAL layer's share, the other way round than in the U-Net:
// z' = alpha l(z) + (1 - alpha) z, alpha = sigmoid(mix_factor).
class DecoderMixer : public torch::nn::Module {
 public:
  // Weights are allocated, not filled.
  DecoderMixer();

  // For l(z) = z + added. Both [N, C, h, w] -> the same
  at::Tensor add(const at::Tensor& z, const at::Tensor& added) const;

  at::Tensor mix_factor;  // [1]
};

// What follows one residual block of the image decoder.
struct DecoderTemporalLayer {
  std::shared_ptr<TemporalResidualBlock> block;
  std::shared_ptr<DecoderMixer> mixer;

  // x [b * t, C, h, w] -> the same
  at::Tensor forward(const at::Tensor& x, int64_t frames) const { return mixer->add(x, block->branch(x, frames)); }
};

// The image decoder's names with {resnet}.{spatial_res_block,temporal_res_block,time_mixer}, and time_conv_out behind
// its head.
class TemporalDecoder : public latent_diffusion::Decoder {
 public:
  // Weights are allocated, not filled. `middle_blocks` as the image decoder's; Stable Video Diffusion's layout has one
  // where layers_per_block is 1.
  explicit TemporalDecoder(const latent_diffusion::AutoencoderOptions& options, int64_t middle_blocks = 2);

  // z [b * t, latent channels, h, w], frame fastest -> images [b * t, 3, f h, f w]. Error where `frames` does not
  // divide the batch.
  at::Tensor forward(const at::Tensor& z, int64_t frames) const;

  // One behind each of pieces().
  const std::vector<DecoderTemporalLayer>& temporal_layers() const { return temporal_; }
  const std::shared_ptr<TemporalConvolution>& time_conv_out() const { return time_conv_out_; }

  // The temporal layers from nothing, so that every frame comes out as from the image decoder alone: the branches add
  // nothing, and time_conv_out passes its input on.
  void initialize_temporal(at::Generator& generator);

 private:
  std::vector<DecoderTemporalLayer> temporal_;
  std::shared_ptr<TemporalConvolution> time_conv_out_;
};

}  // namespace cambium::video_ldm
