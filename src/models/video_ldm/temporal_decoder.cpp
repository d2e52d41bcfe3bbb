#include "models/video_ldm/temporal_decoder.h"

#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/sigmoid.h>

#include "core/error.h"
#include "models/video_ldm/frames.h"
#include "nn/module_path.h"

namespace cambium::video_ldm {

namespace {

// PyTorch's defaults, but the last convolution gives 0.
void initialize_branch(const TemporalResidualBlock& block, at::Generator& generator) {
  for (const auto& norm : {block.norm1(), block.norm2()}) {
    norm->weight.fill_(1);
    norm->bias.zero_();
  }
  block.conv1()->initialize(generator);
  block.conv2()->weight.zero_();
  block.conv2()->bias.zero_();
}

}  // namespace

DecoderMixer::DecoderMixer() { mix_factor = register_parameter("mix_factor", at::empty({1})); }

at::Tensor DecoderMixer::add(const at::Tensor& z, const at::Tensor& added) const {
  return at::addcmul(z, added, at::sigmoid(mix_factor).to(z.scalar_type()));
}

TemporalDecoder::TemporalDecoder(const latent_diffusion::AutoencoderOptions& options, int64_t middle_blocks)
    : latent_diffusion::Decoder(options, ".spatial_res_block", middle_blocks) {
  for (const auto& piece : pieces()) {
    const TemporalResidualOptions sizes{.channels = piece.channels, .groups = options.norm_groups};
    temporal_.push_back(
        {.block =
             nn::register_at(*this, piece.name + ".temporal_res_block", std::make_shared<TemporalResidualBlock>(sizes)),
         .mixer = nn::register_at(*this, piece.name + ".time_mixer", std::make_shared<DecoderMixer>())});
  }
  const int64_t channels = options.image_channels;
  time_conv_out_ = register_module("time_conv_out", std::make_shared<TemporalConvolution>(
                                                        TemporalConvolutionOptions{.in = channels, .out = channels}));
}

at::Tensor TemporalDecoder::forward(const at::Tensor& z, int64_t frames) const {
  if (frames < 1 || z.size(0) % frames != 0)
    throw Error({.what = std::to_string(z.size(0)) + " latents are no whole number of videos of " +
                         std::to_string(frames) + " frames",
                 .field = "frames"});
  at::Tensor x = z;
  for (size_t i = 0; i < pieces().size(); ++i) x = temporal_[i].forward(pieces()[i].forward(x), frames);
  x = head(x);  // [b * t, 3, H, W]
  return rows_as_frames(time_conv_out_->forward(frames_as_rows(x, frames)), x.size(2), x.size(3));
}

void TemporalDecoder::initialize_temporal(at::Generator& generator) {
  const at::NoGradGuard no_grad;
  for (const DecoderTemporalLayer& layer : temporal_) {
    initialize_branch(*layer.block, generator);
    layer.mixer->mix_factor.zero_();  // Stable Video Diffusion's: half a share
  }
  time_conv_out_->weight.zero_();
  time_conv_out_->weight.select(2, 1).squeeze(-1).squeeze(-1).copy_(at::eye(time_conv_out_->weight.size(0)));
  time_conv_out_->bias.zero_();
}

}  // namespace cambium::video_ldm
