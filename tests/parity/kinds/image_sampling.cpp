// text_to_image: text encoder, U-Net, sampler with guidance, decoder. image_to_image: the same from an encoded picture
// (the posterior's mean). x4_upscale_loop: the x4 upscaler on given text features. latents.N is after walked step N.
#include <ATen/ATen.h>

#include "models/latent_diffusion/autoencoder.h"
#include "models/latent_diffusion/image_denoiser.h"
#include "models/latent_diffusion/options_json.h"
#include "parity/fill.h"
#include "parity/kinds/clip_model.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/scheduler_case.h"

namespace cambium::parity {
namespace {

using namespace latent_diffusion;

std::shared_ptr<UNet> filled_unet(const Json& config) {
  auto unet = std::make_shared<UNet>(unet_options(nlohmann::json::parse(config.dump())));
  fill_module(*unet);
  return unet;
}

std::shared_ptr<Autoencoder> filled_autoencoder(const Json& widths, const Json& layers, const Json& scale) {
  auto autoencoder = std::make_shared<Autoencoder>(
      AutoencoderOptions{.block_out_channels = widths, .layers_per_block = layers, .scaling_factor = scale});
  fill_module(*autoencoder);
  return autoencoder;
}

// [negative, prompt] as the U-Net reads them: [2, T, D]
at::Tensor text_features(const Json& config, const Golden& golden) {
  const auto tower = filled_text_tower(config.at("text_config"));
  const at::Tensor ids = at::stack({golden.tensors.at("negative_ids"), golden.tensors.at("prompt_ids")});
  const std::vector<at::Tensor> states = tower->hidden_states(ids, at::kFloat);
  return tower->final_norm(states[states.size() - (config.at("penultimate").get<bool>() ? 2 : 1)]);
}

// Walks from x at `first` to the end and decodes.
void walk(Scheduler& scheduler, const Denoiser& denoiser, const at::Tensor& x, int64_t first,
          const Autoencoder& autoencoder, Results& results) {
  SamplingOptions options{.begin = first, .after_step = [&](const StepReport& report) {
                            results.tensors["latents." + std::to_string(report.step - first)] = report.x;
                          }};
  const at::Tensor latents = sample(scheduler, denoiser, x, options);
  const auto begin = scheduler.timesteps().begin() + first;
  results.json["timesteps"] = std::vector<double>(begin, scheduler.timesteps().end());
  results.tensors["decoded"] = autoencoder.decode(latents / autoencoder.options().scaling_factor);
}

Results image_kind(const Golden& golden, bool from_image) {
  const at::NoGradGuard guard;
  const Json& config = golden.config;
  const Json& vae = config.at("vae_config");
  const auto autoencoder =
      filled_autoencoder(vae.at("block_out_channels"), vae.at("layers_per_block"), config.at("scale_factor"));
  const auto scheduler =
      make_scheduler(scheduler_of(config.at("scheduler").get<std::string>(), config.at("scheduler_config")));
  const auto steps = config.at("steps").get<int64_t>();
  scheduler->set_timesteps(steps);

  Results results;
  const at::Tensor context = text_features(config, golden);
  results.tensors["context"] = context;
  const Guidance guidance{.scale = config.at("guidance"), .rescale = config.value("guidance_rescale", 0.0)};
  const Denoiser denoiser =
      image_denoiser(filled_unet(config.at("unet_config")),
                     {.positive = context.slice(0, 1), .negative = context.slice(0, 0, 1)}, guidance);
  const at::Tensor noise = golden.tensors.at("init_noise");
  at::Tensor x = noise * scheduler->init_noise_sigma();
  int64_t first = 0;
  if (from_image) {
    first = first_step(steps, config.at("strength").get<double>());
    const at::Tensor clean =
        autoencoder->encode(golden.tensors.at("init_image")).mean * autoencoder->options().scaling_factor;
    x = scheduler->add_noise(clean, noise, first);
  }
  walk(*scheduler, denoiser, x, first, *autoencoder, results);
  results.tensors["image"] = (results.tensors["decoded"] / 2 + 0.5).clamp(0, 1);
  return results;
}

}  // namespace

Results check_text_to_image(const Golden& golden) { return image_kind(golden, false); }

Results check_image_to_image(const Golden& golden) { return image_kind(golden, true); }

Results check_x4_upscale_loop(const Golden& golden) {
  const at::NoGradGuard guard;
  const Json& config = golden.config;
  const auto autoencoder = filled_autoencoder(config.at("vae_block_out_channels"), config.at("vae_layers_per_block"),
                                              config.at("scale_factor"));
  // The published upscaler's sampler; the file holds its betas alone.
  SchedulerOptions options{.prediction = Prediction::velocity};
  options.noise = scheduler_of("ddim", config.at("betas")).noise;
  const auto scheduler = make_scheduler(options);
  scheduler->set_timesteps(config.at("steps").get<int64_t>());

  Results results;
  const at::Tensor context = golden.tensors.at("context");
  ImageConditions conditions = upscaling_conditions(golden.tensors.at("low_res"), golden.tensors.at("noise"),
                                                    config.at("noise_level").get<int64_t>(), scheduler->schedule());
  conditions.negative = context.slice(0, 0, 1);
  conditions.positive = context.slice(0, 1);
  results.tensors["noisy_low_res"] = conditions.behind;
  const Denoiser denoiser =
      image_denoiser(filled_unet(config.at("unet_config")), conditions, {.scale = config.at("guidance")});
  walk(*scheduler, denoiser, golden.tensors.at("init_latents"), 0, *autoencoder, results);
  return results;
}

}  // namespace cambium::parity
