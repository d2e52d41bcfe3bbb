#include "peft/lora.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"
#include "nn/checkpoint.h"
#include "peft/select.h"
#include "peft/toy_model.h"

namespace cambium::peft {
namespace {

using Names = std::vector<std::string>;

at::Tensor named(const Toy& toy, const std::string& name) {
  for (const auto& [key, tensor] : nn::state_tensors(toy)) {
    if (key == name) return tensor;
  }
  ADD_FAILURE() << name;
  return {};
}

TEST(Lora, FindsLayersByTheirStateDictNames) {
  Toy toy;
  Names names;
  for (const auto& [name, layer] : linear_layers(toy)) names.push_back(name);
  EXPECT_EQ(names, (Names{"first", "attn.in_proj", "attn.out_proj", "head"}));
}

TEST(Lora, BeginsAsTheModelItself) {
  Toy toy;
  const at::Tensor x = draw({2, 5, 12}, 1), before = toy.forward(x).detach();
  at::Generator generator = make_generator(7);
  EXPECT_EQ(add_lora(toy, {.rank = 2, .targets = {"first", "*.in_proj"}}, generator), (Names{"first", "attn.in_proj"}));
  EXPECT_TRUE(at::equal(toy.forward(x), before));
  EXPECT_EQ(named(toy, "first.lora_a").sizes(), (at::IntArrayRef{2, 12}));
  EXPECT_EQ(named(toy, "attn.in_proj.lora_b").sizes(), (at::IntArrayRef{48, 2}));
  EXPECT_LE(named(toy, "first.lora_a").abs().max().item<double>(), 1 / std::sqrt(12.0));
  EXPECT_GT(named(toy, "first.lora_a").abs().max().item<double>(), 0.1);
}

// The adapted layer is the layer with W + alpha / rank * B A.
TEST(Lora, AddsTheScaledProduct) {
  Toy toy, merged;
  at::Generator generator = make_generator(7);
  add_lora(toy, {.rank = 2, .alpha = 6, .targets = {"*"}}, generator);
  const at::NoGradGuard guard;
  for (const auto& [name, layer] : linear_layers(toy)) {
    named(toy, name + ".lora_b").copy_(draw(named(toy, name + ".lora_b").sizes(), 11));
    const at::Tensor product = named(toy, name + ".lora_b").matmul(named(toy, name + ".lora_a"));
    for (const auto& [other, plain] : linear_layers(merged)) {
      if (other == name) plain->weight.add_(product, 3);
    }
  }
  const at::Tensor x = draw({2, 5, 12}, 1);
  EXPECT_TRUE(at::allclose(toy.forward(x), merged.forward(x), 1e-4, 1e-4));
}

TEST(Lora, OnlyTheTermsAreTrained) {
  Toy toy;
  at::Generator generator = make_generator(7);
  add_lora(toy, {.rank = 2, .targets = {"attn.*"}}, generator);
  train_only(toy, {"*.lora_a", "*.lora_b"});
  {
    const at::NoGradGuard guard;
    named(toy, "attn.in_proj.lora_b").fill_(0.1);
    named(toy, "attn.out_proj.lora_b").fill_(0.1);
  }
  torch::autograd::backward({toy.forward(draw({2, 5, 12}, 1)).pow(2).sum()}, {});
  EXPECT_EQ(names_of(trained_tensors(toy)),
            (Names{"attn.out_proj.lora_a", "attn.out_proj.lora_b", "attn.in_proj.lora_a", "attn.in_proj.lora_b"}));
  for (const auto& [name, tensor] : nn::state_tensors(toy)) {
    EXPECT_EQ(tensor.grad().defined(), name.find("lora") != std::string::npos) << name;
    if (tensor.grad().defined()) {
      EXPECT_GT(tensor.grad().abs().max().item<double>(), 0) << name;
    }
  }
}

// The frozen weight multiplies in bfloat16, the term's gradients stay those of its float32 masters.
TEST(Lora, GradientsBesideFrozenBfloat16AreThoseOfFloat32) {
  const auto gradients = [](bool bf16) {
    Toy toy;
    at::Generator generator = make_generator(7);
    // The layer behind the softmax alone: before it, attention's own bfloat16 rounding is most of the difference.
    add_lora(toy, {.rank = 2, .targets = {"attn.out_proj"}}, generator);
    train_only(toy, {"*.lora_a", "*.lora_b"});
    {
      const at::NoGradGuard guard;
      named(toy, "attn.out_proj.lora_b").copy_(draw({16, 2}, 6));
    }
    if (bf16) nn::cast_frozen(toy, at::kBFloat16);
    const at::Tensor x = draw({2, 5, 12}, 1);
    torch::autograd::backward({toy.forward(bf16 ? x.to(at::kBFloat16) : x).to(at::kFloat).pow(2).sum()}, {});
    return trained_tensors(toy);
  };
  const auto f32 = gradients(false), bf16 = gradients(true);
  ASSERT_EQ(f32.size(), 2u);
  for (size_t i = 0; i < f32.size(); ++i) {
    ASSERT_EQ(bf16[i].second.grad().scalar_type(), at::kFloat);
    const double error = (bf16[i].second.grad() - f32[i].second.grad()).norm().item<double>() /
                         f32[i].second.grad().norm().item<double>();
    EXPECT_LT(error, 0.03) << f32[i].first;
  }
}

TEST(Lora, ActivationCheckpointingKeepsItsGradients) {
  const auto gradients = [](bool checkpointed) {
    Toy toy;
    at::Generator generator = make_generator(7);
    add_lora(toy, {.rank = 2, .targets = {"attn.*"}}, generator);
    train_only(toy, {"*.lora_a", "*.lora_b"});
    {
      const at::NoGradGuard guard;
      named(toy, "attn.in_proj.lora_b").copy_(draw({48, 2}, 5));
    }
    const at::Tensor x = draw({2, 5, 16}, 1);
    const auto run = [&](const at::Tensor& t) { return toy.attn->forward(t); };
    torch::autograd::backward({(checkpointed ? nn::checkpoint(run, x, toy.attn->parameters()) : run(x)).pow(2).sum()},
                              {});
    return trained_tensors(toy);
  };
  const auto plain = gradients(false), checkpointed = gradients(true);
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_TRUE(checkpointed[i].second.grad().defined()) << plain[i].first;
    EXPECT_TRUE(at::allclose(checkpointed[i].second.grad(), plain[i].second.grad(), 1e-5, 1e-6)) << plain[i].first;
  }
}

std::string usage_error(const std::function<void()>& f) {
  try {
    f();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Lora, BadOptionsAreOneSentence) {
  Toy toy;
  at::Generator generator = make_generator(7);
  const auto add = [&](LoraOptions options) { return usage_error([&] { add_lora(toy, options, generator); }); };
  EXPECT_NE(add({.rank = 0}).find("peft.rank"), std::string::npos);
  EXPECT_NE(add({.rank = 8, .targets = {"head"}}).find("no low rank for head of 16 to 8"), std::string::npos);
  EXPECT_NE(add({.rank = 2, .alpha = 0}).find("peft.alpha"), std::string::npos);
  EXPECT_NE(add({.rank = 2, .targets = {}}).find("peft.targets"), std::string::npos);
  EXPECT_NE(add({.rank = 2, .targets = {"attn.inproj"}}).find("did you mean attn.in_proj?"), std::string::npos);
  EXPECT_EQ(trained_tensors(toy).size(), 8u);  // nothing was added by any of them
  EXPECT_EQ(add({.rank = 2, .targets = {"head"}}), "");
  EXPECT_NE(add({.rank = 2, .targets = {"head"}}).find("adapted already"), std::string::npos);
}

TEST(Lora, PartsOfAPackedProjectionGetTermsOfTheirOwn) {
  Toy toy;
  at::Generator generator = make_generator(7);
  add_lora(toy, {.rank = 2, .alpha = 2, .targets = {"*.in_proj"}, .qkv = "qv"}, generator);
  at::Tensor a = named(toy, "attn.in_proj.lora_a"), b = named(toy, "attn.in_proj.lora_b");
  EXPECT_EQ(a.sizes(), (at::IntArrayRef{4, 16}));
  EXPECT_EQ(b.sizes(), (at::IntArrayRef{32, 2}));
  const at::NoGradGuard guard;
  normal_(b, 0, 1, generator);
  const auto& layer = *toy.attn->qkv();
  const at::Tensor x = draw({3, 16}, 2), plain = nn::linear(x, layer.weight, layer.bias), y = layer.forward(x) - plain;
  const at::Tensor q = x.matmul(a.slice(0, 0, 2).t()).matmul(b.slice(0, 0, 16).t()),
                   v = x.matmul(a.slice(0, 2).t()).matmul(b.slice(0, 16).t());
  EXPECT_LT((y - at::cat({q, at::zeros_like(q), v}, 1)).abs().max().item<double>(), 1e-4);
}

TEST(Lora, RefusesPartsThatAreNone) {
  Toy toy;
  at::Generator generator = make_generator(7);
  for (const char* qkv : {"x", "qq"})
    EXPECT_THROW(add_lora(toy, {.rank = 2, .targets = {"*.in_proj"}, .qkv = qkv}, generator), UsageError);
}

}  // namespace
}  // namespace cambium::peft
