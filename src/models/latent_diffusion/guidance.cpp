#include "models/latent_diffusion/guidance.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/std.h>
#include <fmt/format.h>

#include <numeric>
#include <vector>

#include "core/error.h"

namespace cambium::latent_diffusion {

namespace {

// Unbiased, over all dimensions but the batch.
at::Tensor deviation(const at::Tensor& t) {
  std::vector<int64_t> dims(static_cast<size_t>(t.dim() - 1));
  std::iota(dims.begin(), dims.end(), 1);
  return t.std(dims, /*unbiased=*/true, /*keepdim=*/true);
}

// Strong guidance overexposes: the spread of the prompt's own prediction is given back.
at::Tensor rescaled(const at::Tensor& guided, const at::Tensor& positive, double share) {
  if (share == 0) return guided;
  return share * (guided * (deviation(positive) / deviation(guided))) + (1 - share) * guided;
}

}  // namespace

void Guidance::validate() const {
  if (rescale < 0 || rescale > 1)
    throw UsageError({.what = fmt::format("guidance cannot be rescaled by {}", rescale),
                      .field = "guidance_rescale",
                      .mend = "give a number from 0 to 1"});
  if (context < 1)
    throw UsageError({.what = fmt::format("context guidance cannot be {}", context),
                      .field = "context_guidance",
                      .mend = "give 1 or more"});
}

at::Tensor guide(const at::Tensor& rows, const Guidance& guidance) {
  const auto parts = rows.chunk(2);
  const at::Tensor &negative = parts[0], &positive = parts[1];
  return rescaled(negative + guidance.scale * (positive - negative), positive, guidance.rescale);
}

at::Tensor guide_with_context(const at::Tensor& rows, const Guidance& guidance) {
  const auto parts = rows.chunk(3);
  const at::Tensor &negative = parts[0], &positive = parts[1], &informed = parts[2];
  const at::Tensor guided =
      negative + guidance.scale * (positive - negative) + guidance.context * (informed - positive);
  return rescaled(guided, informed, guidance.rescale);
}

}  // namespace cambium::latent_diffusion
