// MERU's ViT-B/16 image tower on 16 pictures. usage: bench_encode_vit_b16 WEIGHTS f32|bf16
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "core/random.h"
#include "io/safetensors.h"
#include "measure.h"
#include "models/clip/vision_transformer.h"
#include "nn/load.h"

int main(int argc, char** argv) {
  using namespace cambium;
  const std::string dtype = argc > 2 ? argv[2] : "bf16";
  const at::NoGradGuard guard;
  clip::VisionTransformer tower(clip::VisionTransformerOptions::named("b"));
  const auto type = dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  nn::load_state(tower, io::read_safetensors(argv[1]), {.weight_dtype = type});
  at::Generator generator = make_generator(1);
  const at::Tensor images = at::randn({16, 3, 224, 224}, generator).to(type);
  const double seconds = bench::best_of(5, [&] { tower.forward(images); });
  // Products of the blocks and of attention, 197 tokens.
  const double tokens = 197, width = 768,
               flops = 16 * 12 * (2 * tokens * 12 * width * width + 4 * tokens * tokens * width);
  bench::print(dtype, seconds, flops);
}
