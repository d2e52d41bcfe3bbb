#include "models/sam/image_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "models/sam/small_sam.h"
#include "peft/lora.h"
#include "peft/select.h"

namespace cambium::sam {
namespace {

double relative_error(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

// A trained vector that is added before every block, scaled by what prepare() saw.
class AddVector : public Injection {
 public:
  AddVector(int64_t depth, int64_t width) : vectors(at::randn({depth, width}).requires_grad_()) {}
  at::Tensor prepare(const at::Tensor& patches, const at::Tensor& image) const override {
    EXPECT_EQ(image.dim(), 4);
    return patches.mean({1, 2}, true);
  }
  at::Tensor before_block(int64_t block, const at::Tensor& state) const override {
    return block == 1 ? at::Tensor() : vectors[block] * (1 + state);
  }
  std::vector<at::Tensor> block_parameters(int64_t) const override { return {vectors}; }
  at::Tensor vectors;
};

// Keys beside the image's own.
class AddKeys : public Injection {
 public:
  explicit AddKeys(int64_t width) : keys(at::randn({2, width}).requires_grad_()) {}
  at::Tensor prepare(const at::Tensor&, const at::Tensor&) const override { return {}; }
  at::Tensor before_block(int64_t, const at::Tensor&) const override { return {}; }
  at::Tensor key_tokens(int64_t block, const at::Tensor&) const override { return block == 2 ? at::Tensor() : keys; }
  std::vector<at::Tensor> block_parameters(int64_t) const override { return {keys}; }
  at::Tensor keys;
};

TEST(ImageEncoder, PrefixAndRestMakeTheWhole) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({2, 3, 64, 64});
  const at::Tensor whole = model->vit()->forward(image);
  EXPECT_EQ(whole.sizes(), (std::vector<int64_t>{2, 32, 8, 8}));
  EXPECT_TRUE(whole.is_contiguous(at::MemoryFormat::ChannelsLast));
  for (const int64_t cut : {0, 2, 3}) {
    EXPECT_LT(relative_error(model->vit()->forward_from(model->vit()->forward_prefix(image, cut), cut), whole), 1e-6);
  }
  EXPECT_THROW(model->vit()->forward_prefix(image, 4), Error);
}

TEST(ImageEncoder, OtherSizesThanItsOwn) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  EXPECT_EQ(model->vit()->forward(at::randn({1, 3, 80, 48})).sizes(), (std::vector<int64_t>{1, 32, 10, 6}));
  EXPECT_EQ(model->vit()->forward(at::randn({1, 3, 8, 8})).sizes(), (std::vector<int64_t>{1, 32, 1, 1}));
  // pos_embed bicubically: a constant one stays constant.
  model->named_parameters()["image_encoder.pos_embed"].fill_(0.5);
  EXPECT_TRUE(at::allclose(model->vit()->position(5, 11), at::full({1, 5, 11, 32}, 0.5)));
  for (const auto& shape : {std::vector<int64_t>{1, 3, 60, 64}, {1, 1, 64, 64}, {3, 64, 64}, {1, 3, 0, 64}}) {
    EXPECT_THROW(model->vit()->forward(at::randn(shape)), Error);
  }
}

TEST(ImageEncoder, EarlyFeaturesAreTheFirstGlobalBlocks) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({1, 3, 64, 64});
  EXPECT_TRUE(model->vit()->encode(image, true).early.equal(model->vit()->forward_prefix(image, 2)));
  EXPECT_FALSE(model->vit()->encode(image, false).early.defined());
}

TEST(ImageEncoder, GradientsFlowThroughTheFrozenEncoder) {
  for (const bool keys : {false, true}) {
    const auto model = small_sam();
    for (auto& parameter : model->parameters()) parameter.set_requires_grad(false);
    const AddVector vectors(3, 32);
    const AddKeys extra(32);
    const Injection* injection = &vectors;
    if (keys) injection = &extra;
    const at::Tensor image = at::randn({2, 3, 64, 64}), weight = at::randn({2, 32, 8, 8});
    const auto gradient = [&](bool checkpointing) {
      model->vit()->set_checkpointing(checkpointing);
      const at::Tensor out = (model->vit()->forward(image, injection) * weight).sum();
      return torch::autograd::grad({out}, {keys ? extra.keys : vectors.vectors})[0];
    };
    const at::Tensor kept = gradient(false), recomputed = gradient(true);
    EXPECT_LT(relative_error(recomputed, kept), 1e-5);
    // One entry against a difference quotient.
    const at::NoGradGuard no_grad;
    const at::Tensor entry = (keys ? extra.keys : vectors.vectors)[0][3];
    const auto value = [&](double by) {
      entry.add_(by);
      const double v = (model->vit()->forward(image, injection) * weight).sum(at::kDouble).item<double>();
      entry.sub_(by);
      return v;
    };
    const double quotient = (value(1e-2) - value(-1e-2)) / 2e-2;
    EXPECT_NEAR(kept[0][3].item<double>(), quotient, 2e-2 * std::max(1.0, std::abs(quotient)));
  }
}

TEST(ImageEncoder, AllItsParametersGetGradients) {
  for (const bool checkpointing : {false, true}) {
    const auto model = small_sam();
    model->vit()->set_checkpointing(checkpointing);
    model->vit()->forward(at::randn({1, 3, 64, 64})).square().sum().backward();
    for (const auto& item : model->vit()->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().max().item<float>(), 0) << item.key();
    }
  }
}

TEST(ImageEncoder, BfloatIsCloseToFloat) {
  const auto model = small_sam();
  const at::NoGradGuard no_grad;
  const at::Tensor image = at::randn({1, 3, 64, 64});
  const at::Tensor exact = model->vit()->forward(image);
  const at::Tensor rounded = model->vit()->forward(image.to(at::kBFloat16));
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  EXPECT_LT(relative_error(rounded.to(at::kFloat), exact), 0.06);
}

TEST(ImageEncoder, TakesLowRankTerms) {
  const auto model = small_sam();
  at::Generator generator = make_generator(3);
  const auto names = peft::add_lora(*model, {.rank = 2, .targets = {"image_encoder.blocks.*.attn.qkv"}}, generator);
  EXPECT_EQ(names.size(), 3u);
  peft::train_only(*model, {"*.lora_*"});
  for (auto& item : model->named_parameters()) {
    if (item.key().ends_with("lora_b")) normal_(item.value(), 0, 0.1, generator);
  }
  const at::Tensor image = at::randn({1, 3, 64, 64});
  model->vit()->forward(image).square().sum().backward();
  const at::Tensor kept = model->named_parameters()["image_encoder.blocks.0.attn.qkv.lora_a"].grad().clone();
  model->zero_grad();
  model->vit()->set_checkpointing(true);
  model->vit()->forward(image).square().sum().backward();
  EXPECT_LT(relative_error(model->named_parameters()["image_encoder.blocks.0.attn.qkv.lora_a"].grad(), kept), 1e-5);
}

}  // namespace
}  // namespace cambium::sam
