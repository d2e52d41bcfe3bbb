#include "train/feature_cache_step.h"

#include <ATen/ops/cat.h>

#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"

namespace cambium::train {
namespace {

using Features = std::vector<at::Tensor>;

Scalars finish(const Loss& loss) {
  Scalars scalars;
  scalars.set("loss", loss.value);
  scalars.add(loss.scalars, 1);
  return scalars;
}

// rows[i]: the rows of micro-batch i, the same for each of its features.
Features encode_without_graph(int64_t micro_batches, const EncodeMicroBatch& encode, at::Generator& generator,
                              std::vector<at::Tensor>& generator_states, std::vector<int64_t>& rows) {
  const at::NoGradGuard guard;
  std::vector<std::vector<at::Tensor>> parts;  // [feature][micro-batch]
  for (int64_t i = 0; i < micro_batches; ++i) {
    generator_states.push_back(generator.get_state());
    Features features = encode(i, generator);
    if (features.empty() || (i > 0 && features.size() != parts.size())) {
      throw Error({.what = "every micro-batch must give the same number of features",
                   .field = "micro-batch " + std::to_string(i)});
    }
    for (const at::Tensor& feature : features) {
      if (feature.dim() == 0 || feature.size(0) != features[0].size(0)) {
        throw Error({.what = "features must be [b, ...] with one b, found " + c10::str(feature.sizes()),
                     .field = "micro-batch " + std::to_string(i)});
      }
    }
    rows.push_back(features[0].size(0));
    if (i == 0) parts.resize(features.size());
    for (size_t f = 0; f < features.size(); ++f) parts[f].push_back(std::move(features[f]));
  }
  Features whole;
  for (const auto& pieces : parts) whole.push_back(at::cat(pieces).requires_grad_(true));  // [sum of b, ...]
  return whole;
}

}  // namespace

Scalars feature_cache_step(int64_t micro_batches, const EncodeMicroBatch& encode, const FeatureLoss& loss,
                           at::Generator& generator) {
  if (micro_batches < 1) throw Error({.what = "no micro-batches", .field = "micro_batches", .mend = "use 1 or more"});
  if (micro_batches == 1) {
    const Loss whole = loss(encode(0, generator));
    backward(whole.value);
    return finish(whole);
  }

  std::vector<at::Tensor> states;
  std::vector<int64_t> rows;
  const Features features = encode_without_graph(micro_batches, encode, generator, states, rows);
  const at::Tensor end = generator.get_state();

  const Loss whole = loss(features);
  backward(whole.value);  // leaves dL/dfeature in the features' .grad, and the gradients of the loss's own parameters

  int64_t row = 0;
  for (int64_t i = 0; i < micro_batches; ++i) {
    generator.set_state(states[static_cast<size_t>(i)]);
    const Features again = encode(i, generator);
    const int64_t count = rows[static_cast<size_t>(i)];
    std::vector<at::Tensor> roots, gradients;
    for (size_t f = 0; f < again.size(); ++f) {
      if (!again[f].requires_grad() || !features[f].grad().defined())
        continue;  // a frozen tower, or one the loss ignores
      roots.push_back(again[f]);
      gradients.push_back(features[f].grad().narrow(0, row, count));
    }
    if (!roots.empty()) torch::autograd::backward(roots, gradients);
    row += count;
  }
  generator.set_state(end);
  return finish(whole);
}

}  // namespace cambium::train
