// vldm_train: a short training run of temporal layers over a frozen U-Net, with given frames and, now and then, an item
// that is images alone: the loss and the gradient norm of every step, and the norms of parameters and of their averages
// at the end.
#include <ATen/ATen.h>

#include "models/latent_diffusion/denoising_loss.h"
#include "models/latent_diffusion/scheduler_options.h"
#include "models/video_ldm/context.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/vldm_model.h"
#include "train/ema.h"
#include "train/optimizer.h"

namespace cambium::parity {
namespace {

using latent_diffusion::DenoisingBatch;

struct Step {
  DenoisingBatch batch;
  video_ldm::VideoInputs inputs;
};

// The config's inputs_rule.
Step inputs_of(const Json& config, int64_t k, int64_t text_width) {
  const auto size = [&](const char* name) { return config.at(name).get<int64_t>(); };
  const auto tag = config.at("tag").get<std::string>();
  const int64_t videos = size("B"), frames = size("T");
  const std::vector<int64_t> shape = {videos, frames, 4, size("h"), size("w")};
  Step step{.batch = {.clean = inp(tag + ".z." + std::to_string(k % 3), shape),
                      .noise = inp(tag + ".noise." + std::to_string(k), shape),
                      .timesteps = at::zeros({videos}, at::kLong)},
            .inputs = {.frames = frames, .text = inp(tag + ".ctx." + std::to_string(k % 3), {videos, 5, text_width})}};
  std::vector<at::Tensor> masks;
  for (int64_t b = 0; b < videos; ++b) {
    step.batch.timesteps[b] = (137 * k + 401 * b + 13) % 1000;
    masks.push_back(video_ldm::leading_mask(frames, (k + b) % 3));
  }
  if (config.at("context").get<bool>())
    step.inputs.context = video_ldm::context_frames(step.batch.clean, at::stack(masks));
  step.inputs.image_only = at::zeros({videos, frames}, at::kBool);
  if (k % 4 == 3) step.inputs.image_only[videos - 1].fill_(true);
  return step;
}

train::AdamW optimizer_of(const Json& config, const video_ldm::TemporalLayers& layers) {
  train::ParameterGroup group{.name = "temporal", .weight_decay = config.at("weight_decay").get<double>()};
  for (const auto& item : layers.named_parameters()) group.parameters.emplace_back(item.key(), item.value());
  const auto betas = config.at("betas").get<std::array<double, 2>>();
  return train::AdamW({group}, {.lr = config.at("lr").get<double>(),
                                .beta1 = betas[0],
                                .beta2 = betas[1],
                                .eps = config.at("eps").get<double>()});
}

double length(const at::Tensor& t) { return t.detach().to(at::kDouble).norm().item<double>(); }

}  // namespace

Results check_vldm_train(const Golden& golden) {
  const Json& config = golden.config;
  const VideoModel model = build_video_model(config, {.context = config.at("context").get<bool>()});
  const latent_diffusion::NoiseSchedule schedule(
      latent_diffusion::scheduler_options(nlohmann::json(config.at("schedule"))).noise);
  latent_diffusion::DenoisingLossOptions options{
      .prediction = latent_diffusion::parse_prediction(config.at("prediction").get<std::string>())};
  if (const Json& gamma = config.at("min_snr_gamma"); !gamma.is_null()) options.min_snr_gamma = gamma.get<double>();
  train::AdamW optimizer = optimizer_of(config, *model.layers);
  train::Ema ema(optimizer.parameters(), config.at("ema").at("decay").get<double>(), /*warmup=*/true);

  Results results;
  for (int64_t k = 0; k < config.at("steps").get<int64_t>(); ++k) {
    const Step step = inputs_of(config, k, model.unet->options().cross_attention_dim);
    const DenoisingBatch& batch = step.batch;
    const auto denoiser = model.with(step.inputs);
    optimizer.zero_grad();
    const at::Tensor output = denoiser(schedule.add_noise(batch.clean, batch.noise, batch.timesteps), batch.timesteps);
    const at::Tensor loss = denoising_loss(output, batch, schedule, options);
    loss.backward();
    results.json["losses"].push_back(loss.item<double>());
    results.json["grad_norm"].push_back(train::gradient_norm(optimizer.parameters()).item<double>());
    optimizer.step(1);
    ema.update(k + 1);
  }
  for (const auto& [name, parameter] : optimizer.parameters())
    results.json["final_param_norms"][name] = {length(parameter), length(parameter)};
  for (const auto& [name, average] : ema.average()) results.json["ema_norms"][name] = length(average);
  return results;
}

}  // namespace cambium::parity
