#pragma once
// Pictures by a small foundation while it is trained.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "models/latent_diffusion/autoencoder.h"
#include "systems/video_ldm/foundation/image_task.h"

namespace cambium::systems::video_ldm::foundation {

// One picture for each row of `ids` [N, 77]; `none` [1, 77] is the empty caption. latent_shape: C, h, w.
// -> u8 [N, 3, H, W]
at::Tensor sample_images(const Networks& model, const latent_diffusion::Autoencoder& autoencoder, const at::Tensor& ids,
                         const at::Tensor& none, at::IntArrayRef latent_shape, at::Generator& generator);

}  // namespace cambium::systems::video_ldm::foundation
