#include "models/latent_diffusion/guidance.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/random.h"
#include "support/gaussian.h"

namespace cambium::latent_diffusion {
namespace {

using test::gaussian;

TEST(Guidance, WalksFromTheNegativePastThePositive) {
  const at::Tensor negative = gaussian({2, 3, 4, 4}, 1), positive = gaussian({2, 3, 4, 4}, 2);
  const at::Tensor rows = at::cat({negative, positive});
  EXPECT_TRUE(at::allclose(guide(rows, {.scale = 1}), positive, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(guide(rows, {.scale = 3}), 3 * positive - 2 * negative, 1e-5, 1e-5));
}

TEST(Guidance, FullRescaleGivesEveryItemThePositivesSpread) {
  const at::Tensor rows = at::cat({gaussian({2, 3, 4, 4}, 1), gaussian({2, 3, 4, 4}, 2)});
  const at::Tensor positive = rows.slice(0, 2), plain = guide(rows, {.scale = 8});
  const at::Tensor full = guide(rows, {.scale = 8, .rescale = 1});
  EXPECT_TRUE(at::allclose(full.flatten(1).std(1), positive.flatten(1).std(1), 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(guide(rows, {.scale = 8, .rescale = 0.25}), 0.25 * full + 0.75 * plain, 1e-5, 1e-5));
}

TEST(Guidance, ContextGuidanceIsThePapersWithoutText) {
  const at::Tensor without = gaussian({1, 5, 3, 4, 4}, 1), with = gaussian({1, 5, 3, 4, 4}, 2);
  const at::Tensor negative = gaussian({1, 5, 3, 4, 4}, 3);
  const at::Tensor rows = at::cat({negative, without, with});
  // Text scale 1: f(0) + s (f(c) - f(0)).
  EXPECT_TRUE(at::allclose(guide_with_context(rows, {.scale = 1, .context = 1.5}), without + 1.5 * (with - without),
                           1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(guide_with_context(rows, {.scale = 2, .context = 1}),
                           guide(at::cat({negative, without}), {.scale = 2}) + with - without, 1e-4, 1e-5));
}

TEST(Guidance, RefusesWhatIsNoGuidance) {
  EXPECT_THROW((Guidance{.rescale = 1.5}.validate()), UsageError);
  EXPECT_THROW((Guidance{.context = 0.5}.validate()), UsageError);
}

}  // namespace
}  // namespace cambium::latent_diffusion
