#include "parity/kinds/scheduler_case.h"

#include "core/error.h"

namespace cambium::parity {

using latent_diffusion::SchedulerOptions;

SchedulerOptions scheduler_of(const std::string& kind, const Json& config) {
  SchedulerOptions named;
  set_kind(named, kind);
  return latent_diffusion::scheduler_options(nlohmann::json::parse(config.dump()), named.kind);
}

void take_step_arguments(const Json& arguments, SchedulerOptions& options) {
  for (const auto& [key, value] : arguments.items()) {
    if (key == "eta") {
      options.eta = value.get<double>();
    } else if (key == "use_clipped_model_output") {
      options.rederive_noise = value.get<bool>();
    } else if (key == "s_churn") {
      options.churn = value.get<double>();
    } else if (key == "s_noise") {
      options.churn_noise = value.get<double>();
    } else if (key == "s_tmin") {
      options.churn_min = value.get<double>();
    } else if (key == "s_tmax") {
      options.churn_max = value.get<double>();
    } else {
      throw Error({.what = "no argument of step() is called \"" + key + "\"", .field = "step_args"});
    }
  }
}

}  // namespace cambium::parity
