#include "peft/fingerprint.h"

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "core/sha256.h"

namespace cambium::peft {
namespace {

constexpr int64_t kSamples = 64;  // of each tensor

io::NamedTensors sorted(const io::NamedTensors& tensors) {
  io::NamedTensors out = tensors;
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

}  // namespace

std::string architecture(const io::NamedTensors& tensors) {
  Sha256 sum;
  for (const auto& [name, tensor] : sorted(tensors)) {
    sum.update(name);
    for (const int64_t size : tensor.sizes()) sum.update(" " + std::to_string(size));
    sum.update("\n");
  }
  return sum.hex();
}

std::string fingerprint(const io::NamedTensors& tensors) {
  Sha256 sum;
  for (const auto& [name, tensor] : sorted(tensors)) {
    sum.update(name);
    if (tensor.numel() == 0) continue;
    const int64_t count = std::min<int64_t>(kSamples, tensor.numel());
    std::vector<int64_t> places;
    for (int64_t i = 0; i < count; ++i) places.push_back(i * (tensor.numel() - 1) / std::max<int64_t>(1, count - 1));
    const at::Tensor rows = at::tensor(places, at::kLong).to(tensor.device());
    const at::Tensor samples = tensor.detach().flatten().index_select(0, rows).to(at::kBFloat16).contiguous().cpu();
    sum.update(samples.const_data_ptr(), samples.nbytes());
  }
  return sum.hex();
}

}  // namespace cambium::peft
