#include "core/random.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace cambium {
namespace {

TEST(Rng, StateRoundTripContinuesTheSequence) {
  Rng rng(7);
  for (int i = 0; i < 10; ++i) rng.next();
  Rng other(1);
  other.set_state(rng.state());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.next(), other.next());
}

TEST(Rng, BelowCoversTheRange) {
  Rng rng(3);
  std::vector<int> seen(7);
  for (int i = 0; i < 7000; ++i) ++seen[rng.below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(Rng, ShuffleIsAPermutation) {
  std::vector<int> items(50), expected(50);
  std::iota(items.begin(), items.end(), 0);
  expected = items;
  Rng rng(5);
  rng.shuffle(items);
  EXPECT_NE(items, expected);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, expected);
}

TEST(Generator, StateRoundTrip) {
  auto generator = make_generator(11);
  at::Tensor a = at::empty({100});
  normal_(a, 0, 1, generator);
  const std::string state = generator_state(generator);
  normal_(a, 0, 1, generator);
  auto other = make_generator(1);
  set_generator_state(other, state);
  at::Tensor b = at::empty({100});
  normal_(b, 0, 1, other);
  EXPECT_TRUE(at::equal(a, b));
}

TEST(Init, TruncNormalHasItsBoundsAndMoments) {
  auto generator = make_generator(2);
  at::Tensor t = at::empty({20000});
  trunc_normal_(t, 0, 1, -2, 2, generator);
  EXPECT_LE(t.abs().max().item<float>(), 2.0f);
  EXPECT_NEAR(t.mean().item<float>(), 0, 0.02);
  EXPECT_NEAR(t.std().item<float>(), 0.8796, 0.02);  // of a standard normal cut at +-2
}

TEST(MixSeed, DiffersByPurposeAndIndex) {
  EXPECT_NE(mix_seed(1, "a"), mix_seed(1, "b"));
  EXPECT_NE(mix_seed(1, "a", 0), mix_seed(1, "a", 1));
  EXPECT_EQ(mix_seed(1, "a", 4), mix_seed(1, "a", 4));
}

}  // namespace
}  // namespace cambium
