#include "parity/fill.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>

namespace cambium::parity {
namespace {

uint64_t fnv1a64(std::string_view name) {
  uint64_t h = 0xCBF29CE484222325u;
  for (const unsigned char byte : name) h = (h ^ byte) * 0x100000001B3u;
  return h;
}

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

at::Tensor uniform(std::string_view name, int64_t n) {
  at::Tensor out = at::empty({n}, at::kFloat);
  float* values = out.data_ptr<float>();
  const uint64_t start = fnv1a64(name);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t bits = mix(start + static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15u) >> 40;
    values[i] = static_cast<float>(bits) / static_cast<float>(1 << 24);
  }
  return out;
}

at::Tensor fill(std::string_view name, at::IntArrayRef shape) {
  int64_t n = 1, fan_in = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    n *= shape[d];
    if (d > 0) fan_in *= shape[d];
  }
  const auto wide = shape.size() >= 2;
  const auto scale = wide ? static_cast<float>(std::sqrt(3.0 / static_cast<double>(fan_in))) : 0.1f;
  at::Tensor out = uniform(name, n);
  out.sub_(0.5).mul_(2).mul_(scale);
  if (!wide && name.ends_with("weight")) out.add_(1);
  return out.reshape(shape);
}

void fill_module(torch::nn::Module& module, const std::vector<std::string>& skip) {
  const at::NoGradGuard no_grad;
  for (const auto& parameter : module.named_parameters()) {
    at::Tensor value = parameter.value();
    const bool skipped = std::find(skip.begin(), skip.end(), parameter.key()) != skip.end();
    if (skipped || !value.is_floating_point() || value.dim() == 0) continue;
    value.copy_(fill(parameter.key(), value.sizes()));
  }
}

}  // namespace cambium::parity
