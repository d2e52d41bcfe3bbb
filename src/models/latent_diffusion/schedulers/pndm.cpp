// PNDM (Liu et al. 2022, arXiv 2202.09778): pseudo linear multistep, begun by a repeated step (the LDM code's PLMS) or
// by three pseudo Runge-Kutta steps of four calls each.
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/predicted.h"
#include "models/latent_diffusion/schedulers/spacing.h"

namespace cambium::latent_diffusion {

namespace {

constexpr int64_t kRungeKuttaCalls = 12;
constexpr size_t kOrder = 4;

class Pndm : public Scheduler {
 public:
  using Scheduler::Scheduler;

 protected:
  Walk lay_out(int64_t steps) const override {
    const std::vector<double> even =
        spaced_timesteps(options_.spacing_used(), schedule_.timesteps(), steps, options_.steps_offset);
    return {options_.runge_kutta_start ? with_runge_kutta(even) : with_repeated_second(even)};
  }

  at::Tensor advance(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor&) override {
    const bool runge_kutta = options_.runge_kutta_start && memory_.calls < kRungeKuttaCalls;
    return runge_kutta ? runge_kutta_call(output, i, x) : multistep_call(output, i, x);
  }

 private:
  static std::vector<double> with_repeated_second(std::vector<double> even) {
    if (even.size() > 1) even.insert(even.begin() + 1, even[1]);
    return even;
  }

  // t0, two calls halfway, one at t1, which begins the next step: three steps, then the rest of the list.
  std::vector<double> with_runge_kutta(const std::vector<double>& even) const {
    if (even.size() < kOrder)
      throw UsageError(
          {.what = "three Runge-Kutta steps need four timesteps", .field = "steps", .mend = "give 4 or more"});
    std::vector<double> calls;
    for (size_t k = 0; k + 1 < kOrder; ++k) {
      const double halfway = even[k + 1] + static_cast<double>(half_stride(even.size()));
      for (const double t : {even[k], halfway, halfway, even[k + 1]}) calls.push_back(t);
    }
    calls.insert(calls.end(), even.begin() + static_cast<int64_t>(kOrder) - 1, even.end());
    return calls;
  }

  int64_t stride() const { return schedule_.timesteps() / steps(); }
  int64_t half_stride(size_t steps) const { return schedule_.timesteps() / static_cast<int64_t>(steps) / 2; }

  // Weights 1/6, 1/3, 1/3, 1/6; every call starts from the sample held at the first.
  at::Tensor runge_kutta_call(const at::Tensor& output, int64_t i, const at::Tensor& x) {
    const int64_t call = memory_.calls % 4;
    const int64_t from = timestep(i - call),
                  to = timestep(i) - (call % 2 ? 0 : half_stride(static_cast<size_t>(steps())));
    if (call == 0) {
      memory_.outputs.push_back(output);
      memory_.held = x;
      memory_.sum = output / 6;
      return transfer(x, from, to, output);
    }
    if (call < 3) {
      memory_.sum = memory_.sum + output / 3;
      return transfer(memory_.held, from, to, output);
    }
    return transfer(memory_.held, from, to, memory_.sum + output / 6);
  }

  // The second call repeats the first stride with the mean of both outputs; later ones extrapolate from up to four
  // (Adams-Bashforth). Counted by calls, so that a walk begun further down (image to image) starts the same way.
  at::Tensor multistep_call(const at::Tensor& output, int64_t i, const at::Tensor& x) {
    auto& outputs = memory_.outputs;
    if (memory_.calls == 1) {
      const at::Tensor held = memory_.held;
      memory_.held = at::Tensor();
      return transfer(held, timestep(i) + stride(), timestep(i), (output + outputs.back()) / 2);
    }
    outputs.push_back(output);
    if (outputs.size() > kOrder) outputs.erase(outputs.begin());
    if (memory_.calls == 0) memory_.held = x;
    return transfer(x, timestep(i), timestep(i) - stride(), extrapolated());
  }

  at::Tensor extrapolated() const {
    const auto& e = memory_.outputs;
    const auto back = [&e](size_t k) { return e[e.size() - k]; };
    switch (e.size()) {
      case 1:
        return back(1);
      case 2:
        return (3 * back(1) - back(2)) / 2;
      case 3:
        return (23 * back(1) - 16 * back(2) + 5 * back(3)) / 12;
      default:
        return (55 * back(1) - 59 * back(2) + 37 * back(3) - 9 * back(4)) / 24;
    }
  }

  // Equation 11: x at timestep `from` moved to `to` along `output`.
  at::Tensor transfer(const at::Tensor& x, int64_t from, int64_t to, const at::Tensor& output) const {
    const float ab = alpha_bar(from), next = to >= 0 ? alpha_bar(to) : options_.alpha_to_one ? 1.0F : alpha_bar(0);
    const at::Tensor noise = predicted_noise(options_.prediction, output, x, std::sqrt(ab), std::sqrt(1 - ab));
    const float divisor = ab * std::sqrt(1 - next) + std::sqrt(ab * (1 - ab) * next);
    return std::sqrt(next / ab) * x - (next - ab) * noise / divisor;
  }
};

}  // namespace

std::unique_ptr<Scheduler> make_pndm(const SchedulerOptions& options) { return std::make_unique<Pndm>(options); }

}  // namespace cambium::latent_diffusion
