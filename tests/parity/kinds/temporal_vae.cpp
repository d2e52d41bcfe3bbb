// temporal_vae: Stable Video Diffusion's autoencoder: the temporal decoder over whole clips and over chunks of two
// frames, and the gradients of mean(decoded^2) in the decoder.
#include <ATen/ATen.h>

#include "models/video_ldm/temporal_autoencoder.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"

namespace cambium::parity {

Results check_temporal_vae(const Golden& golden) {
  const Json& config = golden.config;
  const auto options = autoencoder_options(config);
  // The original's middle has layers_per_block residual blocks, and attention between the first two.
  video_ldm::TemporalAutoencoder model(options, std::min<int64_t>(options.layers_per_block, 2));
  fill_module(model);
  const at::Tensor z = golden.tensors.at("z");
  const at::Tensor decoded = model.decode(z, config.at("num_frames"));
  require_loss(config, "mean(decoded^2)");
  const at::Tensor loss = decoded.square().mean();
  loss.backward();
  torch::nn::Module trained;  // the encoder has no part in the loss
  trained.register_module("decoder", model.decoder());

  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> chunks;
  for (const at::Tensor& chunk : z.split(2)) chunks.push_back(model.decode(chunk, chunk.size(0)));
  Results results;
  results.tensors = {{"moments", model.moments(golden.tensors.at("x"))},
                     {"decoded", decoded.detach()},
                     {"decoded_chunk2", at::cat(chunks)},
                     {"grad_norms", gradient_norms(trained, config.at("grad_names"))}};
  results.json["loss_value"] = loss.item<double>();
  return results;
}

}  // namespace cambium::parity
