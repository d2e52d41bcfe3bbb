#include "models/meru/lorentz.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "core/random.h"
#include "io/safetensors.h"
#include "support/source_dir.h"

namespace cambium::meru {
namespace {

constexpr LorentzOptions kParity{.numerics = Numerics::parity};
constexpr LorentzOptions kSafe{.numerics = Numerics::safe};

// Rows of tangent norms spread over (0, longest], in a random direction.
at::Tensor random_tangents(uint64_t seed, int64_t rows, int64_t dim, double longest,
                           at::ScalarType type = at::kDouble) {
  auto generator = make_generator(seed);
  at::Tensor v = at::empty({rows, dim}, at::kDouble);
  normal_(v, 0, 1, generator);
  v = v / v.norm(2, -1, true);
  const at::Tensor length = at::linspace(longest / static_cast<double>(rows), longest, rows, at::kDouble).unsqueeze(1);
  return (v * length).to(type);
}

struct Space {
  at::Tensor c, x, y, z;  // curvature; points [6, D]
};

// A random space: curvature in [0.1, 10], 1 to 64 dimensions, points up to sqrt(c)|v| = 4 from the root.
Space random_space() {
  const double curvature = 0.1 * std::pow(100.0, *rc::gen::inRange(0, 101) / 100.0);
  const auto dim = *rc::gen::inRange<int64_t>(1, 65);
  const auto seed = *rc::gen::arbitrary<uint32_t>();
  const at::Tensor c = at::scalar_tensor(curvature, at::kDouble);
  const auto points = [&](uint64_t n) {
    const at::Tensor v = random_tangents(seed + n, 6, dim, 4 / std::sqrt(curvature));
    return exp_map0(v.index_select(0, at::randperm(6, make_generator(seed + n), at::kLong)), c);
  };
  return {c, points(1), points(2), points(3)};
}

double worst(const at::Tensor& t) { return t.abs().max().item<double>(); }

RC_GTEST_PROP(LorentzProperty, LogMapInvertsExpMap, ()) {
  const Space s = random_space();
  const at::Tensor v = log_map0(s.x, s.c);
  RC_ASSERT(worst(exp_map0(v, s.c) - s.x) < 1e-10 * worst(s.x));
  RC_ASSERT(worst(log_map0(exp_map0(v, s.c), s.c) - v) < 1e-10 * worst(v));
}

RC_GTEST_PROP(LorentzProperty, DistanceIsAMetric, ()) {
  const Space s = random_space();
  const at::Tensor xy = pairwise_dist(s.x, s.y, s.c), yz = pairwise_dist(s.y, s.z, s.c),
                   xz = pairwise_dist(s.x, s.z, s.c);
  RC_ASSERT(worst(xy - pairwise_dist(s.y, s.x, s.c).t()) < 1e-9);
  RC_ASSERT((xy >= 0).all().item<bool>());
  // d(x, z) <= d(x, y) + d(y, z) for all triples: [x, y, z].
  const at::Tensor slack = xy.unsqueeze(2) + yz.unsqueeze(0) - xz.unsqueeze(1);
  RC_ASSERT(slack.min().item<double>() > -1e-7);
  // A point is (all but) no distance from itself: the clamp's floor is acosh(1 + eps).
  RC_ASSERT(worst(pairwise_dist(s.x, s.x, s.c).diagonal()) < 2e-4 / std::sqrt(s.c.item<double>()));
}

RC_GTEST_PROP(LorentzProperty, DistanceFromRootIsTheTangentsLength, ()) {
  const Space s = random_space();
  const at::Tensor from_root = distance_from_root(s.x, s.c);
  RC_ASSERT(worst(from_root - log_map0(s.x, s.c).norm(2, -1)) < 1e-10);
  const at::Tensor root = at::zeros({1, s.x.size(1)}, at::kDouble);
  RC_ASSERT(worst(from_root - pairwise_dist(s.x, root, s.c).squeeze(1)) < 1e-6);
}

RC_GTEST_PROP(LorentzProperty, InnerProductOrdersAsDistanceDoes, ()) {
  const Space s = random_space();
  const at::Tensor inner = pairwise_inner(s.x, s.y, s.c);
  RC_ASSERT(at::equal(inner.argmax(1), pairwise_dist(s.x, s.y, s.c).argmin(1)));
  RC_ASSERT((inner <= -1 / s.c + 1e-9).all().item<bool>());
}

RC_GTEST_PROP(LorentzProperty, PairwiseAngleIsThePairedAngle, ()) {
  const Space s = random_space();
  const at::Tensor all = pairwise_oxy_angle(s.x, s.y, s.c);
  RC_ASSERT(worst(all.diagonal() - oxy_angle(s.x, s.y, s.c)) < 1e-6);
  // Broadcast: every y for the first x.
  RC_ASSERT(worst(all[0] - oxy_angle(s.x.slice(0, 0, 1), s.y, s.c)) < 1e-6);
}

RC_GTEST_PROP(LorentzProperty, AnglesFollowTheHyperbolicLawOfCosines, ()) {
  // Exterior angle at x = pi - interior angle, from the three sides of the triangle root-x-y.
  const Space s = random_space();
  const double root_c = std::sqrt(s.c.item<double>());
  const at::Tensor a = distance_from_root(s.y, s.c) * root_c;  // opposite of x
  const at::Tensor b = distance_from_root(s.x, s.c) * root_c;
  const at::Tensor d = pairwise_dist(s.x, s.y, s.c).diagonal() * root_c;
  const at::Tensor interior = (at::cosh(b) * at::cosh(d) - at::cosh(a)) / (at::sinh(b) * at::sinh(d));
  // Its quotient is noise where a side is short.
  const at::Tensor error = at::cos(oxy_angle(s.x, s.y, s.c)) + interior;
  RC_ASSERT(worst(at::where(at::minimum(b, d) > 0.05, error, at::zeros_like(error))) < 1e-6);
}

RC_GTEST_PROP(LorentzProperty, PoincareBallAndHyperboloid, ()) {
  const Space s = random_space();
  const at::Tensor full = to_hyperboloid(s.x, s.c), ball = to_poincare(s.x, s.c);
  RC_ASSERT(full.size(1) == s.x.size(1) + 1);
  const at::Tensor time = full.select(1, 0), space = full.slice(1, 1);
  RC_ASSERT(worst((space.pow(2).sum(1) - time.pow(2)) * s.c + 1) < 1e-9);  // <x, x> = -1/c
  RC_ASSERT((ball.norm(2, -1) < 1).all().item<bool>());
  // Poincare distance from the centre: 2 atanh |p| / sqrt(c).
  RC_ASSERT(worst(2 * at::atanh(ball.norm(2, -1)) / s.c.sqrt() - distance_from_root(s.x, s.c)) < 1e-9);
}

RC_GTEST_PROP(LorentzProperty, SafeGradientsAreFiniteAtEveryEdge, ()) {
  // Norm 0, coincident points, points on one ray, far points: float32 inputs, as in training.
  const Space s = random_space();
  const at::Tensor far = s.x / s.x.norm(2, -1, true) * std::pow(10.0, *rc::gen::inRange(-20, 16));
  const at::Tensor zero = at::zeros_like(s.x);
  const at::Tensor first = at::cat({zero, zero, s.x, s.x, s.x, s.x, far, far, s.x}).to(at::kFloat);
  const at::Tensor second = at::cat({zero, s.y, zero, s.x, s.x * 1.7, -s.x, far, s.x, far}).to(at::kFloat);
  const auto check = [&](auto op) {
    const at::Tensor x = first.clone().requires_grad_(), y = second.clone().requires_grad_();
    const at::Tensor c = s.c.to(at::kFloat).requires_grad_();
    const at::Tensor out = op(x, y, c);
    RC_ASSERT(at::isfinite(out).all().item<bool>());
    out.sum().backward();
    for (const auto& t : {x, y, c}) {
      if (t.grad().defined()) RC_ASSERT(at::isfinite(t.grad()).all().template item<bool>());
    }
  };
  using T = const at::Tensor&;
  check([](T x, T y, T c) { return exp_map0(x, c, kSafe); });
  check([](T x, T y, T c) { return log_map0(x, c, kSafe); });
  check([](T x, T y, T c) { return half_aperture(x, c, 0.1, kSafe); });
  check([](T x, T y, T c) { return pairwise_inner(x, y, c, kSafe); });
  check([](T x, T y, T c) { return pairwise_dist(x, y, c, kSafe); });
  check([](T x, T y, T c) { return oxy_angle(x, y, c, kSafe); });
  check([](T x, T y, T c) { return pairwise_oxy_angle(x, y, c, kSafe); });
  // The entailment term, where an upstream gradient of 0 meets an infinite one in the parity form.
  check([](T x, T y, T c) { return at::clamp_min(oxy_angle(x, y, c, kSafe) - half_aperture(x, c, 0.1, kSafe), 0); });
}

TEST(Lorentz, ParityGradientIsLostWhereSafeOneIsNot) {
  // Why the safe form exists: coincident points in float32.
  const auto gradient = [](const LorentzOptions& options) {
    const at::Tensor x = at::ones({1, 4}).requires_grad_();
    const at::Tensor distance = pairwise_dist(x, at::ones({1, 4}), at::ones({}), options);
    at::clamp_min(distance - 1, 0).sum().backward();  // an upstream gradient of 0
    return x.grad();
  };
  EXPECT_FALSE(at::isfinite(gradient(kParity)).all().item<bool>());
  EXPECT_TRUE(at::isfinite(gradient(kSafe)).all().item<bool>());
}

TEST(Lorentz, ExpMapSaturates) {
  const at::Tensor c = at::scalar_tensor(4.0, at::kDouble);
  const at::Tensor v = at::tensor({1e3, 0.0}, at::kDouble).unsqueeze(0);
  for (const auto& options : {kParity, kSafe}) {
    const at::Tensor x = exp_map0(v, c, options);
    EXPECT_NEAR(x[0][0].item<double>(), std::pow(2.0, 15) / 2, 1e-6);  // 2^15 / sqrt(c)
  }
}

TEST(Lorentz, HalfApertureSaturatesNearTheRoot) {
  const at::Tensor x = at::tensor({0.0, 0.1, 0.2, 0.4}, at::kDouble).unsqueeze(1);
  const at::Tensor aperture = half_aperture(x, at::ones({}, at::kDouble));
  EXPECT_NEAR(aperture[0].item<double>(), M_PI / 2, 2e-4);
  EXPECT_NEAR(aperture[1].item<double>(), M_PI / 2, 2e-4);
  EXPECT_NEAR(aperture[3].item<double>(), std::asin(0.5), 1e-7);
}

TEST(Lorentz, ComputesHalfPrecisionInFloat32) {
  const at::Tensor x = random_tangents(1, 4, 8, 2).to(at::kBFloat16), c = at::ones({});
  for (const auto& options : {kParity, kSafe}) {
    EXPECT_EQ(exp_map0(x, c, options).scalar_type(), at::kFloat);
    EXPECT_EQ(pairwise_dist(x, x, c, options).scalar_type(), at::kFloat);
    const at::Tensor exact = exp_map0(x.to(at::kDouble), c.to(at::kDouble), options);
    EXPECT_LT(worst(exp_map0(x, c, options) - exact), 1e-5);
  }
  EXPECT_EQ(to_poincare(x, c).scalar_type(), at::kFloat);
}

// The safe form in float32 against the released formulas' float64 numbers.
class SafeAgainstGolden : public ::testing::Test {
 protected:
  SafeAgainstGolden()
      : golden_(io::read_safetensors(test::source_dir() / "tests/golden/meru/lorentz_ops.safetensors")) {}

  // |result - golden| over the row's largest entry, for the outputs in `parts`.
  template <class Op>
  void check(const std::string& group, const std::string& op, const std::string& x_name, const std::string& y_name,
             const Op& run, double out_bound, double gradient_bound) {
    const at::Tensor x = golden_.at(group + x_name).clone().requires_grad_();
    const at::Tensor y = y_name.empty() ? at::Tensor() : golden_.at(group + y_name).clone().requires_grad_();
    const at::Tensor c = at::scalar_tensor(std::stod(group.substr(1)), at::kFloat).requires_grad_();
    const at::Tensor out = run(x, y, c);
    out.sum().backward();
    const auto compare = [&](const std::string& part, const at::Tensor& result, double bound) {
      const at::Tensor& expected = golden_.at(group + op + "." + part + ".f64");
      at::Tensor scale = expected.abs();
      if (expected.dim() > 1) scale = scale.amax(-1, true);
      const double error = worst((result.to(at::kDouble) - expected) / scale.clamp_min(1e-300));
      EXPECT_LT(error, bound) << group << op << "." << part;
    };
    compare("out", out, out_bound);
    if (gradient_bound <= 0) return;
    compare("grad_x", x.grad(), gradient_bound);
    if (y.defined()) compare("grad_y", y.grad(), gradient_bound);
    compare("grad_curv", c.grad(), gradient_bound);
  }

  io::StateDict golden_;
};

TEST_F(SafeAgainstGolden, EveryCurvature) {
  using T = const at::Tensor&;
  for (const std::string group : {"c0.1.", "c1.", "c10."}) {
    check(group, "exp_map0", "tangent", "", [](T x, T y, T c) { return exp_map0(x, c, kSafe); }, 2e-6, 2e-6);
    check(group, "half_aperture", "x", "", [](T x, T y, T c) { return half_aperture(x, c, 0.1, kSafe); }, 3e-6, 3e-6);
    check(group, "pairwise_inner", "x", "y", [](T x, T y, T c) { return pairwise_inner(x, y, c, kSafe); }, 2e-6, 2e-6);
    check(
        group, "real.pairwise_dist", "rx", "ry", [](T x, T y, T c) { return pairwise_dist(x, y, c, kSafe); }, 2e-6,
        2e-6);
    check(group, "real.log_map0", "rx", "", [](T x, T y, T c) { return log_map0(x, c, kSafe); }, 2e-6, 2e-6);
    check(group, "real.oxy_angle", "rx", "ry", [](T x, T y, T c) { return oxy_angle(x, y, c, kSafe); }, 2e-6, 2e-6);
  }
}

}  // namespace
}  // namespace cambium::meru
