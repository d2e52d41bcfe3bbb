#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/device.h"
#include "core/error.h"
#include "core/random.h"
#include "models/clip/clip.h"
#include "nn/load.h"
#include "support/source_dir.h"

namespace cambium::clip {
namespace {

CLIPOptions tiny() {
  return {.visual = {.image_size = 32, .patch = 8, .width = 32, .depth = 2, .heads = 4},
          .textual = {.vocabulary = 100, .context = 12, .width = 24, .layers = 2, .heads = 2},
          .embed_dim = 16};
}

std::shared_ptr<CLIP> initialized(const CLIPOptions& options, uint64_t seed = 5) {
  auto model = std::make_shared<CLIP>(options);
  auto generator = make_generator(seed);
  model->initialize(generator);
  return model;
}

at::Tensor pixels(int64_t count, int64_t size, uint64_t seed = 1) {
  auto generator = make_generator(seed);
  at::Tensor t = at::empty({count, 3, size, size});
  return uniform_(t, 0, 1, generator);
}

TEST(CLIP, StateDictIsTheReleasedOne) {
  // MERU's ViT-S, less its three scalars, as the original lists it: names, shapes and order.
  std::ifstream file(test::source_dir() / "tests/fixtures/clip/meru_vit_s_keys.json");
  const auto expected = nlohmann::json::parse(file);
  const CLIP model({});
  const auto got = nn::state_tensors(model);
  size_t i = 0;
  for (const auto& item : expected) {
    const std::string name = item[0];
    if (name == "curv" || name == "visual_alpha" || name == "textual_alpha") continue;
    ASSERT_LT(i, got.size());
    EXPECT_EQ(got[i].first, name);
    EXPECT_EQ(got[i].second.sizes().vec(), item[1].get<std::vector<int64_t>>()) << name;
    ++i;
  }
  EXPECT_EQ(i, got.size());
}

TEST(CLIP, ParameterCountsAreThePapers) {
  // 85,290,372 and so on with MERU's three scalars (meru.py's table).
  for (const auto& [size, expected] : {std::pair{"s", 85'290'372}, {"b", 149'619'972}, {"l", 367'254'020}}) {
    const CLIP model({.visual = VisionTransformerOptions::named(size)});
    int64_t count = 3;
    for (const auto& p : model.parameters()) count += p.numel();
    EXPECT_EQ(count, expected) << size;
  }
}

TEST(CLIP, OnlyTheFixedPositionsAreFrozen) {
  const CLIP model(tiny());
  for (const auto& item : model.named_parameters()) {
    EXPECT_EQ(item.value().requires_grad(), item.key() != "visual.pos_embed") << item.key();
  }
}

TEST(CLIP, InitialMomentsAreThePapers) {
  const auto model = initialized({.visual = {.image_size = 32, .patch = 16, .width = 192, .depth = 2, .heads = 3},
                                  .textual = {.vocabulary = 1000, .width = 128, .layers = 2, .heads = 2},
                                  .embed_dim = 256});
  const auto parameters = model->named_parameters();
  const auto expect_std = [&](const char* name, double std) {
    const at::Tensor t = parameters[name].detach();
    EXPECT_NEAR(t.mean().item<double>(), 0, 6 * std / std::sqrt(static_cast<double>(t.numel()))) << name;
    EXPECT_NEAR(t.std().item<double>() / std, 1, 5 / std::sqrt(2.0 * static_cast<double>(t.numel()))) << name;
  };
  expect_std("visual.cls_token", 1e-6);
  expect_std("visual.blocks.1.attn.qkv.weight", 0.02);
  expect_std("visual.blocks.0.mlp.fc2.weight", 0.02);
  expect_std("visual.patch_embed.proj.weight", 1 / std::sqrt(3.0 * 3 * 16 * 16));  // uniform within 768^-1/2
  expect_std("textual.token_embed.weight", 0.02);
  expect_std("textual.posit_embed", 0.01);
  expect_std("textual.resblocks.0.attn.in_proj_weight", std::pow(128, -0.5));
  expect_std("textual.resblocks.1.attn.out_proj.weight", std::pow(2 * 128 * 2, -0.5));
  expect_std("textual.resblocks.1.mlp.c_proj.weight", std::pow(2 * 128 * 2, -0.5));
  expect_std("textual.resblocks.0.mlp.c_fc.weight", std::pow(2 * 128, -0.5));
  expect_std("textual.resblocks.0.mlp.c_fc.bias", 1 / std::sqrt(3.0 * 128));
  expect_std("visual_proj.weight", std::pow(192, -0.5));
  expect_std("textual_proj.weight", std::pow(128, -0.5));
  EXPECT_FLOAT_EQ(parameters["logit_scale"].item<float>(), std::log(1 / 0.07f));
  for (const char* name : {"visual.blocks.0.attn.qkv.bias", "visual.blocks.0.mlp.fc1.bias", "visual.norm.bias",
                           "textual.resblocks.0.attn.in_proj_bias", "textual.resblocks.0.attn.out_proj.bias"}) {
    EXPECT_EQ(parameters[name].abs().max().item<float>(), 0) << name;
  }
  EXPECT_TRUE(at::equal(parameters["visual.blocks.1.norm1.weight"], at::ones({192})));
  EXPECT_LE(parameters["visual.blocks.0.attn.proj.weight"].abs().max().item<float>(), 2);
}

TEST(CLIP, SameSeedSameWeights) {
  const auto a = initialized(tiny(), 9), b = initialized(tiny(), 9), c = initialized(tiny(), 10);
  EXPECT_TRUE(at::equal(a->visual_proj()->weight, b->visual_proj()->weight));
  EXPECT_FALSE(at::equal(a->visual_proj()->weight, c->visual_proj()->weight));
}

TEST(CLIP, SinCosPutsTheRowFirst) {
  const at::Tensor p = sincos_pos_embed(3, 8, true).squeeze(0);  // [10, 8]
  EXPECT_EQ(p.sizes(), (at::IntArrayRef{10, 8}));
  EXPECT_EQ(p[0].abs().max().item<float>(), 0);
  // Patch (row 2, column 1) is 1 + 2 * 3 + 1; omega = 1, 10000^-1/2 = 0.01.
  const std::vector<double> expected = {std::sin(2), std::sin(0.02), std::cos(2), std::cos(0.02),
                                        std::sin(1), std::sin(0.01), std::cos(1), std::cos(0.01)};
  for (int64_t i = 0; i < 8; ++i) EXPECT_NEAR(p[8][i].item<double>(), expected[i], 1e-6) << i;
}

TEST(CLIP, PadTokensCutsKeepingTheEnd) {
  const std::vector<std::vector<int32_t>> tokens = {{9, 1, 99}, {9, 1, 2, 3, 4, 99}};
  EXPECT_TRUE(
      at::equal(pad_tokens(tokens, 77), at::tensor({9, 1, 99, 0, 0, 0, 9, 1, 2, 3, 4, 99}, at::kLong).view({2, 6})));
  EXPECT_TRUE(at::equal(pad_tokens(tokens, 4), at::tensor({9, 1, 99, 0, 9, 1, 2, 99}, at::kLong).view({2, 4})));
  EXPECT_THROW(pad_tokens({}, 77), Error);
  const std::vector<std::vector<int32_t>> empty = {{}};
  EXPECT_THROW(pad_tokens(empty, 77), Error);
}

TEST(CLIP, PaddingDoesNotChangeAText) {
  const auto model = initialized(tiny());
  const std::vector<std::vector<int32_t>> alone = {{9, 1, 99}}, both = {{9, 1, 99}, {9, 1, 2, 3, 4, 5, 99}};
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::allclose(model->encode_text(alone)[0], model->encode_text(both)[0], 1e-5, 1e-6));
}

TEST(CLIP, EncodesPicturesAsFloatsOrBytes) {
  const auto model = initialized(tiny());
  const at::NoGradGuard no_grad;
  const at::Tensor bytes = (pixels(2, 32) * 255).round().to(at::kByte);
  const at::Tensor a = model->encode_image(bytes), b = model->encode_image(bytes.to(at::kFloat) / 255);
  EXPECT_TRUE(at::allclose(a, b, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(a.norm(2, {-1}), at::ones({2}), 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(model->encode_image(bytes, /*project=*/false), model->image_features(bytes)));
  EXPECT_THROW(model->encode_image(pixels(1, 16)), Error);
  EXPECT_THROW(model->encode_text(at::zeros({1, 13}, at::kLong)), Error);
}

TEST(CLIP, PooledTokenEqualsTheWholeLastBlock) {
  const auto model = initialized(tiny());
  const at::NoGradGuard no_grad;
  auto& visual = *model->visual();
  const at::Tensor images = pixels(3, 32) - 0.5;
  at::Tensor tokens = visual.forward_tokens(images);
  const auto parameters = model->named_parameters();
  const at::Tensor expected =
      at::layer_norm(tokens.select(1, 0), {32}, parameters["visual.norm.weight"], parameters["visual.norm.bias"], 1e-5);
  EXPECT_TRUE(at::allclose(visual.forward(images), expected, 1e-4, 1e-5));
  const at::Tensor ids = at::tensor({9, 1, 99, 0, 0, 9, 2, 3, 4, 99}, at::kLong).view({2, 5});
  const at::Tensor all = model->textual()->forward_tokens(ids, at::kFloat);
  const at::Tensor pooled = model->textual()->forward(ids, at::kFloat);
  EXPECT_TRUE(at::allclose(pooled[0], all[0][2], 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(pooled[1], all[1][4], 1e-4, 1e-5));
  const auto states = model->textual()->hidden_states(ids, at::kFloat);
  EXPECT_EQ(states.size(), 3u);
  EXPECT_TRUE(at::allclose(model->textual()->final_norm(states.back()), all, 1e-5, 1e-6));
}

TEST(CLIP, CheckpointingKeepsTheGradients) {
  const auto model = initialized(tiny());
  const at::Tensor images = pixels(2, 32), ids = at::tensor({9, 1, 99, 9, 2, 99}, at::kLong).view({2, 3});
  const auto run = [&](bool checkpointing) {
    model->set_checkpointing(checkpointing);
    model->zero_grad();
    (model->image_features(images).square().sum() + model->text_features(ids).square().sum()).backward();
    std::vector<at::Tensor> grads;
    for (const auto& p : model->parameters()) {
      if (p.grad().defined()) grads.push_back(p.grad().clone());
    }
    return grads;
  };
  const auto expected = run(false), got = run(true);
  ASSERT_EQ(got.size(), expected.size());
  EXPECT_EQ(got.size() + 2, model->parameters().size());  // all but pos_embed and logit_scale
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_LT((got[i] - expected[i]).norm().item<double>(), 1e-5 * expected[i].norm().item<double>());
}

TEST(CLIP, Bf16ComputeStaysClose) {
  if (!cpu_features().avx512_bf16 && !cpu_features().amx_bf16) GTEST_SKIP() << "this CPU does not multiply bfloat16";
  const auto model = initialized(tiny());
  const at::NoGradGuard no_grad;
  const at::Tensor images = pixels(2, 32);
  const at::Tensor f32 = model->encode_image(images);
  model->set_compute_dtype(at::kBFloat16);
  const at::Tensor bf16 = model->encode_image(images);
  EXPECT_EQ(bf16.scalar_type(), at::kFloat);
  EXPECT_LT((bf16 - f32).norm().item<double>(), 0.02 * f32.norm().item<double>());
}

TEST(CLIP, InferenceModeGivesTheSame) {
  const auto model = initialized(tiny());
  const at::Tensor images = pixels(2, 32), ids = at::tensor({9, 1, 99, 9, 2, 99}, at::kLong).view({2, 3});
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    model->set_compute_dtype(dtype);
    const at::Tensor trained = model->encode_image(images).detach(), text = model->encode_text(ids).detach();
    const c10::InferenceMode mode;
    const double tolerance = dtype == at::kFloat ? 1e-5 : 2e-2;
    EXPECT_TRUE(at::allclose(model->encode_image(images), trained, 0, tolerance));
    EXPECT_TRUE(at::allclose(model->encode_text(ids), text, 0, tolerance));
  }
}

TEST(CLIP, AveragePoolAndStem) {
  CLIPOptions options = tiny();
  options.visual.pool = Pool::average;
  options.visual.conv_stem = {8, 16};
  const auto model = initialized(options);
  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters.find("visual.cls_token"), nullptr);
  EXPECT_NE(parameters.find("visual.fc_norm.weight"), nullptr);
  EXPECT_EQ(parameters["visual.patch_embed.stem.1.weight"].sizes(), (at::IntArrayRef{16, 8, 3, 3}));
  EXPECT_EQ(parameters["visual.patch_embed.proj.weight"].sizes(), (at::IntArrayRef{32, 16, 3, 3}));
  EXPECT_EQ(parameters["visual.pos_embed"].sizes(), (at::IntArrayRef{1, 16, 32}));
  model->image_features(pixels(2, 32)).square().sum().backward();
  EXPECT_GT(parameters["visual.patch_embed.stem.0.weight"].grad().norm().item<double>(), 0);
}

TEST(Options, ArchitectureStrings) {
  const auto plain = TextTransformerOptions::parse("L12_W512"), heads = TextTransformerOptions::parse("L2_W128_A4");
  EXPECT_EQ(plain.layers, 12);
  EXPECT_EQ(plain.width, 512);
  EXPECT_EQ(plain.heads, 8);
  EXPECT_EQ(heads.heads, 4);
  for (const char* bad : {"", "L12", "W512_L12", "L12_W512_A", "L0_W512", "L12_W512_A7", "L12_W512 ", "L99999_W1"}) {
    EXPECT_THROW(TextTransformerOptions::parse(bad), UsageError) << bad;
  }
}

TEST(Options, ValidateNamesTheField) {
  CLIPOptions options = tiny();
  options.visual.patch = 7;
  EXPECT_THROW(options.validate(), UsageError);
  options = tiny();
  options.visual.conv_stem = {8};  // 2 convolutions reduce 4 times, patch is 8
  EXPECT_THROW(options.validate(), UsageError);
  options = tiny();
  options.textual.heads = 5;
  EXPECT_THROW(options.validate(), UsageError);
  options = tiny();
  options.pixel_std[1] = 0;
  EXPECT_THROW(options.validate(), UsageError);
  EXPECT_THROW(VisionTransformerOptions::named("xl"), UsageError);
}

}  // namespace
}  // namespace cambium::clip
