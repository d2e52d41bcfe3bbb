// SAM's mask decoder for 64 points on one picture, three masks each. usage: bench_sam_decode_64 WEIGHTS f32|bf16
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include "core/random.h"
#include "measure.h"
#include "models/sam/weights.h"

int main(int argc, char** argv) {
  using namespace cambium;
  const std::string dtype = argc > 2 ? argv[2] : "bf16";
  const at::NoGradGuard guard;
  const auto type = dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  const auto model = sam::open(argv[1], {.param_dtype = type, .compute_dtype = type});
  at::Generator generator = make_generator(1);
  const sam::ImageFeatures features{at::randn({1, 256, 64, 64}, generator).to(type)};
  const sam::Prompts prompts{.points = at::rand({64, 1, 2}, generator) * 1024, .labels = at::ones({64, 1}, at::kLong)};
  const double seconds = bench::best_of(5, [&] { model->decode(features, prompts, {.multimask = true}); });
  // Products of every prompt with its 4096 image tokens; the first layer's shared ones are not counted.
  const double tokens = 4096, width = 256, half = 128;
  const double layers = 2 * tokens * width * half * (1 + 4 + 2);  // out; k, v, q, out; k, v
  const double upscaling = 2 * tokens * width * width + 2 * 4 * tokens * 64 * half;
  bench::print(dtype, seconds, 64 * (layers + upscaling));
}
