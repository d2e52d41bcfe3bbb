#include "models/video_ldm/temporal_autoencoder.h"

#include "models/video_ldm/frames.h"
#include "nn/load.h"

namespace cambium::video_ldm {

namespace {

// "decoder.mid_block.resnets.0.conv1.weight" -> "decoder.mid_block.resnets.0.spatial_res_block.conv1.weight"
std::string with_spatial_block(const std::string& name) {
  const std::string list = ".resnets.";
  const size_t at = name.find(list);
  if (!name.starts_with("decoder.") || at == std::string::npos) return name;
  return std::string(name).insert(name.find('.', at + list.size()), ".spatial_res_block");
}

}  // namespace

TemporalAutoencoder::TemporalAutoencoder(const latent_diffusion::AutoencoderOptions& options, int64_t middle_blocks)
    : AutoencoderBase(options) {
  decoder_ = register_module("decoder", std::make_shared<TemporalDecoder>(options, middle_blocks));
}

at::Tensor TemporalAutoencoder::decode(const at::Tensor& latents, int64_t frames) const {
  return decoder_->forward(decoder_input(latents), frames).to(latents.scalar_type());
}

void TemporalAutoencoder::initialize_from(const latent_diffusion::Autoencoder& image, at::Generator& generator) {
  io::StateDict state;
  state.source = "the image autoencoder";
  for (const auto& [name, tensor] : nn::state_tensors(image)) {
    const at::Tensor values = tensor.detach();
    // The decoder trains, and the image model keeps its own.
    state.tensors.emplace_back(with_spatial_block(name), name.starts_with("decoder.") ? values.clone() : values);
  }
  nn::load_state(*this, state,
                 {.may_miss = {"decoder.*.temporal_res_block.*", "decoder.*.time_mixer.*", "decoder.time_conv_out.*"}});
  decoder_->initialize_temporal(generator);
}

}  // namespace cambium::video_ldm
