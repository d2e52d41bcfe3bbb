#include "models/video_ldm/temporal_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/load.h"
#include "support/sentence.h"
#include "support/temporary_directory.h"
#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

peft::Foundation foundation_of(const latent_diffusion::UNet& unet) {
  return peft::Foundation::of(nn::state_tensors(unet));
}

TEST(TemporalFile, HoldsPhiAloneAndComesBackTheSame) {
  const test::TemporaryDirectory folder;
  const auto file = folder.path() / "delta.safetensors";
  const auto unet = random_unet();
  for (const TemporalOptions& options : {TemporalOptions{.mixing = Mixing::clamp, .context = true, .frame_rates = 2},
                                         TemporalOptions{.mixing = Mixing::per_frame, .frames = 5}}) {
    const auto layers = random_layers(options);
    write_temporal_layers(file, *layers, foundation_of(*unet), "seed: 1\n");
    const TemporalFile read = read_temporal_layers(file);
    EXPECT_EQ(read.options.mixing, options.mixing);
    EXPECT_EQ(read.options.frames, options.frames);
    EXPECT_EQ(read.options.context, options.context);
    EXPECT_EQ(read.options.frame_rates, options.frame_rates);
    EXPECT_EQ(read.delta.recipe, "seed: 1\n");
    const auto opened = open_temporal_layers(read, tiny_unet(), foundation_of(*unet), "unet");
    const auto before = nn::state_tensors(*layers), after = nn::state_tensors(*opened);
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(before[i].first, after[i].first);
      EXPECT_TRUE(at::equal(before[i].second, after[i].second));
      EXPECT_FALSE(after[i].second.requires_grad());
    }
  }
}

TEST(TemporalFile, ServesOtherWeightsOfTheSameSizesAndNoOtherSizes) {
  const test::TemporaryDirectory folder;
  const auto file = folder.path() / "delta.safetensors";
  write_temporal_layers(file, *random_layers(), foundation_of(*random_unet(1)), "");
  const TemporalFile read = read_temporal_layers(file);
  EXPECT_NO_THROW(open_temporal_layers(read, tiny_unet(), foundation_of(*random_unet(7)), "other.safetensors"));
  auto wider = tiny_unet();
  wider.cross_attention_dim = 20;
  const latent_diffusion::UNet other(wider);
  {
    const at::NoGradGuard guard;
    for (at::Tensor& p : other.parameters()) p.zero_();
  }
  const std::string sentence =
      test::sentence([&] { open_temporal_layers(read, wider, foundation_of(other), "other.safetensors"); });
  EXPECT_TRUE(test::says(sentence, "other.safetensors"));
  EXPECT_TRUE(test::says(sentence, file.string()));
  EXPECT_EQ(sentence.find('\n'), std::string::npos);
}

TEST(TemporalFile, OtherDeltasAreOneSentence) {
  const test::TemporaryDirectory folder;
  const auto file = folder.path() / "delta.safetensors";
  peft::write_delta(file, {.system = "sam_adapter", .method = "lora", .foundation = foundation_of(*random_unet())});
  EXPECT_TRUE(test::says(test::sentence([&] { read_temporal_layers(file); }), "no temporal layers but sam_adapter's"));
}

TEST(TemporalFile, WarmStartTakesWhatFitsByNameAndShape) {
  const auto donor = random_layers({}, 11);
  io::StateDict svd{.source = "svd", .tensors = nn::state_tensors(*donor)};
  for (auto& [name, tensor] : svd.tensors) {
    if (name.ends_with("attn2.to_k.weight")) tensor = at::zeros({tensor.size(0), 99});
  }
  svd.insert("conv_in.weight", at::zeros({1}));
  const auto layers = random_layers({.context = true}, 12);
  const auto before = random_layers({.context = true}, 12);
  const auto missing = warm_start(*layers, svd);
  for (const auto& [name, tensor] : nn::state_tensors(*layers)) {
    const bool own = std::find(missing.begin(), missing.end(), name) != missing.end();
    EXPECT_EQ(own, name.ends_with("attn2.to_k.weight") || name.starts_with("context_encoder.") ||
                       name.find(".context_proj.") != std::string::npos)
        << name;
    const auto& expected = own ? *before->named_parameters().find(name) : svd.at(name);
    EXPECT_TRUE(at::equal(tensor, expected)) << name;
  }
  EXPECT_TRUE(test::says(test::sentence([&] { warm_start(*layers, {.source = "sd15"}); }), "no temporal layers"));
}

}  // namespace
}  // namespace cambium::video_ldm
