#include "models/sam_adapter/samed.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam_adapter/tiny_sam.h"
#include "support/temporary_directory.h"

namespace cambium::sam_adapter {
namespace {

std::string number(const char* stem, int64_t i) { return std::string(stem) + "00" + std::to_string(i); }

// LoRA of rank 2 on the tiny SAM's three blocks, and a decoder with `masks` tokens.
io::StateDict samed_file(int64_t masks) {
  io::StateDict state{.source = "samed.pth"};
  for (int64_t i = 0; i < 6; ++i) {
    state.tensors.emplace_back(number("w_a_", i), gaussian({2, 32}, 10 + i));
    state.tensors.emplace_back(number("w_b_", i), gaussian({32, 2}, 20 + i));
  }
  auto options = tiny_sam_options();
  options.decoder.masks = masks;
  sam::Sam trained(options);
  at::Generator generator = make_generator(5);
  trained.initialize(generator);
  for (const auto& [name, tensor] : nn::state_tensors(trained)) {
    if (!name.starts_with("image_encoder.")) state.tensors.emplace_back(name, tensor.detach());
  }
  return state;
}

TEST(Samed, AFileBecomesAModelWithAMaskForEachToken) {
  const test::TemporaryDirectory directory;
  const at::NoGradGuard guard;
  for (const int64_t masks : {3, 4, 9}) {
    const io::StateDict state = samed_file(masks);
    io::write_safetensors(directory.path() / "samed", state.tensors);
    const auto model = open_samed(tiny_weights(), directory.path() / "samed");
    EXPECT_EQ(model->forward(gaussian({1, 3, 64, 64}, 3)).sizes(), (at::IntArrayRef{1, masks, 32, 32}));
    EXPECT_TRUE(at::equal(model->mask_decoder()->named_parameters()["mask_tokens.weight"],
                          state.at("mask_decoder.mask_tokens.weight")));
  }
}

TEST(Samed, TermsStandBesideQueryAndValue) {
  const at::NoGradGuard guard;
  auto sam = tiny_sam();
  const io::StateDict state = samed_file(4);
  const auto& layer = sam->vit()->blocks()[1]->attention()->qkv();
  const at::Tensor x = gaussian({4, 32}, 6), before = layer->forward(x);
  add_samed(*sam->vit(), state);
  const at::Tensor change = layer->forward(x) - before;
  const auto term = [&](int64_t i) {
    return x.matmul(state.at(number("w_a_", i)).t()).matmul(state.at(number("w_b_", i)).t());
  };
  EXPECT_LT((change - at::cat({term(2), at::zeros({4, 32}), term(3)}, 1)).abs().max().item<double>(), 1e-4);
}

TEST(Samed, ForeignFilesAreOneSentence) {
  const test::TemporaryDirectory directory;
  io::write_safetensors(directory.path() / "other", {{"x", at::zeros({1})}});
  EXPECT_THROW(open_samed(tiny_weights(), directory.path() / "other"), Error);
  io::StateDict wide = samed_file(4), deep = samed_file(4), missing = samed_file(4);
  wide.insert("w_a_001", at::zeros({2, 48}));
  deep.insert("w_a_006", at::zeros({2, 32}));
  std::erase_if(missing.tensors, [](const auto& item) { return item.first == "w_b_005"; });
  for (const auto& state : {wide, deep, missing}) EXPECT_THROW(add_samed(*tiny_sam()->vit(), state), Error);
}

}  // namespace
}  // namespace cambium::sam_adapter
