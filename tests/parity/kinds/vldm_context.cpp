// vldm_context: given frames by mask, what the context encoder makes of them, the output, and gradients.
#include <ATen/ATen.h>

#include "models/video_ldm/context.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/latent_diffusion_model.h"
#include "parity/kinds/vldm_model.h"

namespace cambium::parity {

Results check_vldm_context(const Golden& golden) {
  const VideoModel model = build_video_model(golden.config, {.context = true});
  const at::Tensor &x = golden.tensors.at("x"), &timesteps = golden.tensors.at("timesteps");
  const at::Tensor context = video_ldm::context_frames(golden.tensors.at("z"), golden.tensors.at("masks"));
  const video_ldm::VideoInputs inputs{.frames = x.size(1), .text = golden.tensors.at("context"), .context = context};
  Results results;
  results.tensors["c_s"] = context;
  {
    const at::NoGradGuard no_grad;
    const auto features = model.layers->encode_context(context);
    for (size_t level = 0; level < features.size(); ++level)
      results.tensors["ctx_feat_l2." + std::to_string(level)] =
          features[level].to(at::kDouble).square().mean().sqrt().unsqueeze(0);
    results.tensors["out"] = model.with(inputs)(x, timesteps);
  }
  const auto denoiser = model.with(inputs);
  const at::Tensor loss = loss_named(golden.config, denoiser(x, timesteps));
  loss.backward();
  results.json["loss_value"] = loss.item<double>();
  results.tensors["grad_norms"] = gradient_norms(*model.layers, golden.config.at("grad_names"));
  return results;
}

}  // namespace cambium::parity
