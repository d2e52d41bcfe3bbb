// SAM ViT-B's image encoder on one picture of 1024 x 1024. usage: bench_sam_encode_b_1024 WEIGHTS f32|bf16
#include <ATen/core/grad_mode.h>
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
  const at::Tensor image = at::randn({1, 3, 1024, 1024}, generator);
  const double seconds = bench::best_of(5, [&] { model->encode(image); });
  // Products of the blocks (4 of 12 attend to all 4096 tokens, 8 within 25 windows of 196), and the neck's.
  const double tokens = 4096, width = 768;
  const double blocks =
      12 * 2 * tokens * 12 * width * width + 4 * 4 * tokens * tokens * width + 8 * 4 * 25 * 196 * 196 * width;
  bench::print(dtype, seconds, blocks + 2 * tokens * 256 * (width + 9 * 256));
}
