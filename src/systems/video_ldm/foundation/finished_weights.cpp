#include "systems/video_ldm/foundation/finished_weights.h"

#include <c10/core/GradMode.h>

#include <map>

#include "nn/load.h"

namespace cambium::systems::video_ldm::foundation {

io::NamedTensors finish(torch::nn::Module& module, const io::NamedTensors& average) {
  const at::NoGradGuard guard;
  const std::map<std::string, at::Tensor> averages(average.begin(), average.end());
  io::NamedTensors rounded;
  for (auto& [name, tensor] : nn::state_tensors(module)) {
    const auto found = averages.find(name);
    rounded.emplace_back(name, (found == averages.end() ? tensor : found->second).detach().to(at::kBFloat16));
    tensor.copy_(rounded.back().second);
  }
  return rounded;
}

std::vector<int64_t> spread(const std::vector<int64_t>& values, int64_t count) {
  const auto size = static_cast<int64_t>(values.size());
  const int64_t taken = std::min(count, size);
  std::vector<int64_t> out;
  for (int64_t i = 0; i < taken; ++i) out.push_back(values[static_cast<size_t>(i * size / taken)]);
  return out;
}

}  // namespace cambium::systems::video_ldm::foundation
