#include "nn/checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/random.h"
#include "nn/mlp.h"

namespace cambium::nn {
namespace {

struct CheckpointTest : testing::Test {
  CheckpointTest() : mlp(std::make_shared<Mlp>(MlpOptions{.width = 8, .hidden = 16})) {
    auto generator = make_generator(3);
    for (at::Tensor& p : mlp->parameters()) normal_(p, 0, 0.3, generator);
    x = at::empty({5, 8});
    normal_(x, 0, 1, generator);
  }
  std::vector<at::Tensor> take_grads() {
    std::vector<at::Tensor> grads;
    for (const at::Tensor& p : mlp->parameters()) grads.push_back(p.grad().defined() ? p.grad().clone() : at::Tensor());
    mlp->zero_grad();
    return grads;
  }
  std::shared_ptr<Mlp> mlp;
  at::Tensor x;
};

TEST_F(CheckpointTest, GradientsEqualThoseWithout) {
  for (const bool input_requires_grad : {true, false}) {
    const at::Tensor a = x.clone().set_requires_grad(input_requires_grad),
                     b = x.clone().set_requires_grad(input_requires_grad);
    mlp->forward(a).square().sum().backward();
    const auto expected = take_grads();
    int calls = 0;
    const at::Tensor y = checkpoint(
        [&](const at::Tensor& t) {
          ++calls;
          return mlp->forward(t);
        },
        b, mlp->parameters());
    EXPECT_TRUE(y.requires_grad());
    y.square().sum().backward();
    EXPECT_EQ(calls, 2);
    const auto got = take_grads();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(at::allclose(got[i], expected[i], 1e-5, 1e-6));
    EXPECT_EQ(b.grad().defined(), input_requires_grad);
    if (input_requires_grad) {
      EXPECT_TRUE(at::allclose(b.grad(), a.grad(), 1e-5, 1e-6));
    }
  }
}

TEST_F(CheckpointTest, FrozenParametersGetNone) {
  mlp->first()->weight.set_requires_grad(false);
  checkpoint([&](const at::Tensor& t) { return mlp->forward(t); }, x, mlp->parameters()).sum().backward();
  EXPECT_FALSE(mlp->first()->weight.grad().defined());
  EXPECT_TRUE(mlp->second()->weight.grad().defined());
}

TEST_F(CheckpointTest, SegmentsChain) {
  const auto run = [&](bool with) {
    at::Tensor y = x;
    for (int i = 0; i < 3; ++i) {
      const auto segment = [&](const at::Tensor& t) { return mlp->forward_add(t, t); };
      y = with ? checkpoint(segment, y, mlp->parameters()) : segment(y);
    }
    y.square().mean().backward();
    return take_grads();
  };
  const auto expected = run(false), got = run(true);
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(at::allclose(got[i], expected[i], 1e-5, 1e-7));
}

TEST_F(CheckpointTest, SeveralInputsAndOutputs) {
  const at::Tensor a = x.clone().set_requires_grad(true), b = (x * 2).requires_grad_(true);
  const auto outputs = checkpoint(
      [](const std::vector<at::Tensor>& in) { return std::vector<at::Tensor>{in[0] * in[1], in[0] + 1}; }, {a, b}, {});
  (outputs[0].sum() + outputs[1].sum()).backward();
  EXPECT_TRUE(at::allclose(a.grad(), b.detach() + 1));
  EXPECT_TRUE(at::allclose(b.grad(), a.detach()));
}

TEST_F(CheckpointTest, WithoutGradientsItJustCalls) {
  const at::NoGradGuard no_grad;
  int calls = 0;
  const at::Tensor y = checkpoint(
      [&](const at::Tensor& t) {
        ++calls;
        return mlp->forward(t);
      },
      x, mlp->parameters());
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(y.requires_grad());
}

}  // namespace
}  // namespace cambium::nn
