#include "nn/embedding.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::nn {

Embedding::Embedding(int64_t rows, int64_t width) { weight = register_parameter("weight", at::empty({rows, width})); }

at::Tensor Embedding::forward(const at::Tensor& indices) const {
  if (indices.is_cpu() && indices.numel() > 0) {  // a GPU would have to be waited for; there LibTorch checks
    const auto low = indices.min().item<int64_t>(), high = indices.max().item<int64_t>();
    if (low < 0 || high >= weight.size(0))
      throw Error({.what = "index " + std::to_string(low < 0 ? low : high) + " is not in a table of " +
                           std::to_string(weight.size(0)) + " rows",
                   .mend = "count from 0"});
  }
  return at::embedding(weight, indices);
}

void Embedding::initialize(at::Generator& generator) { normal_(weight, 0, 1, generator); }

}  // namespace cambium::nn
