#include "models/latent_diffusion/injection.h"

#include <gtest/gtest.h>

#include "models/latent_diffusion/places.h"
#include "models/latent_diffusion/small_unet.h"
#include "nn/load.h"

namespace cambium::latent_diffusion {
namespace {

// Scales what comes by with a factor for each place, and notes where it was called.
class Scaling : public Injection {
 public:
  explicit Scaling(const UNetOptions& options) {
    for (const Place& place : residual_places(options)) channels_.push_back(place.channels);
    for (size_t i = 0; i < channels_.size(); ++i)
      residual_.push_back(at::full({1}, 1 + 0.01 * static_cast<double>(i)).requires_grad_(true));
    for (size_t i = 0; i < attention_places(options).size(); ++i)
      attention_.push_back(at::full({1}, 0.9 + 0.02 * static_cast<double>(i)).requires_grad_(true));
  }

  at::Tensor after_residual(int64_t place, const at::Tensor& hidden, const at::Tensor& time) const override {
    EXPECT_EQ(hidden.size(1), channels_.at(static_cast<size_t>(place)));
    EXPECT_EQ(time.size(0), hidden.size(0));
    calls_.push_back("r" + std::to_string(place));
    return hidden * residual_.at(static_cast<size_t>(place)).to(hidden.scalar_type());
  }
  at::Tensor after_attention(int64_t place, int64_t depth, const at::Tensor& tokens) const override {
    EXPECT_EQ(tokens.dim(), 3);
    calls_.push_back("a" + std::to_string(place) + "." + std::to_string(depth));
    return tokens * attention_.at(static_cast<size_t>(place)).to(tokens.scalar_type());
  }
  std::vector<at::Tensor> residual_parameters(int64_t place) const override {
    return {residual_.at(static_cast<size_t>(place))};
  }
  std::vector<at::Tensor> attention_parameters(int64_t place) const override {
    return {attention_.at(static_cast<size_t>(place))};
  }

  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> all = residual_;
    all.insert(all.end(), attention_.begin(), attention_.end());
    return all;
  }
  std::vector<std::string> take_calls() const { return std::exchange(calls_, {}); }

 private:
  std::vector<int64_t> channels_;
  std::vector<at::Tensor> residual_, attention_;
  mutable std::vector<std::string> calls_;
};

at::Tensor run(const UNet& unet, const Injection* injection, at::Tensor x = gaussian({2, 4, 8, 6}, 2)) {
  return unet.forward(x, at::tensor({10.0f, 700.0f}), gaussian({2, 5, 24}, 3), {.injection = injection});
}

std::vector<at::Tensor> take_gradients(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> out;
  for (at::Tensor p : parameters) {
    out.push_back(p.grad().defined() ? p.grad().clone() : at::Tensor());
    p.mutable_grad() = at::Tensor();
  }
  return out;
}

std::vector<at::Tensor> joined(std::vector<at::Tensor> a, const std::vector<at::Tensor>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Injection, IsCalledAtEveryPlaceInOrder) {
  UNetOptions options = small_options();
  options.attention = {false, true};
  options.transformer_depth = 2;
  const auto unet = small_unet(options);
  const Scaling scaling(options);
  const at::NoGradGuard no_grad;
  run(*unet, &scaling);
  EXPECT_EQ(scaling.take_calls(), (std::vector<std::string>{"r0", "r1", "a0.0", "a0.1", "r2", "a1.0", "a1.1", "r3",
                                                            "r4", "a2.0", "a2.1", "r5", "a3.0", "a3.1", "r6", "r7"}));
}

TEST(Injection, CheckpointingChangesNoGradient) {
  const auto unet = small_unet();
  const Scaling scaling(unet->options());
  const auto all = joined(unet->parameters(), scaling.parameters());
  run(*unet, &scaling).square().mean().backward();
  const auto expected = take_gradients(all);
  unet->set_checkpointing(true);
  run(*unet, &scaling).square().mean().backward();
  const auto got = take_gradients(all);
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_TRUE(expected[i].defined() && got[i].defined()) << i;
    EXPECT_TRUE(at::allclose(got[i], expected[i], 1e-4, 1e-7)) << i;
  }
}

// Training of temporal layers: gradients flow through the frozen network to what is injected before it.
class FrozenTraining : public testing::TestWithParam<at::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, FrozenTraining, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return info.param == at::kFloat ? "f32" : "bf16"; });

TEST_P(FrozenTraining, ReachesWhatIsInjected) {
  const auto unet = small_unet();
  const Scaling scaling(unet->options());
  run(*unet, &scaling).square().mean().backward();
  const auto expected = take_gradients(scaling.parameters());
  take_gradients(unet->parameters());
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  nn::cast_frozen(*unet, GetParam());
  for (const bool checkpointing : {false, true}) {
    unet->set_checkpointing(checkpointing);
    run(*unet, &scaling).square().mean().backward();
    const auto got = take_gradients(scaling.parameters());
    // Sums of many bfloat16 products: compared as a whole, not one by one.
    EXPECT_LT(relative_error(at::cat(got), at::cat(expected)), GetParam() == at::kFloat ? 1e-4 : 5e-2);
  }
  for (const at::Tensor& p : unet->parameters()) EXPECT_FALSE(p.grad().defined());
}

TEST(Injection, FrozenGradientsReachTheInput) {
  const auto unet = small_unet();
  at::Tensor a = gaussian({2, 4, 7, 6}, 2).requires_grad_(true), b = a.detach().clone().requires_grad_(true);
  run(*unet, nullptr, a).square().mean().backward();
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  run(*unet, nullptr, b).square().mean().backward();
  EXPECT_LT(relative_error(b.grad(), a.grad()), 1e-4);
}

}  // namespace
}  // namespace cambium::latent_diffusion
