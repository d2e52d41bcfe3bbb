// One guided step of Stable Diffusion 1.5's U-Net at 512 x 512: a batch of two latents of 64 x 64, 77 tokens of text.
// usage: bench_sd15_step_512 FOLDER f32|bf16, FOLDER a diffusers folder of the U-Net (bench/peers/sd_unet.py --write)
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <filesystem>

#include "io/weights_file.h"
#include "measure.h"
#include "models/latent_diffusion/unet.h"
#include "nn/load.h"

namespace {

using namespace cambium;

// The same made-up numbers as the peer's: sin(0.37 i).
at::Tensor waves(at::IntArrayRef shape) {
  return (at::arange(c10::multiply_integers(shape), at::kDouble) * 0.37).sin().view(shape).to(at::kFloat);
}

std::shared_ptr<latent_diffusion::UNet> open(const std::filesystem::path& folder, at::ScalarType dtype) {
  const char* file =
      dtype == at::kBFloat16 ? "diffusion_pytorch_model.bf16.safetensors" : "diffusion_pytorch_model.safetensors";
  auto unet = std::make_shared<latent_diffusion::UNet>(latent_diffusion::UNetOptions{});
  nn::load_state(*unet, io::load_weights(folder / file), {.weight_dtype = dtype});
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  unet->set_keep_packed_only(true);
  return unet;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string dtype = argc > 2 ? argv[2] : "bf16";
  const at::NoGradGuard guard;
  keep_freed_memory();
  const auto unet = open(argv[1], dtype == "bf16" ? at::kBFloat16 : at::kFloat);
  const at::Tensor x = waves({2, 4, 64, 64}), timesteps = at::tensor({500.0f}), context = waves({2, 77, 768});
  // The text's keys and values are made once per prompt.
  const latent_diffusion::ContextCache cache = unet->project(context);
  at::Tensor y;
  const double seconds = bench::best_of(3, [&] { y = unet->forward(x, timesteps, {}, {.context = &cache}); });
  const double flops = 2 * 0.803e12;
  const at::Tensor shown = y.flatten().slice(0, 0, 16).to(at::kDouble).contiguous();
  const std::vector<double> values(shown.const_data_ptr<double>(), shown.const_data_ptr<double>() + 16);
  std::printf("%s\n", nlohmann::json({{"dtype", dtype},
                                      {"seconds", seconds},
                                      {"peak_memory_bytes", peak_memory_bytes()},
                                      {"gflops", flops / seconds * 1e-9},
                                      {"values", {values}}})
                          .dump()
                          .c_str());
}
