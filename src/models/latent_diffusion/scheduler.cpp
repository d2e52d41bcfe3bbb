#include "models/latent_diffusion/scheduler.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/quantile.h>
#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "models/latent_diffusion/schedulers/kinds.h"
#include "models/latent_diffusion/schedulers/predicted.h"

namespace cambium::latent_diffusion {

io::NamedTensors SchedulerMemory::tensors() const {
  io::NamedTensors named;
  named.emplace_back("calls", at::scalar_tensor(calls, at::kLong));
  for (size_t i = 0; i < outputs.size(); ++i) named.emplace_back("output." + std::to_string(i), outputs[i]);
  if (held.defined()) named.emplace_back("held", held);
  if (sum.defined()) named.emplace_back("sum", sum);
  return named;
}

SchedulerMemory SchedulerMemory::from(const io::StateDict& state) {
  SchedulerMemory memory;
  memory.calls = state.at("calls").item<int64_t>();
  for (int64_t i = 0; const at::Tensor* output = state.find("output." + std::to_string(i)); ++i)
    memory.outputs.push_back(*output);
  if (const at::Tensor* held = state.find("held")) memory.held = *held;
  if (const at::Tensor* sum = state.find("sum")) memory.sum = *sum;
  return memory;
}

Scheduler::Scheduler(const SchedulerOptions& options) : options_(options), schedule_(options.noise) {
  options.validate();
  const at::Tensor table = schedule_.alphas_cumprod().contiguous();
  alpha_bar_.assign(table.const_data_ptr<float>(), table.const_data_ptr<float>() + table.numel());
  // Methods that divide by the signal cannot start at noise alone: the originals leave it this much.
  const bool divides = options.kind == SchedulerKind::euler || options.kind == SchedulerKind::euler_ancestral ||
                       options.kind == SchedulerKind::dpm_solver;
  if (divides && options.noise.zero_terminal_snr) alpha_bar_.back() = std::ldexp(1.0F, -24);
}

void Scheduler::set_timesteps(int64_t steps) {
  if (steps < 1 || steps > schedule_.timesteps())
    throw UsageError({.what = fmt::format("cannot sample in {} steps", steps),
                      .field = "steps",
                      .mend = fmt::format("give 1 to {}", schedule_.timesteps())});
  steps_ = steps;
  Walk walk = lay_out(steps);
  // Continuous times are logarithms, not places in the table.
  const bool places = !options_.tells_sigma();
  const double highest = *std::max_element(walk.timesteps.begin(), walk.timesteps.end());
  if (places && highest > static_cast<double>(schedule_.timesteps() - 1))
    throw UsageError({.what = fmt::format("{} steps with an offset of {} begin at timestep {}, beyond the last one",
                                          steps, options_.steps_offset, highest),
                      .field = "steps",
                      .mend = "take fewer steps, or steps_offset 0"});
  timesteps_ = std::move(walk.timesteps);
  sigmas_ = std::move(walk.sigmas);
  memory_ = {};
}

at::Tensor Scheduler::scale_model_input(const at::Tensor& x, int64_t) const { return x; }

Scheduler::Level Scheduler::level(int64_t i) const {
  const float ab = alpha_bar(timestep(i));
  return {std::sqrt(ab), std::sqrt(1 - ab)};
}

at::Tensor Scheduler::clean_estimate(const at::Tensor& output, int64_t i, const at::Tensor& x) const {
  const auto [signal, noise] = level(i);
  return predicted_clean(options_.prediction, output.to(at::kFloat), x.to(at::kFloat), signal, noise);
}

at::Tensor Scheduler::step(const at::Tensor& output, int64_t i, const at::Tensor& x, const at::Tensor& noise) {
  at::Tensor next = advance(output.to(at::kFloat), i, x.to(at::kFloat), noise.defined() ? noise.to(at::kFloat) : noise);
  ++memory_.calls;
  return next;
}

at::Tensor Scheduler::add_noise(const at::Tensor& clean, const at::Tensor& noise, int64_t i) const {
  const auto [signal, level_of_noise] = level(i);
  return signal * clean.to(at::kFloat) + level_of_noise * noise.to(at::kFloat);
}

at::Tensor Scheduler::bounded(const at::Tensor& clean) const {
  if (options_.thresholding) {
    // The bound is each item's own: a high quantile of its magnitudes.
    const at::Tensor flat = clean.flatten(1);
    const at::Tensor bound =
        at::quantile(flat.abs(), options_.threshold_ratio, 1, /*keepdim=*/true).clamp(1, options_.threshold_max);
    return (at::clamp(flat, -bound, bound) / bound).view_as(clean);
  }
  return options_.clip_sample ? clean.clamp(-options_.clip_range, options_.clip_range) : clean;
}

std::unique_ptr<Scheduler> make_scheduler(const SchedulerOptions& options) {
  switch (options.kind) {
    case SchedulerKind::ddim:
      return make_ddim(options);
    case SchedulerKind::ddpm:
      return make_ddpm(options);
    case SchedulerKind::pndm:
      return make_pndm(options);
    case SchedulerKind::euler:
      return make_euler(options);
    case SchedulerKind::euler_ancestral:
      return make_euler_ancestral(options);
    case SchedulerKind::dpm_solver:
      return make_dpm_solver(options);
  }
  return nullptr;
}

}  // namespace cambium::latent_diffusion
