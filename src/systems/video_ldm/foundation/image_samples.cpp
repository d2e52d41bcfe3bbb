#include "systems/video_ldm/foundation/image_samples.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include "models/latent_diffusion/guidance.h"
#include "models/latent_diffusion/sampler.h"
#include "systems/video_ldm/pictures.h"

namespace cambium::systems::video_ldm::foundation {

at::Tensor sample_images(const Networks& model, const latent_diffusion::Autoencoder& autoencoder, const at::Tensor& ids,
                         const at::Tensor& none, at::IntArrayRef latent_shape, at::Generator& generator) {
  constexpr int64_t kSteps = 25;
  const latent_diffusion::Guidance guidance{.scale = 2};
  const at::NoGradGuard guard;
  const int64_t count = ids.size(0);
  const at::Tensor context =
      model.text->forward_tokens(at::cat({none.expand({count, -1}), ids}), at::kFloat);  // [2N, 77, W]
  const auto scheduler = latent_diffusion::make_scheduler(image_scheduler());
  scheduler->set_timesteps(kSteps);
  std::vector<int64_t> shape = {count};
  shape.insert(shape.end(), latent_shape.begin(), latent_shape.end());
  const auto denoise = [&](const at::Tensor& x, double t) {
    const at::Tensor timesteps = at::full({1}, t, x.options());
    return latent_diffusion::guide(model.unet->forward(at::cat({x, x}), timesteps, context), guidance);
  };
  const at::Tensor latents = latent_diffusion::sample(
      *scheduler, denoise, at::randn(shape, generator).to(ids.device()) * scheduler->init_noise_sigma());
  return to_bytes(autoencoder.decode(latents / autoencoder.options().scaling_factor));
}

}  // namespace cambium::systems::video_ldm::foundation
