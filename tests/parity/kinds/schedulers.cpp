// schedulers: each sampler walks down on the closed-form network of config.formula, out[i] = 0.4 xin[i] +
// 0.3 sin(0.005 t + i), with noise made from names.
#include <ATen/ATen.h>

#include <cmath>

#include "models/latent_diffusion/scheduler.h"
#include "parity/fill.h"
#include "parity/kinds/kinds.h"
#include "parity/kinds/scheduler_case.h"

namespace cambium::parity {
namespace {

using namespace latent_diffusion;

constexpr int64_t kSize = 16;

// Unit variance. [1, 16]
at::Tensor noise(const std::string& name) {
  return ((2 * std::sqrt(3.0)) * (uniform(name, kSize) - 0.5)).reshape({1, kSize});
}

at::Tensor network(const at::Tensor& x, double t) {
  const at::Tensor places = at::arange(kSize, at::kFloat);
  return 0.4 * x + 0.3 * at::sin(0.005F * static_cast<float>(t) + places);
}

Json check_case(const Json& entry) {
  SchedulerOptions options = scheduler_of(entry.at("kind").get<std::string>(), entry.at("config"));
  if (const auto found = entry.find("step_args"); found != entry.end()) take_step_arguments(*found, options);
  const auto scheduler = make_scheduler(options);
  scheduler->set_timesteps(entry.at("steps").get<int64_t>());

  at::Tensor x = noise("sched.x") * scheduler->init_noise_sigma();
  Json trace = Json::array();
  for (int64_t i = 0; i < static_cast<int64_t>(scheduler->timesteps().size()); ++i) {
    const at::Tensor output =
        network(scheduler->scale_model_input(x, i), scheduler->timesteps()[static_cast<size_t>(i)]);
    x = scheduler->step(output, i, x, noise("sched.noise." + std::to_string(i)));
    trace.push_back(std::vector<float>(x.const_data_ptr<float>(), x.const_data_ptr<float>() + kSize));
  }
  Json result = {
      {"timesteps", scheduler->timesteps()}, {"init_noise_sigma", scheduler->init_noise_sigma()}, {"trace", trace}};
  if (!scheduler->sigmas().empty()) result["sigmas"] = scheduler->sigmas();
  return result;
}

}  // namespace

Results check_schedulers(const Golden& golden) {
  Results results;
  for (const auto& [name, entry] : golden.config.at("cases").items()) results.json["cases"][name] = check_case(entry);
  return results;
}

}  // namespace cambium::parity
