#pragma once
// Two small towers with dropout and CLIP's loss with a learned scale, for cached-feature steps and for ranks.
#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "core/random.h"
#include "train/distributed.h"
#include "train/feature_cache_step.h"
#include "train/task.h"

namespace cambium::test {

struct ToyContrastive {
  static constexpr int64_t kBatch = 24, kIn = 20, kHidden = 32, kOut = 8;
  at::Tensor image_w1, image_w2, text_w1, text_w2, alpha, logit_scale, images, texts;
  bool freeze_text = false;
  double dropout = 0.3;
  const train::Distributed& ranks;

  explicit ToyContrastive(const train::Distributed& where) : ranks(where) {
    at::Generator generator = make_generator(1);
    const auto random = [&](at::IntArrayRef shape, double std) {
      at::Tensor t = at::empty(shape);
      return normal_(t, 0, std, generator);
    };
    image_w1 = random({kHidden, kIn}, 0.3).requires_grad_(true);
    image_w2 = random({kOut, kHidden}, 0.3).requires_grad_(true);
    text_w1 = random({kHidden, kIn}, 0.3).requires_grad_(true);
    text_w2 = random({kOut, kHidden}, 0.3).requires_grad_(true);
    alpha = at::full({}, 0.7).requires_grad_(true);
    logit_scale = at::full({}, 1.5).requires_grad_(true);
    images = random({kBatch, kIn}, 1);
    texts = random({kBatch, kIn}, 1);
  }

  train::NamedTensors parameters() const {
    return {{"image_w1", image_w1}, {"image_w2", image_w2}, {"text_w1", text_w1},
            {"text_w2", text_w2},   {"alpha", alpha},       {"logit_scale", logit_scale}};
  }

  at::Tensor tower(const at::Tensor& x, const at::Tensor& w1, const at::Tensor& w2, at::Generator& generator) const {
    at::Tensor keep = at::empty({x.size(0), w1.size(0)});
    uniform_(keep, 0, 1, generator);
    return at::gelu(x.matmul(w1.t())).mul((keep >= dropout) / (1 - dropout)).matmul(w2.t());  // [b, kOut]
  }

  // Of this rank's rows: the batch is divided among the ranks in order.
  std::vector<at::Tensor> encode(int64_t micro, int64_t size, at::Generator& generator) const {
    const int64_t first = ranks.rank() * (kBatch / ranks.world()) + micro * size;
    const at::Tensor image = images.narrow(0, first, size), text = texts.narrow(0, first, size);
    at::Tensor t = tower(text, text_w1, text_w2, generator);
    if (freeze_text) t = t.detach();
    return {tower(image, image_w1, image_w2, generator) + alpha, t};
  }

  // meru.md section 2, CLIP forward: local features against those of all ranks.
  train::Loss loss(const std::vector<at::Tensor>& features) const {
    const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {1}, true); };
    const at::Tensor image = unit(features[0]), text = unit(features[1]);                     // [B, D]
    const at::Tensor all_image = ranks.all_gather(image), all_text = ranks.all_gather(text);  // [world * B, D]
    const at::Tensor y = at::arange(image.size(0), at::kLong) + image.size(0) * ranks.rank();
    const at::Tensor scale = logit_scale.exp();
    train::Loss result;
    result.value = (at::cross_entropy_loss(scale * image.matmul(all_text.t()), y) +
                    at::cross_entropy_loss(scale * text.matmul(all_image.t()), y)) /
                   2;
    result.scalars.set("logit_scale", scale);
    return result;
  }

  void zero_grad() const {
    for (const auto& [name, parameter] : parameters()) parameter.mutable_grad().reset();
  }

  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> all;
    for (const auto& [name, parameter] : parameters()) all.push_back(parameter.grad());
    return all;
  }

  // Scalars and gradients of one step in `parts` micro-batches.
  std::pair<train::Scalars, std::vector<at::Tensor>> step(int64_t parts, at::Generator& generator) const {
    zero_grad();
    const int64_t size = kBatch / ranks.world() / parts;
    const train::Scalars scalars = train::feature_cache_step(
        parts, [&](int64_t micro, at::Generator& g) { return encode(micro, size, g); },
        [&](const std::vector<at::Tensor>& features) { return loss(features); }, generator);
    return {scalars, gradients()};
  }

  // The whole batch with its graph, its dropout drawn micro-batch by micro-batch as above.
  std::pair<at::Tensor, std::vector<at::Tensor>> full(int64_t parts, at::Generator& generator) const {
    zero_grad();
    std::vector<at::Tensor> image, text;
    for (int64_t i = 0; i < parts; ++i) {
      const auto features = encode(i, kBatch / ranks.world() / parts, generator);
      image.push_back(features[0]);
      text.push_back(features[1]);
    }
    const train::Loss whole = loss({at::cat(image), at::cat(text)});
    train::backward(whole.value);
    return {whole.value.detach(), gradients()};
  }
};

}  // namespace cambium::test
