#include "models/sam_adapter/visual_prompts.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "core/random.h"

namespace cambium::sam_adapter {

VisualPrompts::VisualPrompts(int64_t tokens, int64_t depth, int64_t width, int64_t patch) : patch_(patch) {
  prompts = register_parameter("prompts", at::empty({depth, tokens, width}));
}

void VisualPrompts::initialize(at::Generator& generator) {
  const at::NoGradGuard guard;
  const double bound = std::sqrt(6.0 / static_cast<double>(3 * patch_ * patch_ + prompts.size(2)));
  uniform_(prompts, -bound, bound, generator);
}

at::Tensor VisualPrompts::prepare(const at::Tensor&, const at::Tensor&) const { return {}; }

at::Tensor VisualPrompts::before_block(int64_t, const at::Tensor&) const { return {}; }

at::Tensor VisualPrompts::key_tokens(int64_t block, const at::Tensor&) const { return prompts.select(0, block); }

std::vector<at::Tensor> VisualPrompts::block_parameters(int64_t) const { return {prompts}; }

}  // namespace cambium::sam_adapter
