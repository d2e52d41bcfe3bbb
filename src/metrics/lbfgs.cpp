#include "metrics/lbfgs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

namespace cambium::metrics {
namespace {

double scalar_product(const at::Tensor& a, const at::Tensor& b) { return at::dot(a, b).item<double>(); }

// A point on the line: step length, value, slope, and the gradient there.
struct Trial {
  double step = 0, value = 0, slope = 0;
  at::Tensor gradient = {};
};

// The minimum of the cubic through two points and their slopes; the middle if there is none inside.
double cubic_minimum(const Trial& a, const Trial& b) {
  const double d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step);
  const double inside = d1 * d1 - a.slope * b.slope;
  const double low = std::min(a.step, b.step), high = std::max(a.step, b.step);
  if (inside >= 0) {
    const double d2 = std::copysign(std::sqrt(inside), b.step - a.step);
    const double at = b.step - (b.step - a.step) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
    const double margin = 0.1 * (high - low);
    if (std::isfinite(at)) return std::clamp(at, low + margin, high - margin);
  }
  return 0.5 * (low + high);
}

class Line {
 public:
  Line(const Differentiable& function, const at::Tensor& position, const at::Tensor& direction)
      : function_(function), position_(position), direction_(direction) {}

  Trial at(double step) const {
    Trial trial{.step = step};
    trial.value = function_(position_ + step * direction_, trial.gradient);
    trial.slope = scalar_product(trial.gradient, direction_);
    return trial;
  }

  // A step that meets the strong Wolfe conditions, or the best one seen when the tries run out.
  Trial search(const Trial& start, double first, int64_t tries) const {
    Trial previous = start;
    double step = first;
    for (int64_t i = 0; i < tries; ++i) {
      Trial trial = at(step);
      if (!std::isfinite(trial.value)) {
        step = 0.5 * (previous.step + step);
        continue;
      }
      if (!decreases(start, trial) || (i > 0 && trial.value >= previous.value))
        return zoom(start, previous, trial, tries - i);
      if (std::abs(trial.slope) <= -flat * start.slope) return trial;
      if (trial.slope >= 0) return zoom(start, trial, previous, tries - i);
      const double wider = std::clamp(cubic_minimum(previous, trial), step, 2 * step);
      previous = trial;
      step = wider > 1.1 * step ? wider : 2 * step;
    }
    return previous;
  }

 private:
  static constexpr double enough = 1e-4, flat = 0.9;

  static bool decreases(const Trial& start, const Trial& trial) {
    return trial.value <= start.value + enough * trial.step * start.slope;
  }

  Trial zoom(const Trial& start, Trial low, Trial high, int64_t tries) const {
    for (int64_t i = 0; i < tries; ++i) {
      if (std::abs(high.step - low.step) <= 1e-15 * std::max(1.0, std::abs(low.step))) break;
      Trial trial = at(std::isfinite(high.value) ? cubic_minimum(low, high) : 0.5 * (low.step + high.step));
      if (!decreases(start, trial) || trial.value >= low.value) {
        high = std::move(trial);
        continue;
      }
      if (std::abs(trial.slope) <= -flat * start.slope) return trial;
      if (trial.slope * (high.step - low.step) >= 0) high = low;
      low = std::move(trial);
    }
    return low;
  }

  const Differentiable& function_;
  const at::Tensor& position_;
  const at::Tensor& direction_;
};

struct Pair {
  at::Tensor s, y;  // step taken, change of the gradient
  double rho = 0;   // 1 / (s . y)
};

// -H g by the two-loop recursion.
at::Tensor descent(const at::Tensor& gradient, const std::deque<Pair>& pairs) {
  at::Tensor q = -gradient;
  std::vector<double> alpha(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].rho * scalar_product(pairs[i].s, q);
    q.sub_(pairs[i].y, alpha[i]);
  }
  if (!pairs.empty()) q.mul_(1 / (pairs.back().rho * scalar_product(pairs.back().y, pairs.back().y)));
  for (size_t i = 0; i < pairs.size(); ++i) q.add_(pairs[i].s, alpha[i] - pairs[i].rho * scalar_product(pairs[i].y, q));
  return q;
}

}  // namespace

Minimum minimise_lbfgs(const Differentiable& function, const at::Tensor& start, const LbfgsOptions& options) {
  Minimum minimum{.position = start.clone()};
  Trial here;
  here.value = function(minimum.position, here.gradient);
  std::deque<Pair> pairs;
  for (;;) {
    minimum.value = here.value;
    minimum.gradient_max = here.gradient.abs().max().item<double>();
    minimum.converged = minimum.gradient_max <= options.gradient_tolerance;
    if (minimum.converged || minimum.iterations >= options.max_iterations) break;
    at::Tensor direction = descent(here.gradient, pairs);
    here.step = 0;
    here.slope = scalar_product(here.gradient, direction);
    if (!(here.slope < 0)) {  // rounding spoilt the pairs: begin again from the gradient
      pairs.clear();
      direction = -here.gradient;
      here.slope = scalar_product(here.gradient, direction);
    }
    const double first = pairs.empty() ? std::min(1.0, 1 / std::sqrt(-here.slope)) : 1.0;
    Trial next = Line(function, minimum.position, direction).search(here, first, options.max_line_search);
    if (!(next.value < here.value)) break;  // no lower point within f64
    ++minimum.iterations;
    const at::Tensor s = next.step * direction, y = next.gradient - here.gradient;
    const double curvature = scalar_product(s, y);
    if (curvature > 2.2e-16 * scalar_product(y, y)) {
      pairs.push_back({s, y, 1 / curvature});
      if (pairs.size() > static_cast<size_t>(options.memory)) pairs.pop_front();
    }
    minimum.position.add_(s);
    const double gain = (here.value - next.value) / std::max({std::abs(here.value), std::abs(next.value), 1.0});
    here = std::move(next);
    if (gain <= options.value_tolerance) {
      minimum.value = here.value;
      minimum.gradient_max = here.gradient.abs().max().item<double>();
      minimum.converged = true;
      break;
    }
  }
  return minimum;
}

}  // namespace cambium::metrics
