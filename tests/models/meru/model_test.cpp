#include "models/meru/model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/random.h"
#include "io/safetensors.h"
#include "models/clip/options_json.h"
#include "nn/load.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::meru {
namespace {

clip::CLIPOptions small(int64_t embed_dim = 12) {
  clip::CLIPOptions options;
  options.visual = {.image_size = 16, .patch = 8, .width = 16, .depth = 2, .heads = 2};
  options.textual = {.vocabulary = 50, .context = 8, .width = 16, .layers = 2, .heads = 2};
  options.embed_dim = embed_dim;
  return options;
}

template <class Model>
std::shared_ptr<Model> filled(std::shared_ptr<Model> model, uint64_t seed = 1) {
  auto generator = make_generator(seed);
  model->initialize(generator);
  return model;
}

std::shared_ptr<MERU> small_meru(LossOptions loss = LossOptions::meru()) {
  return filled(std::make_shared<MERU>(MERUOptions{.clip = small(), .loss = loss}));
}

at::Tensor pixels() {
  auto generator = make_generator(7);
  at::Tensor x = at::empty({3, 3, 16, 16});
  return uniform_(x, 0, 1, generator);
}

std::vector<std::vector<int32_t>> tokens() { return {{48, 3, 49}, {48, 4, 5, 6, 49}, {48, 49}}; }

TEST(Meru, NamesShapesAndOrderAreTheReleasedOnes) {
  const auto golden = io::read_safetensors(test::source_dir() / "tests/golden/meru/vit_s_forward.safetensors");
  const auto config = nlohmann::ordered_json::parse(golden.metadata.at("config"));
  const MERU model({.clip = {.visual = clip::VisionTransformerOptions::named("s")}});
  const auto state = nn::state_tensors(model);
  const auto& expected = config.at("param_shapes");
  ASSERT_EQ(state.size(), expected.size());
  size_t i = 0;
  for (const auto& [name, shape] : expected.items()) {
    EXPECT_EQ(state[i].first, name);
    EXPECT_EQ(state[i].second.sizes().vec(), shape.get<std::vector<int64_t>>()) << name;
    ++i;
  }
}

TEST(Meru, InitialScalars) {
  const auto model = small_meru({.curv_init = 0.5});
  const LossScalars s = model->scalars();
  EXPECT_NEAR(s.logit_scale.item<double>(), 2.6592600, 1e-6);
  EXPECT_NEAR(s.curv.item<double>(), std::log(0.5), 1e-6);
  EXPECT_NEAR(s.visual_alpha.item<double>(), std::log(1 / std::sqrt(12.0)), 1e-6);
  EXPECT_NEAR(s.textual_alpha.item<double>(), std::log(1 / std::sqrt(12.0)), 1e-6);
  EXPECT_NEAR(curvature(*model).item<double>(), 0.5, 1e-6);
}

TEST(Meru, FixedCurvatureIsNotTrained) {
  const MERU model({.clip = small(), .learn_curv = false});
  for (const auto& parameter : model.named_parameters()) {
    if (parameter.key() == "curv") {
      EXPECT_FALSE(parameter.value().requires_grad());
    }
    if (parameter.key() == "visual_alpha") {
      EXPECT_TRUE(parameter.value().requires_grad());
    }
  }
}

TEST(Meru, EncodesOntoTheHyperboloid) {
  const auto model = small_meru();
  const at::NoGradGuard no_grad;
  const LossScalars s = model->scalars();
  s.curv.fill_(0.3);
  const at::Tensor c = model->curvature();
  EXPECT_TRUE(at::allclose(model->encode_image(pixels()),
                           exp_map0(model->encode_image(pixels(), false) * s.visual_alpha.exp(), c)));
  EXPECT_TRUE(at::allclose(model->encode_text(tokens()),
                           exp_map0(model->encode_text(tokens(), false) * s.textual_alpha.exp(), c)));
}

TEST(Meru, EmbeddingsAreFloat32UnderBfloat16) {
  const auto model = small_meru();
  const at::NoGradGuard no_grad;
  const at::Tensor exact = model->encode_image(pixels());
  model->set_compute_dtype(at::kBFloat16);
  const at::Tensor rounded = model->encode_image(pixels());
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(rounded, exact));
  EXPECT_TRUE(at::allclose(rounded, exact, 0, 0.05 * exact.abs().max().item<double>()));
}

TEST(Model, FollowsTheLossGeometry) {
  EXPECT_NE(std::dynamic_pointer_cast<MERU>(make_model(small(), LossOptions::hycoclip())), nullptr);
  EXPECT_NE(std::dynamic_pointer_cast<EuCLIP>(make_model(small(), LossOptions::euclip())), nullptr);
  const auto plain = make_model(small(), LossOptions::clip());
  EXPECT_EQ(std::dynamic_pointer_cast<MERU>(plain), nullptr);
  EXPECT_FALSE(loss_scalars(*plain).curv.defined());
  EXPECT_FALSE(curvature(*plain).defined());
  EXPECT_EQ(loss_options(*plain).geometry, Geometry::sphere);
}

TEST(Model, EuClipScalesAndStartsLow) {
  const auto model = filled(make_model(small(), LossOptions::euclip()));
  const at::NoGradGuard no_grad;
  EXPECT_FLOAT_EQ(model->logit_scale().item<float>(), -1);
  EXPECT_TRUE(at::allclose(model->encode_image(pixels()), model->image_features(pixels()) / std::sqrt(12.0)));
}

TEST(Ensemble, MeruAveragesTangentVectorsBeforeAlpha) {
  const auto model = small_meru();
  const at::NoGradGuard no_grad;
  const at::Tensor features = model->encode_text(tokens(), false);  // [3, D]
  const LossScalars s = model->scalars();
  const at::Tensor expected = exp_map0(features.mean(0) * s.textual_alpha.exp(), model->curvature());
  EXPECT_TRUE(at::allclose(ensemble_prompts(*model, tokens()), expected));
  // Several classes at once.
  const at::Tensor both = ensemble(*model, at::stack({features, features * 2}));
  EXPECT_TRUE(at::allclose(both[0], expected));
  EXPECT_EQ(both.sizes(), at::IntArrayRef({2, 12}));
}

TEST(Ensemble, ClipAveragesDirections) {
  const auto model = filled(make_model(small(), LossOptions::clip()));
  const at::NoGradGuard no_grad;
  const at::Tensor mean = model->encode_text(tokens()).mean(0);
  EXPECT_TRUE(at::allclose(ensemble_prompts(*model, tokens()), mean / mean.norm()));
}

class Checkpoints : public ::testing::Test {
 protected:
  // As our own checkpoints: the sizes that shapes do not tell are in the metadata.
  std::filesystem::path save(const clip::CLIP& model, io::NamedTensors extras = {}) {
    const auto path = directory_.path() / "model.safetensors";
    io::StateDict state{.tensors = nn::state_tensors(model), .extras = std::move(extras)};
    state.metadata[clip::kOptionsKey] = clip::to_json(model.options()).dump();
    io::write_safetensors(path, state);
    return path;
  }
  test::TemporaryDirectory directory_;
};

TEST_F(Checkpoints, MeruIsKnownByItsCurvature) {
  const auto model = small_meru();
  {
    const at::NoGradGuard no_grad;
    model->scalars().curv.fill_(-0.4);
  }
  const Checkpoint opened = open_checkpoint(save(*model));
  const auto meru = std::dynamic_pointer_cast<MERU>(opened.model);
  ASSERT_NE(meru, nullptr);
  EXPECT_FALSE(opened.root.defined());
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(meru->encode_image(pixels()), model->encode_image(pixels())));
  EXPECT_TRUE(at::equal(meru->encode_text(tokens()), model->encode_text(tokens())));
}

TEST_F(Checkpoints, ClipBringsItsRoot) {
  const auto model = filled(make_model(small(), LossOptions::clip()));
  const at::Tensor root = at::ones({12}) / std::sqrt(12.0);
  const Checkpoint opened = open_checkpoint(save(*model, {{"root", root}}));
  EXPECT_EQ(std::dynamic_pointer_cast<MERU>(opened.model), nullptr);
  ASSERT_TRUE(opened.root.defined());
  EXPECT_TRUE(at::equal(opened.root, root));
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(opened.model->encode_image(pixels()), model->encode_image(pixels())));
}

TEST_F(Checkpoints, StrictAboutNames) {
  const auto model = small_meru();
  auto state = nn::state_tensors(*model);
  const auto keep = [&](const std::string& name, io::NamedTensors tensors) {
    const auto path = directory_.path() / (name + ".safetensors");
    io::write_safetensors(path, tensors, {{clip::kOptionsKey, clip::to_json(model->options()).dump()}});
    return path;
  };
  auto extra = state;
  extra.emplace_back("visual.surprise", at::ones({2}));
  EXPECT_THROW(open_checkpoint(keep("extra", extra)), Error);
  auto missing = state;
  std::erase_if(missing, [](const auto& item) { return item.first == "textual_alpha"; });
  EXPECT_THROW(open_checkpoint(keep("missing", missing)), Error);
}

TEST_F(Checkpoints, AnyClipCanBeMadeHyperbolic) {
  const auto model = filled(make_model(small(), LossOptions::clip()));
  const auto meru = make_hyperbolic(clip::read_weights(save(*model)), {.curv_init = 2});
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(meru->encode_image(pixels(), false), model->encode_image(pixels(), false)));
  EXPECT_NEAR(meru->curvature().item<double>(), 2, 1e-6);
  EXPECT_TRUE(at::isfinite(meru->encode_image(pixels())).all().item<bool>());
}

TEST(MeruOptions, RefusesAnotherGeometry) {
  EXPECT_THROW(MERU({.clip = small(), .loss = LossOptions::clip()}), UsageError);
}

}  // namespace
}  // namespace cambium::meru
