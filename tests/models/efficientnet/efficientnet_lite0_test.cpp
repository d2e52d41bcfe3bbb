#include "models/efficientnet/efficientnet_lite0.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/safetensors.h"
#include "nn/load.h"
#include "support/sentence.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::efficientnet {
namespace {

// The formulas of tests/fixtures/efficientnet/make.py.
at::Tensor uniform(at::IntArrayRef shape, int64_t seed) {
  const int64_t count = c10::multiply_integers(shape);
  const at::Tensor places = at::arange(1, count + 1, at::kLong);
  const at::Tensor hashed = (places * 2654435761 + seed * 40503).remainder(int64_t{1} << 32);
  return hashed.to(at::kDouble).div(4294967296.0).sub(0.5).to(at::kFloat).reshape(shape);
}

void fill(const torch::nn::Module& network) {
  int64_t seed = 0;
  for (auto& [name, tensor] : nn::state_tensors(network)) {
    if (name.ends_with("num_batches_tracked")) continue;
    at::Tensor value = uniform(tensor.sizes(), ++seed);
    if (tensor.dim() > 1) {
      value *= 6 / std::sqrt(static_cast<double>(tensor[0].numel()));
    } else if (name.ends_with("running_var") || (name.find("_bn") != std::string::npos && name.ends_with("weight"))) {
      value += 1;
    }
    tensor.copy_(value);
  }
}

void expect_near(const at::Tensor& found, int64_t stride, const nlohmann::json& expected, double norm) {
  const double bound = 1e-4 * found.abs().max().item<double>();
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[static_cast<int64_t>(i) * stride].item<double>(), expected[i].get<double>(), bound) << i;
  EXPECT_NEAR(found.to(at::kDouble).norm().item<double>(), norm, 1e-4 * norm);
}

TEST(EfficientNetLite0, GivesThePytorchPortsNumbers) {
  const nlohmann::json expected =
      nlohmann::json::parse(std::ifstream(test::source_dir() / "tests/fixtures/efficientnet/expected.json"));
  EfficientNetLite0 network;
  const at::NoGradGuard no_grad;
  fill(network);
  const at::Tensor picture = 2 * uniform({1, 3, 224, 224}, 999);
  expect_near(network.features(picture)[0], 40, expected.at("features_every_40th"), expected.at("features_norm"));
  expect_near(network.logits(picture)[0], 50, expected.at("logits_every_50th"), expected.at("logits_norm"));
}

TEST(EfficientNetLite0, FeaturesOfABatchAreThoseOfItsPictures) {
  EfficientNetLite0 network;
  const at::NoGradGuard no_grad;
  fill(network);
  const at::Tensor pictures = 2 * uniform({2, 3, 65, 96}, 5);
  const at::Tensor together = network.features(pictures);
  EXPECT_EQ(together.sizes(), (std::vector<int64_t>{2, 1280}));
  EXPECT_TRUE(at::allclose(together.narrow(0, 1, 1), network.features(pictures.narrow(0, 1, 1)), 1e-4, 1e-4));
}

TEST(EfficientNetLite0, RefusesOtherNetworksAndShapes) {
  const test::TemporaryDirectory folder;
  io::StateDict other;
  other.insert("weight", at::zeros({3}));
  io::write_safetensors(folder.path() / "other.safetensors", other.tensors);
  EXPECT_TRUE(test::says(test::sentence([&] { EfficientNetLite0::open(folder.path() / "other.safetensors"); }),
                         "_conv_stem.weight"));
  EXPECT_THROW(EfficientNetLite0().features(at::zeros({1, 1, 8, 8})), Error);
}

}  // namespace
}  // namespace cambium::efficientnet
