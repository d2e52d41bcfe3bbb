// GradCache: loss 1e-6 relative, gradients 1e-5 of each tensor's norm, against the full batch.
#include "train/feature_cache_step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "train/toy_contrastive.h"

namespace cambium::train {
namespace {

const Distributed alone;

TEST(FeatureCacheStep, EqualsTheFullBatch) {
  for (const int64_t parts : {1, 2, 4, 12, 24}) {
    const test::ToyContrastive toy(alone);
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
  test::ToyContrastive toy(alone);
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
      3,
      [&](int64_t, at::Generator&) {
        modes.push_back(at::GradMode::is_enabled());
        return std::vector<at::Tensor>{at::ones({2, 1}).matmul(w)};
      },
      [](const std::vector<at::Tensor>& features) { return Loss{.value = features[0].square().mean(), .scalars = {}}; },
      generator);
  EXPECT_EQ(modes, (std::vector<bool>{false, false, false, true, true, true}));
  EXPECT_FLOAT_EQ(w.grad().item<float>(), 2);
}

TEST(FeatureCacheStep, UnevenMicroBatchesAndBadFeatures) {
  const at::Tensor w = at::ones({1, 1}).requires_grad_(true);
  at::Generator generator = make_generator(0);
  const auto mean = [](const std::vector<at::Tensor>& features) {
    return Loss{.value = features[0].mean(), .scalars = {}};
  };
  // 1 + 2 + 3 rows of values 1, 2, 3: mean 14 / 6.
  const Scalars scalars = feature_cache_step(
      3,
      [&](int64_t i, at::Generator&) {
        return std::vector<at::Tensor>{at::full({i + 1, 1}, static_cast<double>(i + 1)).matmul(w)};
      },
      mean, generator);
  EXPECT_NEAR(scalars.at("loss"), 14.0 / 6, 1e-6);
  EXPECT_NEAR(w.grad().item<double>(), 14.0 / 6, 1e-6);
  EXPECT_THROW(feature_cache_step(0, {}, mean, generator), Error);
  const auto unlike = [&](int64_t i, at::Generator&) {
    return std::vector<at::Tensor>(static_cast<size_t>(i + 1), at::ones({2, 1}));
  };
  EXPECT_THROW(feature_cache_step(2, unlike, mean, generator), Error);
  const auto scalar = [&](int64_t, at::Generator&) { return std::vector<at::Tensor>{at::ones({})}; };
  EXPECT_THROW(feature_cache_step(2, scalar, mean, generator), Error);
}

}  // namespace
}  // namespace cambium::train
