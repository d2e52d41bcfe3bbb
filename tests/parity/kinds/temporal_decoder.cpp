// temporal_decoder_finetune: some steps of the temporal decoder against the discriminator, two optimizers in turn.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "models/video_ldm/adversarial_loss.h"
#include "models/video_ldm/discriminator.h"
#include "models/video_ldm/frames.h"
#include "models/video_ldm/temporal_autoencoder.h"
#include "parity/conventions.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "train/optimizer.h"

namespace cambium::parity {
namespace {

train::AdamW adam(const torch::nn::Module& module, double lr) {
  train::ParameterGroup group{.name = "all"};
  for (const auto& item : module.named_parameters()) group.parameters.emplace_back(item.key(), item.value());
  return train::AdamW({group}, {.lr = lr, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8});
}

// [b * t, 3, H, W] -> [b, 3, t, H, W]
at::Tensor as_videos(const at::Tensor& images, int64_t frames) {
  return video_ldm::unfold_frames(images, frames).transpose(1, 2);
}

}  // namespace

Results check_temporal_decoder_finetune(const Golden& golden) {
  const Json& config = golden.config;
  const auto tag = config.at("tag").get<std::string>();
  const auto batch = config.at("B").get<int64_t>(), frames = config.at("T").get<int64_t>();
  const latent_diffusion::AutoencoderOptions options{
      .block_out_channels = config.at("block_out_channels").get<std::vector<int64_t>>(),
      .layers_per_block = config.at("layers_per_block"),
      .post_quant_conv = false};
  // The original's middle has layers_per_block residual blocks, and attention between the first two.
  video_ldm::TemporalAutoencoder model(options, std::min<int64_t>(options.layers_per_block, 2));
  fill_module(model);
  video_ldm::Discriminator discriminator({.widths = config.at("disc_widths").get<std::vector<int64_t>>()});
  fill_module(discriminator);
  const auto lr = config.at("lr").get<double>();
  train::AdamW decoder_adam = adam(*model.decoder(), lr), discriminator_adam = adam(discriminator, lr);
  const int64_t height = options.factor() * config.at("h").get<int64_t>(),
                width = options.factor() * config.at("w").get<int64_t>();

  Json rows = Json::array();
  for (int64_t step = 0; step < config.at("steps").get<int64_t>(); ++step) {
    const double scale = 0.6 * std::sqrt(3.0);  // inp(name, shape, 0.6) as rnd's
    const at::Tensor x = at::tanh(
        rnd(tag + ".x." + std::to_string(step % 2), {batch, frames, options.image_channels, height, width}, scale));
    const at::Tensor target = video_ldm::fold_frames(x);
    const at::Tensor z = [&] {
      const at::NoGradGuard frozen;
      return model.encode(target).mean;
    }();
    const at::Tensor reconstruction = model.decode(z, frames);
    const auto factor = config.at("rows").at(static_cast<size_t>(step)).at("factor").get<double>();
    const auto loss =
        video_ldm::decoder_loss(reconstruction, target, discriminator.forward(as_videos(reconstruction, frames)),
                                model.decoder()->time_conv_out()->weight, {.adversarial = 0.5, .factor = factor});
    decoder_adam.zero_grad();
    loss.total.backward();
    decoder_adam.step(1);

    discriminator_adam.zero_grad();  // the decoder's loss left gradients there
    const at::Tensor d = video_ldm::hinge_loss(discriminator.forward(as_videos(target, frames)),
                                               discriminator.forward(as_videos(reconstruction.detach(), frames)));
    d.mul(factor).backward();  // it begins to learn when the decoder begins to heed it
    discriminator_adam.step(1);
    rows.push_back({{"nll", loss.reconstruction.item<double>()},
                    {"rec_mean", (reconstruction - target).abs().mean().item<double>()},
                    {"g", loss.adversarial.item<double>()},
                    {"lam", loss.weight.item<double>()},
                    {"total", loss.total.item<double>()},
                    {"d", d.item<double>()}});
  }
  Results results;
  results.json["rows"] = rows;
  return results;
}

}  // namespace cambium::parity
