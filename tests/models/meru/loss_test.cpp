#include "models/meru/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace cambium::meru {
namespace {

at::Tensor random(uint64_t seed, int64_t rows, int64_t dim) {
  auto generator = make_generator(seed);
  at::Tensor x = at::empty({rows, dim}, at::kDouble);
  return normal_(x, 0, 1, generator);
}

at::Tensor scalar(double value, bool learn = true) {
  return at::scalar_tensor(value, at::kDouble).requires_grad_(learn);
}

LossScalars scalars(double scale = std::log(1 / 0.07), double curv = 0, double alpha = -1) {
  return {.logit_scale = scalar(scale),
          .curv = scalar(curv),
          .visual_alpha = scalar(alpha),
          .textual_alpha = scalar(alpha - 0.3)};
}

double value(const at::Tensor& t) { return t.item<double>(); }
double logged(const LossOutput& out, const std::string& name) {
  for (const auto& [key, tensor] : out.logged) {
    if (key == name) return value(tensor);
  }
  ADD_FAILURE() << name << " is not logged";
  return 0;
}

// Straight from the papers, one pair at a time, in double: no tensor operation of the library.
struct Direct {
  static constexpr double kOne = 1 - 1e-8;  // the eps of the released code, which shows where a cone is a half-space
  using Point = std::vector<double>;
  static Point row(const at::Tensor& t, int64_t i) {
    Point out;
    for (int64_t d = 0; d < t.size(1); ++d) out.push_back(value(t[i][d]));
    return out;
  }
  static double dot(const Point& a, const Point& b) {
    double sum = 0;
    for (size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
    return sum;
  }
  static double norm(const Point& a) { return std::sqrt(dot(a, a)); }
  static double distance(const Point& a, const Point& b, double c) {
    const double inner = dot(a, b) - std::sqrt(1 / c + dot(a, a)) * std::sqrt(1 / c + dot(b, b));
    return std::acosh(std::max(1.0, -c * inner)) / std::sqrt(c);
  }
  static Point lift(Point v, double alpha, double c) {
    const double factor = std::exp(alpha);
    for (double& e : v) e *= factor;
    const double r = std::sqrt(c) * norm(v);
    for (double& e : v) e *= std::sinh(r) / r;
    return v;
  }
  static double exterior(const Point& x, const Point& y, double c) {
    const double t_x = std::sqrt(1 / c + dot(x, x)), t_y = std::sqrt(1 / c + dot(y, y));
    const double inner = c * (dot(x, y) - t_x * t_y);
    return std::acos(std::clamp((t_y + inner * t_x) / (norm(x) * std::sqrt(inner * inner - 1)), -kOne, kOne));
  }
  static double aperture(const Point& x, double c) { return std::asin(std::min(kOne, 0.2 / (std::sqrt(c) * norm(x)))); }
  // Mean over rows of log sum exp - the diagonal.
  static double cross_entropy(int64_t n, const std::function<double(int64_t, int64_t)>& logit) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
      double total = 0;
      for (int64_t j = 0; j < n; ++j) total += std::exp(logit(i, j));
      sum += std::log(total) - logit(i, i);
    }
    return sum / static_cast<double>(n);
  }
  static double mean(int64_t n, const std::function<double(int64_t)>& term) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += term(i);
    return sum / static_cast<double>(n);
  }
};

class HyperbolicLoss : public ::testing::TestWithParam<int64_t> {};  // embedding size
INSTANTIATE_TEST_SUITE_P(EmbeddingSizes, HyperbolicLoss, ::testing::Values(3, 17, 64));

TEST_P(HyperbolicLoss, HyCoClipIsItsFormula) {
  const int64_t n = 5, dim = GetParam();
  const PairFeatures features{random(1, n, dim), random(2, n, dim), random(3, n, dim), random(4, n, dim)};
  const LossScalars s = scalars(1.5, std::log(0.7), -1.2);
  const LossOutput out = contrastive_loss(features, s, LossOptions::hycoclip());

  const double c = 0.7, scale = std::exp(1.5);
  std::vector<Direct::Point> image, text, box_image, box_text;
  for (int64_t i = 0; i < n; ++i) {
    image.push_back(Direct::lift(Direct::row(features.image, i), -1.2, c));
    text.push_back(Direct::lift(Direct::row(features.text, i), -1.5, c));
    box_image.push_back(Direct::lift(Direct::row(features.box_image, i), -1.2, c));
    box_text.push_back(Direct::lift(Direct::row(features.box_text, i), -1.5, c));
  }
  using Points = std::vector<Direct::Point>;
  const auto ce = [&](const Points& from, const Points& to) {
    return Direct::cross_entropy(n, [&](int64_t i, int64_t j) { return -scale * Direct::distance(from[i], to[j], c); });
  };
  const auto entail = [&](const Points& x, const Points& y, double k) {
    return Direct::mean(
        n, [&](int64_t i) { return std::max(0.0, Direct::exterior(x[i], y[i], c) - k * Direct::aperture(x[i], c)); });
  };
  const double contrastive = (ce(image, text) + ce(text, image) + ce(box_image, text) + ce(box_text, image)) / 4;
  const double entailment = 0.5 * (entail(text, image, 0.7) + entail(box_text, box_image, 0.7) +
                                   entail(box_image, image, 1.2) + entail(box_text, text, 1.2));
  EXPECT_NEAR(value(out.contrastive_loss), contrastive, 1e-9 * contrastive);
  EXPECT_NEAR(value(out.entailment_loss), entailment, 1e-6 * entailment);
  EXPECT_NEAR(value(out.loss), contrastive + 0.2 * entailment, 1e-6 * contrastive);
}

TEST_P(HyperbolicLoss, MeruIsItsFormula) {
  const int64_t n = 6, dim = GetParam();
  const PairFeatures features{random(5, n, dim), random(6, n, dim)};
  const LossOutput out = contrastive_loss(features, scalars(2, std::log(3), -2), LossOptions::meru());
  const double c = 3, scale = std::exp(2);
  std::vector<Direct::Point> image, text;
  for (int64_t i = 0; i < n; ++i) {
    image.push_back(Direct::lift(Direct::row(features.image, i), -2, c));
    text.push_back(Direct::lift(Direct::row(features.text, i), -2.3, c));
  }
  const auto logit = [&](int64_t i, int64_t j) { return -scale * Direct::distance(image[i], text[j], c); };
  const double contrastive =
      (Direct::cross_entropy(n, logit) + Direct::cross_entropy(n, [&](int64_t i, int64_t j) { return logit(j, i); })) /
      2;
  EXPECT_NEAR(value(out.contrastive_loss), contrastive, 1e-9 * contrastive);
  const auto excess = [&](int64_t i) { return Direct::exterior(text[i], image[i], c) - Direct::aperture(text[i], c); };
  EXPECT_NEAR(value(out.entailment_loss), Direct::mean(n, [&](int64_t i) { return std::max(0.0, excess(i)); }), 1e-6);
  EXPECT_NEAR(logged(out, "violation_rate"), Direct::mean(n, [&](int64_t i) { return excess(i) > 0 ? 1.0 : 0.0; }),
              1e-9);
  EXPECT_NEAR(logged(out, "curv"), c, 1e-12);
  EXPECT_NEAR(logged(out, "image_norm"), Direct::mean(n, [&](int64_t i) { return Direct::norm(image[i]); }), 1e-9);
}

TEST_P(HyperbolicLoss, EuClipIsItsFormula) {
  const int64_t n = 5, dim = GetParam();
  const PairFeatures features{random(7, n, dim), random(8, n, dim)};
  const LossOutput out = contrastive_loss(features, {.logit_scale = scalar(-1)}, LossOptions::euclip());
  std::vector<Direct::Point> image, text;
  for (int64_t i = 0; i < n; ++i) {
    image.push_back(Direct::row(features.image / std::sqrt(static_cast<double>(dim)), i));
    text.push_back(Direct::row(features.text / std::sqrt(static_cast<double>(dim)), i));
  }
  const auto difference = [&](const Direct::Point& a, Direct::Point b) {
    for (size_t d = 0; d < b.size(); ++d) b[d] -= a[d];
    return b;
  };
  const auto logit = [&](int64_t i, int64_t j) {
    const auto step = difference(image[i], text[j]);
    return -std::exp(-1.0) * Direct::dot(step, step);
  };
  const double contrastive =
      (Direct::cross_entropy(n, logit) + Direct::cross_entropy(n, [&](int64_t i, int64_t j) { return logit(j, i); })) /
      2;
  const double entailment = Direct::mean(n, [&](int64_t i) {
    const auto step = difference(text[i], image[i]);
    const double exterior = std::acos(Direct::dot(step, text[i]) / (Direct::norm(step) * Direct::norm(text[i])));
    return std::max(0.0, exterior - std::asin(std::min(1.0, 0.1 / Direct::norm(text[i]))));
  });
  EXPECT_NEAR(value(out.contrastive_loss), contrastive, 1e-9);
  EXPECT_NEAR(value(out.entailment_loss), entailment, 1e-6);
  EXPECT_NEAR(value(out.loss), contrastive + 0.2 * entailment, 1e-6);
}

TEST(Similarity, EveryKindOnBothGeometries) {
  const at::Tensor image = random(9, 4, 6) / 3, text = random(10, 3, 6) / 3, curv = scalar(std::log(2), false);
  const double c = 2;
  const auto entry = [&](Geometry geometry, Similarity similarity_kind) {
    return value(similarity(image, text, curv, {.geometry = geometry, .similarity = similarity_kind})[2][1]);
  };
  const auto x = Direct::row(image, 2), y = Direct::row(text, 1);
  const double geodesic = Direct::distance(x, y, c);
  const double straight = value((image[2] - text[1]).norm());
  using enum Similarity;
  EXPECT_NEAR(entry(Geometry::hyperboloid, distance), -geodesic, 1e-9);
  EXPECT_NEAR(entry(Geometry::hyperboloid, squared_distance), -geodesic * geodesic, 1e-9);
  EXPECT_NEAR(entry(Geometry::hyperboloid, inner), -std::cosh(std::sqrt(c) * geodesic) / c, 1e-9);
  EXPECT_NEAR(entry(Geometry::hyperboloid, angle), -Direct::exterior(y, x, c), 1e-7);
  EXPECT_NEAR(entry(Geometry::euclidean, distance), -straight, 1e-9);
  EXPECT_NEAR(entry(Geometry::euclidean, squared_distance), -straight * straight, 1e-9);
  EXPECT_NEAR(entry(Geometry::euclidean, inner), Direct::dot(x, y), 1e-12);
}

// Ranks in one process: what a gather over several amounts to.
class Ranks : public Gather {
 public:
  Ranks(at::Tensor images, at::Tensor texts, int64_t offset) : all_{images, texts}, offset_(offset) {}
  Result operator()(const at::Tensor&) override { return {all_.at(next_++), offset_}; }

 private:
  std::vector<at::Tensor> all_;
  int64_t offset_;
  size_t next_ = 0;
};

TEST(Gather, MeanOverRanksIsTheWholeBatch) {
  for (const LossOptions& options : {LossOptions::clip(), LossOptions::meru(), LossOptions::euclip()}) {
    const int64_t batch = 3, world = 2;
    const at::Tensor image = random(11, batch * world, 8).requires_grad_();
    const at::Tensor text = random(12, batch * world, 8).requires_grad_();
    const LossScalars s = scalars();
    const LossOutput whole = contrastive_loss({.image = image, .text = text}, s, options);
    const auto inputs = std::vector<at::Tensor>{image, text, s.logit_scale};
    const auto gradients = [&](const at::Tensor& loss) {
      for (at::Tensor t : inputs) t.mutable_grad() = at::Tensor();
      loss.backward();
      return std::vector<at::Tensor>{image.grad().clone(), text.grad().clone(), s.logit_scale.grad().clone()};
    };
    const auto expected = gradients(whole.loss);

    const at::Tensor images = embed(image, s.visual_alpha, s.curv, options);
    const at::Tensor texts = embed(text, s.textual_alpha, s.curv, options);
    at::Tensor mean = at::zeros({}, at::kDouble);
    for (int64_t rank = 0; rank < world; ++rank) {
      Ranks gather(images, texts, rank * batch);
      const auto rows = [&](const at::Tensor& t) { return t.slice(0, rank * batch, (rank + 1) * batch); };
      mean = mean + contrastive_loss({.image = rows(image), .text = rows(text)}, s, options, gather).loss / world;
    }
    EXPECT_NEAR(value(mean), value(whole.loss), 1e-12);
    const auto actual = gradients(mean);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::allclose(actual[i], expected[i], 1e-9, 1e-12));
  }
}

TEST(ClampScalars, WritesDataAndLetsGradientsFlow) {
  LossScalars s = scalars(6, std::log(30), 0.5);
  clamp_scalars(s, LossOptions::meru());
  EXPECT_DOUBLE_EQ(value(s.logit_scale), 4.6052);
  EXPECT_DOUBLE_EQ(value(s.curv), std::log(10.0));
  EXPECT_DOUBLE_EQ(value(s.visual_alpha), 0);
  EXPECT_DOUBLE_EQ(value(s.textual_alpha), 0);
  contrastive_loss({.image = random(1, 4, 4), .text = random(2, 4, 4)}, s, LossOptions::meru()).loss.backward();
  EXPECT_NE(value(s.curv.grad()), 0);
  EXPECT_NE(value(s.visual_alpha.grad()), 0);

  s.curv.data().fill_(-9);
  clamp_scalars(s, {.curv_init = 0.5});
  EXPECT_DOUBLE_EQ(value(s.curv), std::log(0.05));
}

TEST(Loss, FixedCurvatureHasNoGradient) {
  LossScalars s = scalars();
  s.curv = scalar(std::log(2), /*learn=*/false);
  const LossOutput out = contrastive_loss({.image = random(1, 4, 4), .text = random(2, 4, 4)}, s, LossOptions::meru());
  out.loss.backward();
  EXPECT_FALSE(s.curv.grad().defined());
  EXPECT_TRUE(s.visual_alpha.grad().defined());
  EXPECT_NEAR(logged(out, "curv"), 2, 1e-12);
}

TEST(Loss, WithoutWeightEntailmentIsOnlyShown) {
  const PairFeatures features{random(1, 4, 4), random(2, 4, 4)};
  const LossOutput out = contrastive_loss(features, scalars(), {.entail_weight = 0});
  EXPECT_DOUBLE_EQ(value(out.loss), value(out.contrastive_loss));
  EXPECT_FALSE(out.entailment_loss.requires_grad());
  EXPECT_GT(logged(out, "entailment_loss"), 0);
}

TEST(Loss, SphereLogsNoCones) {
  const LossOutput out = contrastive_loss({.image = random(1, 4, 4), .text = random(2, 4, 4)},
                                          {.logit_scale = scalar(1)}, LossOptions::clip());
  EXPECT_FALSE(out.entailment_loss.defined());
  ASSERT_EQ(out.logged.size(), 2u);
  EXPECT_EQ(out.logged[0].first, "contrastive_loss");
  EXPECT_EQ(out.logged[1].first, "logit_scale");
}

// Float32 features as a bad batch may bring them: zeros, duplicates, an image on its text's ray.
RC_GTEST_PROP(LossProperty, GradientsAreFinite, ()) {
  const auto seed = *rc::gen::arbitrary<uint32_t>();
  const auto dim = *rc::gen::inRange<int64_t>(1, 40);
  at::Tensor image = random(seed, 6, dim).to(at::kFloat) * *rc::gen::element(1e-6, 1.0, 1e3);
  at::Tensor text = random(seed + 1, 6, dim).to(at::kFloat);
  image[0].zero_();
  text[0].zero_();
  text[1].zero_();
  text[2].copy_(image[2]);
  text[3].copy_(image[3] / 2);
  text[4].copy_(text[5]);
  for (const LossOptions& options :
       {LossOptions::clip(), LossOptions::meru(), LossOptions::euclip(), LossOptions{.similarity = Similarity::angle},
        LossOptions{.similarity = Similarity::squared_distance},
        LossOptions{.geometry = Geometry::euclidean, .similarity = Similarity::distance}}) {
    const auto as_float = [](double v) { return at::scalar_tensor(v, at::kFloat).requires_grad_(); };
    const LossScalars s{as_float(2), as_float(0), as_float(0), as_float(0)};
    const at::Tensor i = image.clone().requires_grad_(), t = text.clone().requires_grad_();
    const LossOutput out = contrastive_loss({.image = i, .text = t}, s, options);
    RC_ASSERT(std::isfinite(out.loss.item<double>()));
    RC_ASSERT(out.loss.scalar_type() == at::kFloat);
    out.loss.backward();
    for (const auto& leaf : {i, t, s.logit_scale, s.curv, s.visual_alpha, s.textual_alpha}) {
      if (leaf.grad().defined()) RC_ASSERT(at::isfinite(leaf.grad()).all().item<bool>());
    }
  }
}

TEST(LossOptions, RefusesWhatDoesNotGoTogether) {
  EXPECT_NO_THROW(LossOptions::clip().validate());
  EXPECT_NO_THROW(LossOptions::meru().validate());
  EXPECT_NO_THROW(LossOptions::hycoclip().validate());
  EXPECT_NO_THROW(LossOptions::euclip().validate());
  for (const LossOptions& options :
       {LossOptions{.entail_weight = -1}, LossOptions{.min_radius = 0}, LossOptions{.curv_init = 0},
        LossOptions{.geometry = Geometry::sphere, .similarity = Similarity::inner, .entail_weight = 0.2},
        LossOptions{.geometry = Geometry::sphere, .similarity = Similarity::distance, .entail_weight = 0},
        LossOptions{.geometry = Geometry::euclidean, .similarity = Similarity::angle}, LossOptions{.box_aperture = 0},
        LossOptions{.lorentz = {.eps = 0}}}) {
    EXPECT_THROW(options.validate(), UsageError);
  }
}

}  // namespace
}  // namespace cambium::meru
