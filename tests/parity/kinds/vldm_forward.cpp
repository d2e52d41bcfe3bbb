// vldm_forward: the image U-Net with temporal layers: as videos, as images alone, both in one batch, with another text
// for the temporal layers, and with attention to near frames alone; and the norm of every temporal parameter's
// gradient. vldm_alpha_modes: the clamped and the per-frame mix, and the gradients of mix_factor.
#include <ATen/ATen.h>

#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"
#include "parity/kinds/vldm_model.h"

namespace cambium::parity {
namespace {

video_ldm::VideoInputs inputs_of(const Golden& golden) {
  video_ldm::VideoInputs inputs{.frames = golden.tensors.at("x").size(1), .text = golden.tensors.at("context")};
  if (golden.tensors.contains("class_labels")) inputs.class_labels = golden.tensors.at("class_labels");
  return inputs;
}

at::Tensor run(const Golden& golden, const VideoModel& model, const video_ldm::VideoInputs& inputs) {
  return model.with(inputs)(golden.tensors.at("x"), golden.tensors.at("timesteps"));
}

Json mix_factor_gradients(const video_ldm::TemporalLayers& layers) {
  Json out = Json::object();
  for (const auto& item : layers.named_parameters()) {
    if (!item.key().ends_with("time_mixer.mix_factor")) continue;
    const at::Tensor gradient = item.value().grad().to(at::kDouble).contiguous();
    out[item.key()] = std::vector<double>(gradient.data_ptr<double>(), gradient.data_ptr<double>() + gradient.numel());
  }
  return out;
}

}  // namespace

Results check_vldm_forward(const Golden& golden) {
  const VideoModel model = build_video_model(golden.config);
  const video_ldm::VideoInputs plain = inputs_of(golden);
  const at::Tensor& x = golden.tensors.at("x");
  Results results;
  const auto add = [&](const char* name, const video_ldm::VideoInputs& inputs) {
    const at::NoGradGuard no_grad;
    results.tensors[name] = run(golden, model, inputs);
  };
  add("out", plain);
  video_ldm::VideoInputs inputs = plain;
  inputs.image_only = at::ones({x.size(0), x.size(1)}, at::kBool);
  add("out_alpha1", inputs);
  inputs.image_only = at::zeros({x.size(0), x.size(1)}, at::kBool);
  inputs.image_only[0].fill_(true);
  add("out_mixed", inputs);
  inputs = plain;
  inputs.time_text = golden.tensors.at("time_context");
  add("out_dual_context", inputs);
  inputs = plain;
  inputs.reach = golden.config.at("window").get<int64_t>();
  add("out_window", inputs);

  const auto denoiser = model.with(plain);
  const at::Tensor loss = loss_named(golden.config, denoiser(x, golden.tensors.at("timesteps")));
  loss.backward();
  results.json["loss_value"] = loss.item<double>();
  results.tensors["grad_norms"] = gradient_norms(*model.layers, golden.config.at("grad_names"));
  return results;
}

Results check_vldm_alpha_modes(const Golden& golden) {
  const video_ldm::VideoInputs inputs = inputs_of(golden);
  Results results;
  const auto add = [&](const std::string& name, const video_ldm::TemporalOptions& options, double scale) {
    const VideoModel model = build_video_model(golden.config, options);
    for (const auto& item : model.layers->named_parameters()) {
      const at::NoGradGuard no_grad;
      if (item.key().ends_with("time_mixer.mix_factor")) item.value().mul_(scale);
    }
    const auto denoiser = model.with(inputs);
    const at::Tensor out = denoiser(golden.tensors.at("x"), golden.tensors.at("timesteps"));
    out.square().mean().backward();
    results.tensors["out_" + name] = out.detach();
    results.json["mix_factor_grads"][name] = mix_factor_gradients(*model.layers);
  };
  add("clamp", {.mixing = video_ldm::Mixing::clamp}, 1);
  add("per_frame", {.mixing = video_ldm::Mixing::per_frame, .frames = inputs.frames}, 10);
  return results;
}

}  // namespace cambium::parity
