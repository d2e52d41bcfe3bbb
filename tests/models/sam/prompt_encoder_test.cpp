#include "models/sam/prompt_encoder.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam/small_sam.h"

namespace cambium::sam {
namespace {

std::string error_of(const PromptEncoder& encoder, const Prompts& prompts) {
  try {
    encoder.encode(prompts);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(PromptEncoder, PaddingPointOnlyWithoutBoxes) {
  const auto model = small_sam();
  const auto& encoder = *model->prompt_encoder();
  const at::NoGradGuard no_grad;
  const at::Tensor points = at::tensor({3.0f, 4.0f}).view({1, 1, 2}), labels = at::ones({1, 1}, at::kLong);
  const at::Tensor boxes = at::tensor({1.0f, 2.0f, 30.0f, 40.0f}).view({1, 4});
  const at::Tensor padded = encoder.encode({.points = points, .labels = labels}).sparse;
  ASSERT_EQ(padded.size(1), 2);
  EXPECT_TRUE(padded[0][1].equal(model->named_parameters()["prompt_encoder.not_a_point_embed.weight"][0]));
  EXPECT_EQ(encoder.encode({.points = points, .labels = labels, .boxes = boxes}).sparse.size(1), 3);
  EXPECT_EQ(encoder.encode({.boxes = boxes}).sparse.size(1), 2);
  EXPECT_EQ(encoder.encode({}).sparse.sizes(), (std::vector<int64_t>{1, 0, 32}));
  // A caller's own padding is the same point.
  const at::Tensor two = at::cat({points, at::zeros({1, 1, 2})}, 1),
                   minus = at::tensor({1, -1}, at::kLong).view({1, 2});
  EXPECT_TRUE(encoder.encode({.points = two, .labels = minus}).sparse.narrow(1, 0, 2).equal(padded));
}

TEST(PromptEncoder, CoordinatesKeepTheirPrecision) {
  const auto model = small_sam();
  const auto& encoder = *model->prompt_encoder();
  const at::NoGradGuard no_grad;
  const at::Tensor points = at::rand({2, 3, 2}, at::kDouble) * 64, labels = at::ones({2, 3}, at::kLong);
  const at::Tensor exact = encoder.encode({.points = points, .labels = labels}).sparse;
  EXPECT_EQ(exact.scalar_type(), at::kFloat);
  EXPECT_TRUE(
      at::allclose(exact, encoder.encode({.points = points.to(at::kFloat), .labels = labels}).sparse, 1e-3, 1e-4));
  // Integers are pixels too.
  const at::Tensor whole = at::randint(0, 64, {1, 2, 2}), ones = at::ones({1, 2}, at::kLong);
  EXPECT_TRUE(encoder.encode({.points = whole, .labels = ones})
                  .sparse.equal(encoder.encode({.points = whole.to(at::kFloat), .labels = ones}).sparse));
}

TEST(PromptEncoder, FrameOfAnotherSize) {
  const auto model = small_sam();
  const auto& encoder = *model->prompt_encoder();
  const at::NoGradGuard no_grad;
  // (p + 0.5) / size is what counts: twice the frame, twice the place.
  const at::Tensor near = at::tensor({7.5f, 3.5f}).view({1, 1, 2}), far = at::tensor({15.5f, 7.5f}).view({1, 1, 2});
  const at::Tensor labels = at::ones({1, 1}, at::kLong);
  EXPECT_TRUE(at::allclose(encoder.encode({.points = near, .labels = labels}).sparse,
                           encoder.encode({.points = far, .labels = labels}, 128, 128).sparse, 1e-4, 1e-5));
  EXPECT_EQ(encoder.encode({}, 128, 64).dense.sizes(), (std::vector<int64_t>{1, 32, 16, 8}));
  EXPECT_EQ(encoder.dense_pe(16, 8).sizes(), (std::vector<int64_t>{1, 32, 16, 8}));
}

TEST(PromptEncoder, RefusesWhatDoesNotFit) {
  const auto model = small_sam();
  const auto& encoder = *model->prompt_encoder();
  const at::Tensor points = at::zeros({2, 3, 2}), labels = at::ones({2, 3}, at::kLong), boxes = at::zeros({2, 4});
  EXPECT_NE(error_of(encoder, {.points = points}).find("come together"), std::string::npos);
  EXPECT_NE(error_of(encoder, {.points = at::zeros({3, 2}), .labels = labels}).find("[B, N, 2]"), std::string::npos);
  EXPECT_NE(error_of(encoder, {.points = points, .labels = at::ones({2, 2})}).find("[2, 2]"), std::string::npos);
  EXPECT_NE(error_of(encoder, {.boxes = at::zeros({4})}).find("[B, 4]"), std::string::npos);
  EXPECT_NE(error_of(encoder, {.points = points, .labels = labels, .boxes = at::zeros({3, 4})}).find("3 boxes for 2"),
            std::string::npos);
  EXPECT_NE(error_of(encoder, {.boxes = boxes, .masks = at::zeros({2, 1, 16, 16})}).find("[B, 1, 32, 32]"),
            std::string::npos);
  EXPECT_NE(error_of(encoder, {.boxes = boxes, .masks = at::zeros({3, 1, 32, 32})}).find("3 masks for 2"),
            std::string::npos);
  EXPECT_EQ(error_of(encoder, {.boxes = boxes, .masks = at::zeros({1, 1, 32, 32})}), "");
}

}  // namespace
}  // namespace cambium::sam
