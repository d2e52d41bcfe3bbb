#include "models/video_ldm/temporal_layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/video_ldm/context.h"
#include "models/video_ldm/frames.h"
#include "support/sentence.h"
#include "tiny_video.h"

namespace cambium::video_ldm {
namespace {

int64_t count(const torch::nn::Module& module) {
  int64_t total = 0;
  for (const at::Tensor& p : module.parameters()) total += p.numel();
  return total;
}

// Every frame by itself, without anything temporal.
at::Tensor image_model(const latent_diffusion::UNet& unet, const TinyBatch& batch) {
  const at::NoGradGuard no_grad;
  return unfold_frames(unet.forward(fold_frames(batch.x), repeat_for_frames(batch.timesteps, 5), batch.text), 5);
}

at::Tensor predict(const std::shared_ptr<latent_diffusion::UNet>& unet, const std::shared_ptr<TemporalLayers>& layers,
                   const TinyBatch& batch) {
  const at::NoGradGuard no_grad;
  return VideoDenoiser(unet, layers, batch.inputs)(batch.x, batch.timesteps);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

// The paper's own counts: 649 M over Stable Diffusion 1.4, 656 M over 2.x. Memory is taken and never touched.
TEST(TemporalLayers, AsManyParametersAsThePaperStates) {
  const latent_diffusion::UNetOptions one,
      two{.heads = {5, 10, 20, 20}, .cross_attention_dim = 1024, .linear_projection = true};
  EXPECT_EQ(count(TemporalLayers(one)), 649'687'078);
  EXPECT_EQ(count(TemporalLayers(two)), 656'076'838);
  EXPECT_EQ(count(TemporalLayers(one, {.context = true})), 649'687'078 + 9'251'840);
}

TEST(TemporalLayers, StartAsTheImageModelAndReachEveryLayerWithGradients) {
  const auto unet = random_unet();
  TinyBatch batch;
  batch.inputs.context = no_context(batch.x);
  for (const double mix : {0.5, -4.0}) {
    auto layers = std::make_shared<TemporalLayers>(tiny_unet(), TemporalOptions{.context = true});
    auto generator = make_generator(5);
    layers->initialize(generator);
    for (const auto& item : layers->named_parameters()) {
      const at::NoGradGuard no_grad;
      EXPECT_TRUE(item.value().isfinite().all().item<bool>()) << item.key();
      if (item.key().ends_with("mix_factor")) {
        EXPECT_EQ(item.value().item<float>(), 0.5F);
        item.value().fill_(mix);
      }
    }
    EXPECT_TRUE(at::equal(predict(unet, layers, batch), image_model(*unet, batch)));
    const VideoDenoiser denoiser(unet, layers, batch.inputs);
    denoiser(batch.x, batch.timesteps).square().mean().backward();
    for (const auto& item : layers->named_parameters()) {
      const std::string& name = item.key();
      const bool last = name.ends_with("conv2.weight") || name.ends_with("net.2.weight") ||
                        name.ends_with("to_out.0.weight") || name.ends_with("time_pos_embed.linear_2.weight");
      if (last && !name.starts_with("context")) EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << name;
    }
  }
}

TEST(TemporalLayers, SwitchedOffTheyLeaveTheImageModelBitForBit) {
  const auto unet = random_unet();
  const auto layers = random_layers();
  TinyBatch batch;
  const at::Tensor expected = image_model(*unet, batch);
  EXPECT_TRUE(at::equal(predict(unet, nullptr, batch), expected));
  EXPECT_GT(difference(predict(unet, layers, batch), expected), 1e-2);
  batch.inputs.image_only = at::ones({2, 5}, at::kBool);
  EXPECT_TRUE(at::equal(predict(unet, layers, batch), expected));
  batch.inputs.image_only[1].fill_(false);
  const at::Tensor mixed = predict(unet, layers, batch);
  EXPECT_TRUE(at::equal(mixed[0], expected[0]));
  EXPECT_GT(difference(mixed[1], expected[1]), 1e-2);
}

// Normalisation and convolution over time see one frame too: only alpha = 1 is the image model.
TEST(TemporalLayers, VideosOfOneFrameAreNoImages) {
  const auto unet = random_unet();
  TinyBatch batch;
  batch.x = batch.x.narrow(1, 0, 1);
  batch.inputs.frames = 1;
  EXPECT_GT(difference(predict(unet, random_layers(), batch), predict(unet, nullptr, batch)), 1e-2);
}

TEST(TemporalLayers, VideosOfABatchDoNotSeeEachOther) {
  const auto unet = random_unet();
  const auto layers = random_layers({.context = true, .frame_rates = 2});
  TinyBatch batch;
  batch.inputs.context = context_frames(gaussian(batch.x.sizes(), 8), at::stack({leading_mask(5, 1), ends_mask(5)}));
  batch.inputs.frame_rates = at::tensor({0, 1});
  const at::Tensor both = predict(unet, layers, batch);
  for (const int64_t i : {0, 1}) {
    TinyBatch one;
    one.x = batch.x.narrow(0, i, 1);
    one.timesteps = batch.timesteps.narrow(0, i, 1);
    one.inputs.text = batch.text.narrow(0, i, 1);
    one.inputs.context = batch.inputs.context.narrow(0, i, 1);
    one.inputs.frame_rates = batch.inputs.frame_rates.narrow(0, i, 1);
    EXPECT_LT(difference(predict(unet, layers, one)[0], both[i]), 1e-5);
    one.inputs.frame_rates = 1 - one.inputs.frame_rates;
    EXPECT_GT(difference(predict(unet, layers, one)[0], both[i]), 1e-3);
  }
}

TEST(TemporalLayers, OneDenoiserServesManyStepsAsOneForEach) {
  const auto unet = random_unet();
  const auto layers = random_layers();
  const TinyBatch batch;
  const at::NoGradGuard no_grad;
  const VideoDenoiser denoiser(unet, layers, batch.inputs);
  for (const double t : {999.0, 500.0, 1.0}) {
    const at::Tensor time = at::tensor({t});
    const at::AutoGradMode record(true);
    const at::Tensor fresh = VideoDenoiser(unet, layers, batch.inputs)(batch.x, time).detach();
    EXPECT_LT(difference(denoiser(batch.x, time), fresh), 1e-6);
  }
}

// Positions restarted, and attention to neighbours alone, change what a video becomes.
TEST(TemporalLayers, PositionsAndReachMatter) {
  const auto unet = random_unet();
  const auto layers = random_layers();
  TinyBatch batch;
  const at::Tensor plain = predict(unet, layers, batch);
  batch.inputs.positions = at::arange(5);
  EXPECT_TRUE(at::equal(predict(unet, layers, batch), plain));
  batch.inputs.positions = at::tensor({0, 1, 2, 0, 1});
  EXPECT_GT(difference(predict(unet, layers, batch), plain), 1e-3);
  batch.inputs.positions = at::Tensor();
  batch.inputs.reach = 4;
  EXPECT_LT(difference(predict(unet, layers, batch), plain), 1e-6);
  batch.inputs.reach = 1;
  EXPECT_GT(difference(predict(unet, layers, batch), plain), 1e-3);
}

TEST(TemporalLayers, CheckpointingChangesNoGradient) {
  const auto unet = random_unet();
  TinyBatch batch;
  batch.inputs.context = context_frames(gaussian(batch.x.sizes(), 8), leading_mask(5, 2));
  std::vector<at::Tensor> expected;
  for (const bool checkpointing : {false, true}) {
    const auto layers = random_layers({.context = true});
    unet->set_checkpointing(checkpointing);
    const VideoDenoiser denoiser(unet, layers, batch.inputs);
    denoiser(batch.x, batch.timesteps).square().mean().backward();
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& p : layers->parameters()) gradients.push_back(p.grad());
    if (!checkpointing) expected = gradients;
    for (size_t i = 0; i < gradients.size(); ++i) {
      ASSERT_TRUE(gradients[i].defined()) << layers->named_parameters()[i].key();
      EXPECT_LT((gradients[i] - expected[i]).abs().max().item<double>(),
                1e-5 * (1e-3 + expected[i].abs().max().item<double>()))
          << layers->named_parameters()[i].key();
    }
  }
}

TEST(TemporalLayers, Bfloat16ComesClose) {
  const auto unet = random_unet();
  const auto layers = random_layers();
  const TinyBatch batch;
  const at::Tensor exact = predict(unet, layers, batch);
  unet->set_compute_dtype(at::kBFloat16);
  const at::Tensor rough = predict(unet, layers, batch);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_LT(((rough - exact).norm() / exact.norm()).item<double>(), 3e-2);
}

TEST(TemporalLayers, ConditionsThatDoNotFitAreOneSentence) {
  const auto unet = random_unet();
  const auto tell = [&](const TemporalOptions& options, const std::function<void(VideoInputs&)>& change) {
    TinyBatch batch;
    change(batch.inputs);
    return test::sentence([&] { predict(unet, random_layers(options), batch); });
  };
  const auto nothing = [](VideoInputs&) {};
  EXPECT_TRUE(test::says(tell({.context = true}, nothing), "reads given frames"));
  EXPECT_TRUE(test::says(tell({}, [](VideoInputs& i) { i.context = at::zeros({2, 5, 5, 7, 6}); }), "no given frames"));
  EXPECT_TRUE(test::says(tell({.mixing = Mixing::per_frame, .frames = 4}, nothing), "4 frames alone, not 5"));
  EXPECT_TRUE(test::says(tell({}, [](VideoInputs& i) { i.time_text = at::zeros({2, 3, 13}); }), "[2, 3, 13]"));
  EXPECT_TRUE(test::says(tell({}, [](VideoInputs& i) { i.positions = at::arange(4); }), "position"));
  EXPECT_TRUE(test::says(tell({}, [](VideoInputs& i) { i.frame_rates = at::tensor({0, 1}); }), "no frame rates"));
}

}  // namespace
}  // namespace cambium::video_ldm
