#pragma once
// One maker a kind; the classes are their files' own.
#include <memory>

#include "models/latent_diffusion/scheduler.h"

namespace cambium::latent_diffusion {

std::unique_ptr<Scheduler> make_ddim(const SchedulerOptions& options);
std::unique_ptr<Scheduler> make_ddpm(const SchedulerOptions& options);
std::unique_ptr<Scheduler> make_pndm(const SchedulerOptions& options);
std::unique_ptr<Scheduler> make_euler(const SchedulerOptions& options);
std::unique_ptr<Scheduler> make_euler_ancestral(const SchedulerOptions& options);
std::unique_ptr<Scheduler> make_dpm_solver(const SchedulerOptions& options);

}  // namespace cambium::latent_diffusion
