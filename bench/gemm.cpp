// The machine's own GEMM rate: a 4096 x 768 x 3072 product, the shape of a ViT-B's MLP. usage: bench_gemm f32|bf16
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "measure.h"
#include "nn/linear.h"

int main(int argc, char** argv) {
  const std::string dtype = argc > 1 ? argv[1] : "bf16";
  const at::NoGradGuard guard;
  const auto type = dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  const at::Tensor x = at::randn({4096, 768}).to(type);
  cambium::nn::Linear linear({.in = 768, .out = 3072, .bias = false});
  linear.weight.set_data(at::randn({3072, 768}).to(type));
  const double seconds = cambium::bench::best_of(9, [&] { linear.forward(x); });
  cambium::bench::print(dtype, seconds, 2.0 * 4096 * 768 * 3072);
}
