#include "models/sam_adapter/prompt_generator.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam_adapter/high_pass.h"
#include "models/sam_adapter/tiny_sam.h"

namespace cambium::sam_adapter {
namespace {

using Layout = PromptGeneratorOptions::EmbeddingLayout;

PromptGeneratorOptions small(Layout layout = Layout::natural) {
  return {.width = 32, .depth = 2, .patch = 4, .scale_factor = 8, .embedding_layout = layout};
}

std::shared_ptr<PromptGenerator> make(const PromptGeneratorOptions& options) {
  auto generator = std::make_shared<PromptGenerator>(options);
  at::Generator random = make_generator(4);
  generator->initialize(random);
  return generator;
}

TEST(PromptGenerator, BeginsAsSmallNoiseWithoutBiases) {
  const auto generator = make(small());
  for (const auto& item : generator->named_parameters()) {
    const at::Tensor value = item.value().detach();
    if (item.key().ends_with("bias")) {
      EXPECT_EQ(value.abs().max().item<double>(), 0) << item.key();
    } else if (item.key() == "prompt_generator.proj.weight") {
      EXPECT_NEAR(value.std().item<double>(), std::sqrt(2.0 / (4 * 4 * 4)), 0.03);
    } else {
      EXPECT_NEAR(value.std().item<double>(), 0.02, 0.01) << item.key();
    }
  }
}

TEST(PromptGenerator, TheOfficialLayoutMixesTokensAndChannels) {
  const at::NoGradGuard guard;
  const auto natural = make(small()), official = make(small(Layout::official));
  const at::Tensor t = gaussian({2, 3, 5, 32}, 1);
  const auto weights = natural->named_parameters();
  const at::Tensor w = weights["embedding_generator.weight"], b = weights["embedding_generator.bias"];
  EXPECT_LT((natural->embedding_feature(t) - at::linear(t.view({2, 15, 32}), w, b)).abs().max().item<double>(), 1e-6);
  // Row p, feature c of the layer's input is element c N + p of the flat buffer.
  at::Tensor rows = at::empty({2, 15, 32});
  for (int64_t p = 0; p < 15; ++p) {
    for (int64_t c = 0; c < 32; ++c) rows.select(1, p).select(1, c).copy_(t.view({2, -1}).select(1, c * 15 + p));
  }
  EXPECT_LT((official->embedding_feature(t) - at::linear(rows, w, b)).abs().max().item<double>(), 1e-6);
}

TEST(PromptGenerator, TheHandcraftedTermIsAConvolutionOfTheHighFrequencies) {
  const at::NoGradGuard guard;
  const auto generator = make(small());
  const at::Tensor image = gaussian({2, 3, 12, 20}, 2);
  const auto weights = generator->named_parameters();
  const at::Tensor expected = at::conv2d(fft_highpass(image, 0.25), weights["prompt_generator.proj.weight"],
                                         weights["prompt_generator.proj.bias"], {4, 4});
  EXPECT_LT((generator->handcrafted_feature(image) - expected).abs().max().item<double>(), 1e-5);
}

TEST(PromptGenerator, KnowsWhatEachBlockReads) {
  for (const auto adaptor :
       {PromptGeneratorOptions::Adaptor::lightweight, PromptGeneratorOptions::Adaptor::fully_shared,
        PromptGeneratorOptions::Adaptor::fully_unshared}) {
    auto options = small();
    options.adaptor = adaptor;
    const auto generator = make(options);
    generator->prompt(gaussian({1, 6, 4}, 3), 1).sum().backward();
    for (const at::Tensor& parameter : generator->block_parameters(1)) EXPECT_TRUE(parameter.grad().defined());
    int64_t with_gradient = 0;
    for (const auto& parameter : generator->parameters()) with_gradient += parameter.grad().defined();
    EXPECT_EQ(with_gradient, 4);
  }
}

TEST(PromptGenerator, NamesOfOptions) {
  EXPECT_EQ(parse_adaptor("fully_unshared"), PromptGeneratorOptions::Adaptor::fully_unshared);
  EXPECT_EQ(parse_embedding_layout("official"), Layout::official);
  EXPECT_THROW(parse_adaptor("light"), UsageError);
  EXPECT_THROW(parse_embedding_layout("nchw"), UsageError);
}

}  // namespace
}  // namespace cambium::sam_adapter
