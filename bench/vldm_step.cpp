// One guided step of text-to-video over Stable Diffusion 1.5: a batch of two videos of 8 frames at 256 x 384 (latents
// of 32 x 48), 77 tokens of text, temporal layers on. Random weights. usage: bench_vldm_step f32|bf16
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include "measure.h"
#include "models/video_ldm/video_denoiser.h"

namespace {

using namespace cambium;

// Matrices of unit gain in `dtype`, vectors in float32: the activations stay finite.
void randomize(torch::nn::Module& module, at::ScalarType dtype) {
  for (at::Tensor& p : module.parameters()) {
    p.set_requires_grad(false);
    const double gain = p.dim() > 1 ? std::sqrt(static_cast<double>(p.size(0)) / static_cast<double>(p.numel())) : 0.1;
    p.set_data(at::randn(p.sizes(), p.options().dtype(p.dim() > 1 ? dtype : at::kFloat)).mul_(gain));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "bf16";
  const auto dtype = name == "bf16" ? at::kBFloat16 : at::kFloat;
  const at::NoGradGuard guard;
  keep_freed_memory();
  const latent_diffusion::UNetOptions options;
  const auto unet = std::make_shared<latent_diffusion::UNet>(options);
  const auto layers = std::make_shared<video_ldm::TemporalLayers>(options);
  randomize(*unet, dtype);
  randomize(*layers, dtype);
  const video_ldm::VideoDenoiser denoiser(unet, layers, {.frames = 8, .text = at::randn({2, 77, 768})});
  const at::Tensor x = at::randn({2, 8, 4, 32, 48}), time = at::tensor({500.0F});
  const double seconds = bench::best_of(3, [&] { denoiser(x, time); });
  // A frame: 0.2744 TFLOP in the image model, 0.1771 in the temporal layers.
  bench::print(name, seconds, 16 * (0.2744e12 + 0.1771e12));
}
