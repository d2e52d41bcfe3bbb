// GradCache: loss 1e-6 relative, gradients 1e-5 of each tensor's norm, against the full batch.
#include "train/feature_cache_step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"

namespace cambium::train {
namespace {

// Two towers with dropout and a contrastive loss with a learned scale; image features also pass a scale inside the encoder.
struct Toy {
  static constexpr int64_t kBatch = 24, kIn = 20, kHidden = 32, kOut = 8;
  at::Tensor image_w1, image_w2, text_w1, text_w2, alpha, logit_scale, images, texts;
  bool freeze_text = false;

  Toy() {
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

  NamedTensors parameters() const {
    return {{"image_w1", image_w1}, {"image_w2", image_w2}, {"text_w1", text_w1}, {"text_w2", text_w2}, {"alpha", alpha}, {"logit_scale", logit_scale}};
  }

  static at::Tensor tower(const at::Tensor& x, const at::Tensor& w1, const at::Tensor& w2, at::Generator& generator) {
    at::Tensor keep = at::empty({x.size(0), w1.size(0)});
    uniform_(keep, 0, 1, generator);
    return at::gelu(x.matmul(w1.t())).mul((keep > 0.3) / 0.7).matmul(w2.t());  // [b, kOut]
  }

  std::vector<at::Tensor> encode(int64_t micro, int64_t size, at::Generator& generator) const {
    const at::Tensor image = images.narrow(0, micro * size, size), text = texts.narrow(0, micro * size, size);
    at::Tensor t = tower(text, text_w1, text_w2, generator);
    if (freeze_text) t = t.detach();
    return {tower(image, image_w1, image_w2, generator) * alpha.exp(), t};
  }

  Loss loss(const std::vector<at::Tensor>& features) const {
    const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {1}, true); };
    const at::Tensor logits = unit(features[0]).matmul(unit(features[1]).t()) * logit_scale.exp();  // [B, B]
    const at::Tensor y = at::arange(logits.size(0), at::kLong);
    Loss result{.value = (at::cross_entropy_loss(logits, y) + at::cross_entropy_loss(logits.t(), y)) / 2, .scalars = {}};
    result.scalars.set("logit_scale", logit_scale.exp());
    return result;
  }

  // Gradients of all parameters and the scalars of one step in `parts` micro-batches.
  std::pair<Scalars, std::vector<at::Tensor>> step(int64_t parts, at::Generator& generator) {
    for (const auto& [name, parameter] : parameters()) parameter.mutable_grad().reset();
    const int64_t size = kBatch / parts;
    const Scalars scalars = feature_cache_step(
        parts, [&](int64_t micro, at::Generator& g) { return encode(micro, size, g); },
        [&](const std::vector<at::Tensor>& features) { return loss(features); }, generator);
    std::vector<at::Tensor> gradients;
    for (const auto& [name, parameter] : parameters()) gradients.push_back(parameter.grad());
    return {scalars, gradients};
  }

  // The whole batch with a graph, its dropout drawn micro-batch by micro-batch as above.
  std::pair<at::Tensor, std::vector<at::Tensor>> full(int64_t parts, at::Generator& generator) {
    for (const auto& [name, parameter] : parameters()) parameter.mutable_grad().reset();
    std::vector<at::Tensor> image, text;
    for (int64_t i = 0; i < parts; ++i) {
      const auto features = encode(i, kBatch / parts, generator);
      image.push_back(features[0]);
      text.push_back(features[1]);
    }
    const Loss whole = loss({at::cat(image), at::cat(text)});
    backward(whole.value);
    std::vector<at::Tensor> gradients;
    for (const auto& [name, parameter] : parameters()) gradients.push_back(parameter.grad());
    return {whole.value.detach(), gradients};
  }
};

TEST(FeatureCacheStep, EqualsTheFullBatch) {
  for (const int64_t parts : {1, 2, 4, 12, 24}) {
    Toy toy;
    at::Generator a = make_generator(9), b = make_generator(9);
    const auto [loss, expected] = toy.full(parts, a);
    const auto [scalars, gradients] = toy.step(parts, b);
    EXPECT_NEAR(scalars.at("loss"), loss.item<double>(), 1e-6 * loss.item<double>());
    EXPECT_NEAR(scalars.at("logit_scale"), std::exp(1.5), 1e-5);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double error = (gradients[i] - expected[i]).norm().item<double>();
      EXPECT_LE(error, 1e-5 * expected[i].norm().item<double>()) << toy.parameters()[i].first << " in " << parts;
      EXPECT_GT(expected[i].norm().item<double>(), 0);
    }
    EXPECT_EQ(generator_state(a), generator_state(b)) << "the generator must end where the plain pass leaves it";
  }
}

TEST(FeatureCacheStep, AFrozenTowerGetsNoGradient) {
  Toy toy;
  toy.freeze_text = true;
  at::Generator a = make_generator(9), b = make_generator(9);
  const auto [loss, expected] = toy.full(4, a);
  const auto [scalars, gradients] = toy.step(4, b);
  EXPECT_FALSE(gradients[2].defined());
  EXPECT_LE((gradients[0] - expected[0]).norm().item<double>(), 1e-5 * expected[0].norm().item<double>());
}

TEST(FeatureCacheStep, MemoryHoldsOneMicroBatchOfGraph) {
  // The first pass must be without a graph: the encoder sees grad mode off, then on.
  std::vector<bool> modes;
  const at::Tensor w = at::ones({1, 1}).requires_grad_(true);
  at::Generator generator = make_generator(0);
  feature_cache_step(
      3, [&](int64_t, at::Generator&) {
        modes.push_back(at::GradMode::is_enabled());
        return std::vector<at::Tensor>{at::ones({2, 1}).matmul(w)};
      },
      [](const std::vector<at::Tensor>& features) { return Loss{.value = features[0].square().mean(), .scalars = {}}; }, generator);
  EXPECT_EQ(modes, (std::vector<bool>{false, false, false, true, true, true}));
  EXPECT_FLOAT_EQ(w.grad().item<float>(), 2);
}

TEST(FeatureCacheStep, UnevenMicroBatchesAndBadFeatures) {
  const at::Tensor w = at::ones({1, 1}).requires_grad_(true);
  at::Generator generator = make_generator(0);
  const auto mean = [](const std::vector<at::Tensor>& features) { return Loss{.value = features[0].mean(), .scalars = {}}; };
  // 1 + 2 + 3 rows of values 1, 2, 3: mean 14 / 6.
  const Scalars scalars = feature_cache_step(
      3, [&](int64_t i, at::Generator&) { return std::vector<at::Tensor>{at::full({i + 1, 1}, static_cast<double>(i + 1)).matmul(w)}; }, mean, generator);
  EXPECT_NEAR(scalars.at("loss"), 14.0 / 6, 1e-6);
  EXPECT_NEAR(w.grad().item<double>(), 14.0 / 6, 1e-6);
  EXPECT_THROW(feature_cache_step(0, {}, mean, generator), Error);
  const auto unlike = [&](int64_t i, at::Generator&) { return std::vector<at::Tensor>(static_cast<size_t>(i + 1), at::ones({2, 1})); };
  EXPECT_THROW(feature_cache_step(2, unlike, mean, generator), Error);
  const auto scalar = [&](int64_t, at::Generator&) { return std::vector<at::Tensor>{at::ones({})}; };
  EXPECT_THROW(feature_cache_step(2, scalar, mean, generator), Error);
}

}  // namespace
}  // namespace cambium::train
