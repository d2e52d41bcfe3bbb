#include "models/latent_diffusion/text_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "support/sentence.h"

namespace cambium::latent_diffusion {
namespace {

using test::says;
using test::sentence;

using Prompts = std::vector<std::string>;

TextEncoder small_encoder(int32_t pad = kClipPad) {
  auto tower = std::make_shared<clip::TextTransformer>(
      clip::TextTransformerOptions{.width = 32, .layers = 3, .heads = 4, .mlp_width = 64});
  at::Generator generator = make_generator(1);
  tower->initialize(generator);
  // A fresh norm leaves no mean to keep.
  const at::NoGradGuard no_grad;
  tower->named_parameters()["ln_final.bias"].fill_(0.5);
  return TextEncoder(tower, pad, c10::kFloat);
}

// "a a a ...": one token each.
std::string words(int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += "a ";
  return text;
}

class TextEncoderTest : public ::testing::Test {
 protected:
  at::NoGradGuard no_grad_;
  TextEncoder encoder_ = small_encoder();
};

TEST_F(TextEncoderTest, PromptsArePaddedByTheirModelsToken) {
  for (const int32_t pad : {kClipPad, kOpenClipPad}) {
    const at::Tensor ids = small_encoder(pad).tokenize(Prompts{"a cat", ""}).ids;
    EXPECT_EQ(ids.sizes(), (at::IntArrayRef{2, 1, 77}));
    EXPECT_EQ(ids[0][0][0].item<int64_t>(), 49406);
    EXPECT_EQ(ids[0][0][3].item<int64_t>(), 49407);
    EXPECT_TRUE((ids[0][0].slice(0, 4) == pad).all().item<bool>());
    EXPECT_EQ(ids[1][0][1].item<int64_t>(), 49407);
    EXPECT_TRUE((ids[1][0].slice(0, 2) == pad).all().item<bool>());
  }
}

TEST_F(TextEncoderTest, TheLastHiddenStateAfterTheFinalNorm) {
  const at::Tensor ids = encoder_.tokenize(Prompts{"a cat"}).ids.squeeze(1);
  const at::Tensor context = encoder_.encode(Prompts{"a cat"});
  EXPECT_EQ(context.sizes(), (at::IntArrayRef{1, 77, 32}));
  EXPECT_TRUE(at::equal(context, encoder_.tower()->forward_tokens(ids, c10::kFloat)));
}

TEST_F(TextEncoderTest, ClipSkipCountsFromTheLastBlock) {
  const auto states = encoder_.tower()->hidden_states(encoder_.tokenize(Prompts{"a cat"}).ids.squeeze(1), c10::kFloat);
  for (const int64_t skip : {1, 2, 3}) {
    const at::Tensor wanted = encoder_.tower()->final_norm(states[4 - skip]);
    EXPECT_TRUE(at::allclose(encoder_.encode(Prompts{"a cat"}, {.clip_skip = skip}), wanted, 0, 1e-6)) << skip;
  }
  for (const int64_t skip : {0, 4})
    EXPECT_TRUE(says(sentence([&] { encoder_.encode(Prompts{"a"}, {.clip_skip = skip}); }), "with 3 blocks"));
}

TEST_F(TextEncoderTest, LongPromptsAreReadInParts) {
  const at::Tensor context = encoder_.encode(Prompts{words(80), "a cat"});
  ASSERT_EQ(context.sizes(), (at::IntArrayRef{2, 154, 32}));
  const auto close = [](const at::Tensor& a, const at::Tensor& b) { return at::allclose(a, b, 0, 1e-5); };
  EXPECT_TRUE(close(context[0].slice(0, 0, 77), encoder_.encode(Prompts{words(75)})[0]));
  EXPECT_TRUE(close(context[0].slice(0, 77), encoder_.encode(Prompts{words(5)})[0]));
  EXPECT_TRUE(close(context[1].slice(0, 0, 77), encoder_.encode(Prompts{"a cat"})[0]));
  EXPECT_TRUE(close(context[1].slice(0, 77), encoder_.encode(Prompts{""})[0]));
  EXPECT_EQ(encoder_.tokenize(Prompts{words(75)}).ids.size(1), 1);
}

TEST_F(TextEncoderTest, WeightsScaleTheirTokensAndKeepTheMean) {
  const at::Tensor plain = encoder_.encode(Prompts{"a cat sleeps"}),
                   weighted = encoder_.encode(Prompts{"a (cat:1.5) sleeps"});
  EXPECT_NEAR(weighted.mean().item<double>(), plain.mean().item<double>(), 1e-6);
  const at::Tensor ratio = weighted[0] / plain[0];  // [T, W]
  const double others = ratio[0][0].item<double>();
  EXPECT_NEAR(ratio[2].mean().item<double>(), 1.5 * others, 1e-4);
  EXPECT_NEAR(ratio[3].mean().item<double>(), others, 1e-4);
  EXPECT_TRUE(at::equal(encoder_.encode(Prompts{"a (cat:1) sleeps"}), plain));
  // Off, brackets are words of the prompt.
  EXPECT_FALSE(at::equal(encoder_.encode(Prompts{"a (cat:1) sleeps"}, {.weights = false}), plain));
}

TEST_F(TextEncoderTest, OneWeightedPromptLeavesTheOthersOfItsBatchAlone) {
  const at::Tensor both = encoder_.encode(Prompts{"a (cat:1.5)", "a dog"});
  EXPECT_TRUE(at::allclose(both[1], encoder_.encode(Prompts{"a dog"})[0], 0, 1e-5));
}

TEST_F(TextEncoderTest, AWeightOfZeroIsFinite) {
  EXPECT_TRUE(encoder_.encode(Prompts{"(a cat:0)"}).isfinite().all().item<bool>());
}

TEST_F(TextEncoderTest, NoPromptIsAnError) {
  EXPECT_TRUE(says(sentence([&] { encoder_.encode(Prompts{}); }), "there is no prompt"));
}

TEST_F(TextEncoderTest, Bfloat16IsCloseToFloat) {
  auto tower = encoder_.tower();
  const TextEncoder half(tower, kClipPad, c10::kBFloat16);
  const at::Tensor exact = encoder_.encode(Prompts{"a cat"}), rounded = half.encode(Prompts{"a cat"});
  EXPECT_EQ(rounded.scalar_type(), c10::kFloat);
  EXPECT_LT((rounded - exact).norm().item<double>(), 0.03 * exact.norm().item<double>());
}

}  // namespace
}  // namespace cambium::latent_diffusion
