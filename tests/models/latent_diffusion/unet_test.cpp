#include "models/latent_diffusion/unet.h"

#include <gtest/gtest.h>

#include "core/device.h"
#include "core/error.h"
#include "models/latent_diffusion/places.h"
#include "models/latent_diffusion/small_unet.h"
#include "nn/load.h"

namespace cambium::latent_diffusion {
namespace {

struct Inputs {
  at::Tensor x = gaussian({2, 4, 8, 6}, 2);
  at::Tensor timesteps = at::tensor({10.0f, 700.5f});
  at::Tensor context = gaussian({2, 5, 24}, 3);
};

at::Tensor run(const UNet& unet, const Inputs& in, const UNetExtras& extras = {}) {
  return unet.forward(in.x, in.timesteps, in.context, extras);
}

int64_t parameter_count(const UNetOptions& options) {
  const UNet unet(options);
  int64_t count = 0;
  for (const at::Tensor& p : unet.parameters()) count += p.numel();
  return count;
}

TEST(UNet, HasTheOriginalsParameterCounts) {
  EXPECT_EQ(parameter_count({}), 859520964);
  EXPECT_EQ(parameter_count({.heads = {5, 10, 20, 20}, .cross_attention_dim = 1024, .linear_projection = true}),
            865910724);
  EXPECT_EQ(parameter_count({.in_channels = 7,
                             .block_out_channels = {256, 512, 512, 1024},
                             .attention = {false, true, true, true},
                             .only_cross_attention = {true, true, true, false},
                             .cross_attention_dim = 1024,
                             .linear_projection = true,
                             .class_embeddings = 1000}),
            473398020);
}

TEST(UNet, RegistersDiffusersNamesAtItsPlaces) {
  const auto unet = small_unet();
  std::set<std::string> names;
  for (const auto& item : unet->named_modules("", /*include_self=*/false)) names.insert(item.key());
  for (const auto& places : {residual_places(unet->options()), attention_places(unet->options())})
    for (const Place& place : places) EXPECT_TRUE(names.contains(place.name)) << place.name;
  const auto parameters = unet->named_parameters();
  for (const char* name : {"time_embedding.linear_1.weight", "down_blocks.0.downsamplers.0.conv.bias",
                           "up_blocks.0.upsamplers.0.conv.weight", "up_blocks.1.resnets.1.conv_shortcut.weight",
                           "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.bias",
                           "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight", "conv_norm_out.weight"})
    EXPECT_TRUE(parameters.contains(name)) << name;
}

TEST(UNet, TakesAnySizeAndGivesItBack) {
  const auto unet = small_unet();
  const at::NoGradGuard no_grad;
  Inputs in;
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{7, 5}, {1, 1}, {8, 3}}) {
    in.x = gaussian({2, 4, height, width}, 4);
    EXPECT_EQ(run(*unet, in).sizes(), in.x.sizes());
  }
}

TEST(UNet, RowsOfTheBatchDoNotMix) {
  const auto unet = small_unet();
  const at::NoGradGuard no_grad;
  const Inputs in;
  const at::Tensor both = run(*unet, in);
  for (int64_t i = 0; i < 2; ++i) {
    const Inputs one{in.x.narrow(0, i, 1), in.timesteps.narrow(0, i, 1), in.context.narrow(0, i, 1)};
    EXPECT_LT(relative_error(run(*unet, one), both.narrow(0, i, 1)), 1e-5);
  }
}

TEST(UNet, OneRowOfContextServesTheLatentsThatFollowEachOther) {
  const auto unet = small_unet();
  const at::NoGradGuard no_grad;
  Inputs in;
  in.x = gaussian({6, 4, 8, 6}, 5);
  in.timesteps = at::full({1}, 300.0f);
  const at::Tensor shared = run(*unet, in);
  in.context = in.context.repeat_interleave(3, 0);
  EXPECT_LT(relative_error(shared, run(*unet, in)), 1e-5);
}

TEST(UNet, ProjectedContextEqualsTheContext) {
  UNetOptions options = small_options();
  options.only_cross_attention = {true, false};
  const auto unet = small_unet(options);
  const at::NoGradGuard no_grad;
  Inputs in;
  const at::Tensor expected = run(*unet, in);
  const ContextCache cache = unet->project(in.context);
  in.context = at::Tensor();
  EXPECT_LT(relative_error(run(*unet, in, {.context = &cache}), expected), 1e-6);
}

TEST(UNet, PackedWeightsAloneGiveTheSamePrediction) {
  const auto unet = small_unet();
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  const at::NoGradGuard no_grad;
  const Inputs in;
  const at::Tensor expected = run(*small_unet(), in);
  unet->set_keep_packed_only(true);
  for (int i = 0; i < 2; ++i) EXPECT_LT(relative_error(run(*unet, in), expected), 1e-5);
}

TEST(UNet, ClassLabelsChangeThePrediction) {
  UNetOptions options = small_options();
  options.class_embeddings = 10;
  const auto unet = small_unet(options);
  const at::NoGradGuard no_grad;
  const Inputs in;
  const at::Tensor a = run(*unet, in, {.class_labels = at::tensor({1, 9})}),
                   b = run(*unet, in, {.class_labels = at::tensor({1, 8})});
  EXPECT_TRUE(at::equal(a[0], b[0]));
  EXPECT_FALSE(at::allclose(a[1], b[1]));
  EXPECT_THROW(run(*unet, in), Error);
  EXPECT_THROW(run(*unet, in, {.class_labels = at::tensor({1, 10})}), Error);
}

TEST(UNet, TheAddedEmbeddingIsPartOfTheTimeEmbedding) {
  const auto unet = small_unet();
  const at::NoGradGuard no_grad;
  const Inputs in;
  const at::Tensor added = gaussian({2, 128}, 6);
  EXPECT_LT(relative_error(unet->time_embedding(in.timesteps, 2, {.added_embedding = added}),
                           unet->time_embedding(in.timesteps, 2) + added),
            1e-6);
  EXPECT_GT(relative_error(run(*unet, in, {.added_embedding = added}), run(*unet, in)), 1e-3);
}

TEST(UNet, RefusesInputsThatDoNotFit) {
  const auto unet = small_unet();
  const Inputs in;
  EXPECT_THROW(unet->forward(in.x.narrow(1, 0, 3), in.timesteps, in.context), Error);
  EXPECT_THROW(unet->forward(in.x, at::zeros({3}), in.context), Error);
  EXPECT_THROW(unet->forward(in.x, in.timesteps, gaussian({2, 5, 25}, 3)), Error);
  EXPECT_THROW(unet->forward(in.x, in.timesteps, gaussian({4, 5, 24}, 3)), Error);
  EXPECT_THROW(run(*unet, in, {.class_labels = at::tensor({1, 2})}), Error);
}

TEST(UNet, Bfloat16IsCloseToFloat32) {
  if (!cpu_features().avx512_bf16 && !cpu_features().amx_bf16) GTEST_SKIP() << "this CPU does not multiply bfloat16";
  const auto unet = small_unet();
  const at::NoGradGuard no_grad;
  const Inputs in;
  const at::Tensor expected = run(*unet, in);
  for (at::Tensor& p : unet->parameters()) p.set_requires_grad(false);
  nn::cast_frozen(*unet, at::kBFloat16);
  const at::Tensor y = run(*unet, in);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_LT(relative_error(y, expected), 3e-2);
}

}  // namespace
}  // namespace cambium::latent_diffusion
