#pragma once
// The samplers of golden files: a kind's word, the original's configuration, and arguments of its step().
#include "models/latent_diffusion/scheduler_options.h"
#include "parity/golden.h"

namespace cambium::parity {

latent_diffusion::SchedulerOptions scheduler_of(const std::string& kind, const Json& config);

// eta, use_clipped_model_output, s_churn, s_noise, s_tmin, s_tmax. Error for an argument that is not known.
void take_step_arguments(const Json& arguments, latent_diffusion::SchedulerOptions& options);

}  // namespace cambium::parity
