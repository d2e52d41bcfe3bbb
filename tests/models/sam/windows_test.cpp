#include "models/sam/windows.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/sam/relative_position.h"

namespace cambium::sam {
namespace {

// The original's way, by padding and a permutation.
at::Tensor partition_plainly(const at::Tensor& x, int64_t size, const at::Tensor& fill) {
  const int64_t height = (x.size(1) + size - 1) / size * size, width = (x.size(2) + size - 1) / size * size;
  at::Tensor column = fill.expand({x.size(0), x.size(1), width - x.size(2), -1});
  at::Tensor wide = at::cat({x, column}, 2);
  at::Tensor row = fill.expand({x.size(0), height - x.size(1), width, -1});
  return at::cat({wide, row}, 1)
      .view({x.size(0), height / size, size, width / size, size, -1})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, size, size, x.size(3)});
}

TEST(Windows, CutsAndPadsAsThePlainWay) {
  for (const auto& [height, width, size] : {std::tuple{6, 9, 3}, {8, 8, 3}, {5, 7, 4}, {2, 3, 5}, {4, 4, 4}}) {
    const at::Tensor x = at::randn({2, height, width, 6}), fill = at::randn({6});
    const at::Tensor windows = window_partition(x, size, fill);
    EXPECT_TRUE(windows.equal(partition_plainly(x, size, fill))) << height << 'x' << width << " by " << size;
    EXPECT_TRUE(window_unpartition(windows, height, width).equal(x));
    EXPECT_TRUE(window_partition(x, size).equal(partition_plainly(x, size, at::zeros({6}))));
  }
}

TEST(Windows, TakesViewsThatAreNotContiguous) {
  const at::Tensor x = at::randn({1, 6, 5, 4}).permute({0, 2, 3, 1});
  EXPECT_TRUE(window_partition(x, 2).equal(window_partition(x.contiguous(), 2)));
  const at::Tensor windows = at::randn({3, 4, 6, 2}).permute({3, 0, 1, 2}).reshape({6, 2, 2, 6}).transpose(1, 2);
  EXPECT_TRUE(window_unpartition(windows, 3, 5).equal(window_unpartition(windows.contiguous(), 3, 5)));
}

TEST(Windows, GradientsOfInputAndPadding) {
  const at::Tensor x = at::randn({2, 5, 7, 3}, at::kDouble).requires_grad_(),
                   fill = at::randn({3}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({2 * 2 * 2, 4, 4, 3}, at::kDouble);
  const auto ours = torch::autograd::grad({(window_partition(x, 4, fill) * weight).sum()}, {x, fill});
  const auto plain = torch::autograd::grad({(partition_plainly(x, 4, fill) * weight).sum()}, {x, fill});
  EXPECT_TRUE(at::allclose(ours[0], plain[0]));
  EXPECT_TRUE(at::allclose(ours[1], plain[1], 1e-5, 1e-5));

  const at::Tensor windows = at::randn({8, 4, 4, 3}).requires_grad_(), back = at::randn({2, 5, 7, 3});
  const auto grad = torch::autograd::grad({(window_unpartition(windows, 5, 7) * back).sum()}, {windows});
  EXPECT_TRUE(grad[0].equal(partition_plainly(back, 4, at::zeros({3}))));
}

TEST(RelativePosition, CountsFromQueryToKey) {
  const at::Tensor table = at::arange(7, at::kFloat).unsqueeze(1);  // 2 * 4 - 1 rows
  const at::Tensor r = get_rel_pos(4, 4, table).squeeze(2);
  EXPECT_EQ(r[0][0].item<float>(), 3);
  EXPECT_EQ(r[0][3].item<float>(), 0);
  EXPECT_EQ(r[3][0].item<float>(), 6);
}

TEST(RelativePosition, ExtraKeysHaveNone) {
  const int64_t height = 3, width = 4, tokens = height * width, dim = 8, extra = 5;
  const at::Tensor q = at::randn({2, 2, tokens, dim}), k = at::randn({2, 2, tokens, dim}),
                   v = at::randn({2, 2, tokens, dim});
  const at::Tensor extra_k = at::randn({2, extra, dim}), extra_v = at::randn({2, extra, dim});
  const nn::RelativePosition rel_pos{at::randn({height, height, dim}), at::randn({width, width, dim})};
  const at::Tensor out = attention_with_extra_keys(q, k, v, extra_k, extra_v, rel_pos);

  at::Tensor scores = q.matmul(k.transpose(2, 3)) / std::sqrt(8.0);
  for (int64_t i = 0; i < tokens; ++i) {
    for (int64_t j = 0; j < tokens; ++j) {
      const at::Tensor r = rel_pos.height[i / width][j / width] + rel_pos.width[i % width][j % width];
      scores.select(3, j).select(2, i).add_((q.select(2, i) * r).sum(2));
    }
  }
  const at::Tensor more = at::einsum("bhtd,hed->bhte", {q, extra_k}) / std::sqrt(8.0);
  const at::Tensor p = at::cat({scores, more}, 3).softmax(3);
  const at::Tensor expected =
      (p.narrow(3, 0, tokens).matmul(v) + at::einsum("bhte,hed->bhtd", {p.narrow(3, tokens, extra), extra_v}))
          .transpose(1, 2)
          .flatten(2);
  EXPECT_TRUE(at::allclose(out, expected, 1e-4, 1e-5)) << (out - expected).abs().max();
}

}  // namespace
}  // namespace cambium::sam
