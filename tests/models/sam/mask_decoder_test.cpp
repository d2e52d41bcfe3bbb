#include "models/sam/mask_decoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam/hq_mask_decoder.h"
#include "models/sam/small_sam.h"

namespace cambium::sam {
namespace {

at::Tensor random_points(int64_t batch) { return at::rand({batch, 2, 2}) * 64; }

void expect_close(const MaskOutput& a, const MaskOutput& b, double tolerance = 1e-5) {
  ASSERT_EQ(a.low_res.sizes(), b.low_res.sizes());
  EXPECT_LT(((a.low_res - b.low_res).abs().max() / b.low_res.abs().max()).item<double>(), tolerance);
  EXPECT_LT((a.iou - b.iou).abs().max().item<double>(), tolerance);
}

TEST(MaskDecoder, ManyPromptsOnOneImageAreAsOneByOne) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor embedding = at::randn({1, 32, 8, 8}), points = random_points(5),
                   labels = at::ones({5, 2}, at::kLong);
  for (const bool multimask : {false, true}) {
    const MaskOutput all =
        model->decode({embedding}, Prompts{.points = points, .labels = labels}, {.multimask = multimask});
    EXPECT_EQ(all.low_res.sizes(), (std::vector<int64_t>{5, multimask ? 3 : 1, 32, 32}));
    EXPECT_EQ(all.low_res.scalar_type(), at::kFloat);
    for (int64_t i = 0; i < 5; ++i) {
      const Prompts one{.points = points.narrow(0, i, 1), .labels = labels.narrow(0, i, 1)};
      expect_close({all.low_res.narrow(0, i, 1), all.iou.narrow(0, i, 1)},
                   model->decode({embedding}, one, {.multimask = multimask}));
    }
  }
}

TEST(MaskDecoder, SeveralImagesWithSeveralPromptsEach) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor embedding = at::randn({2, 32, 8, 8}), points = random_points(6),
                   labels = at::ones({6, 2}, at::kLong);
  const at::Tensor masks = at::randn({6, 1, 32, 32});
  for (const bool with_masks : {false, true}) {
    Prompts prompts{.points = points, .labels = labels};
    if (with_masks) prompts.masks = masks;
    const MaskOutput all = model->decode({embedding}, prompts, {.multimask = true});
    for (int64_t i = 0; i < 2; ++i) {
      Prompts part{.points = points.narrow(0, 3 * i, 3), .labels = labels.narrow(0, 3 * i, 3)};
      if (with_masks) part.masks = masks.narrow(0, 3 * i, 3);
      expect_close({all.low_res.narrow(0, 3 * i, 3), all.iou.narrow(0, 3 * i, 3)},
                   model->decode({embedding.narrow(0, i, 1)}, part, {.multimask = true}));
    }
  }
  // No prompt at all: one mask per image.
  EXPECT_EQ(model->decode({embedding}, Prompts{}).low_res.sizes(), (std::vector<int64_t>{2, 1, 32, 32}));
}

TEST(MaskDecoder, BfloatIsCloseToFloat) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor embedding = at::randn({1, 32, 8, 8});
  const Prompts prompts{.points = random_points(3), .labels = at::ones({3, 2}, at::kLong)};
  const MaskOutput exact = model->decode({embedding}, prompts, {.multimask = true});
  const MaskOutput rounded = model->decode({embedding.to(at::kBFloat16)}, prompts, {.multimask = true});
  EXPECT_EQ(rounded.low_res.scalar_type(), at::kFloat);
  expect_close(rounded, exact, 0.1);
}

TEST(MaskDecoder, UnusedHypernetworksGetZeroGradients) {
  const auto model = small_sam();
  model->decode({at::randn({2, 32, 8, 8})}, Prompts{}).low_res.square().sum().backward();
  const auto parameters = model->named_parameters();
  const auto gradient = [&](const std::string& name) { return parameters["mask_decoder." + name].grad(); };
  EXPECT_GT(gradient("output_hypernetworks_mlps.0.layers.2.weight").abs().max().item<float>(), 0);
  for (const char* i : {"1", "2", "3"}) {
    const at::Tensor g = gradient("output_hypernetworks_mlps." + std::string(i) + ".layers.2.weight");
    ASSERT_TRUE(g.defined());
    EXPECT_EQ(g.abs().max().item<float>(), 0);
  }
  EXPECT_FALSE(gradient("iou_prediction_head.layers.0.weight").defined());
  EXPECT_GT(gradient("transformer.layers.0.cross_attn_image_to_token.q_proj.weight").abs().max().item<float>(), 0);
  EXPECT_GT(parameters["prompt_encoder.no_mask_embed.weight"].grad().abs().max().item<float>(), 0);
}

TEST(MaskDecoder, TrainingComputesWhatInferenceDoes) {
  const auto model = small_sam();
  const at::Tensor embedding = at::randn({2, 32, 8, 8});
  const Prompts prompts{.points = random_points(4), .labels = at::ones({4, 2}, at::kLong)};
  const MaskOutput trained = model->decode({embedding}, prompts, {.multimask = true});
  const at::NoGradGuard no_grad;
  expect_close(model->decode({embedding}, prompts, {.multimask = true}),
               {trained.low_res.detach(), trained.iou.detach()});
}

TEST(MaskDecoder, RefusesWhatDoesNotFit) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const Prompts three{.points = random_points(3), .labels = at::ones({3, 2}, at::kLong)};
  EXPECT_THROW(model->decode({at::randn({2, 32, 8, 8})}, three), Error);  // 3 prompts over 2 images
  EXPECT_THROW(model->decode({at::randn({1, 16, 8, 8})}, three), Error);  // another width
  const PromptEmbeddings small = model->prompt_encoder()->encode(three, 32, 32);
  EXPECT_THROW(model->decode({at::randn({1, 32, 8, 8})}, small), Error);  // another grid
}

TEST(HqMaskDecoder, NeedsEarlyFeaturesAndAddsItsMask) {
  SamOptions options = small_options();
  options.decoder.hq_encoder_width = options.encoder.width;
  const auto model = small_sam(options);
  const at::NoGradGuard no_grad;
  const ImageFeatures features = model->encode(at::randn({2, 3, 64, 64}));
  const Prompts prompts{.points = random_points(4), .labels = at::ones({4, 2}, at::kLong)};
  EXPECT_THROW(model->decode({features.embedding}, prompts), Error);
  const MaskOutput both = model->decode(features, prompts),
                   only = model->decode(features, prompts, {.hq_token_only = true});
  EXPECT_EQ(both.low_res.sizes(), (std::vector<int64_t>{4, 1, 32, 32}));
  EXPECT_GT((both.low_res - only.low_res).abs().max().item<float>(), 1e-3);
  const MaskOutput many = model->decode(features, prompts, {.multimask = true});
  EXPECT_EQ(many.iou.sizes(), (std::vector<int64_t>{4, 1}));
  // Image by image.
  for (int64_t i = 0; i < 2; ++i) {
    const Prompts part{.points = prompts.points.narrow(0, 2 * i, 2), .labels = prompts.labels.narrow(0, 2 * i, 2)};
    const ImageFeatures one{features.embedding.narrow(0, i, 1), features.early.narrow(0, i, 1)};
    expect_close({many.low_res.narrow(0, 2 * i, 2), many.iou.narrow(0, 2 * i, 2)},
                 model->decode(one, part, {.multimask = true}));
  }
}

}  // namespace
}  // namespace cambium::sam
