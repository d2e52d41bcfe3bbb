#include "models/latent_diffusion/scheduler_options.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace cambium::latent_diffusion {
namespace {

using nlohmann::json;

TEST(SchedulerOptions, ReadsStableDiffusionsOwnFile) {
  const auto options = scheduler_options(json::parse(R"({
    "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
    "steps_offset": 1, "trained_betas": null, "clip_sample": false})"));
  EXPECT_EQ(options.kind, SchedulerKind::pndm);
  EXPECT_FALSE(options.runge_kutta_start);
  EXPECT_EQ(options.noise.curve, BetaCurve::scaled_linear);
  EXPECT_EQ(options.prediction, Prediction::epsilon);
  EXPECT_EQ(options.spacing_used(), Spacing::leading);
  EXPECT_EQ(options.steps_offset, 1);
}

TEST(SchedulerOptions, AbsentFieldsHaveTheClassesDefaults) {
  const auto ddim = scheduler_options(json::parse(R"({"_class_name": "DDIMScheduler"})"));
  EXPECT_TRUE(ddim.clip_sample);
  EXPECT_TRUE(ddim.alpha_to_one);
  EXPECT_EQ(ddim.steps_offset, 0);
  EXPECT_EQ(ddim.noise.beta_end, 0.02);
  EXPECT_EQ(ddim.noise.curve, BetaCurve::linear);
  const auto euler = scheduler_options(json::object(), SchedulerKind::euler);
  EXPECT_FALSE(euler.clip_sample);
  EXPECT_EQ(euler.spacing_used(), Spacing::linspace);
}

TEST(SchedulerOptions, WritesWhatItReads) {
  for (const std::string name : {"ddim", "ddpm", "pndm", "euler", "euler_a", "dpmpp", "dpmpp_sde"}) {
    SchedulerOptions options{.prediction = Prediction::velocity, .spacing = Spacing::trailing};
    set_kind(options, name);
    EXPECT_EQ(kind_name(options), name);
    options.noise.zero_terminal_snr = true;
    options.sigmas = SigmaSpacing::karras;
    options.sigma_max = 20;
    const json written = to_json(options);
    const SchedulerOptions read = scheduler_options(written);
    EXPECT_EQ(to_json(read), written) << name;
    EXPECT_EQ(kind_name(read), name);
    EXPECT_EQ(read.sigma_max, 20);
  }
}

void expect_refused(const char* config, const std::string& field) {
  try {
    scheduler_options(json::parse(config));
    ADD_FAILURE() << config;
  } catch (const UsageError& error) {
    EXPECT_EQ(error.info().field, field) << error.what();
  }
}

TEST(SchedulerOptions, RefusesWhatItWouldGetWrong) {
  expect_refused(R"({"_class_name": "UniPCMultistepScheduler"})", "_class_name");
  expect_refused(R"({"beta_start": "small"})", "beta_start");
  expect_refused(R"({"timestep_spacing": "even"})", "timestep_spacing");
  expect_refused(R"({"use_beta_sigmas": true})", "use_beta_sigmas");
  expect_refused(R"({"interpolation_type": "log_linear"})", "interpolation_type");
  expect_refused(R"({"lambda_min_clipped": -5.1})", "lambda_min_clipped");
  expect_refused(R"({"_class_name": "DDPMScheduler", "variance_type": "learned_range"})", "variance_type");
  expect_refused(R"({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 4})", "solver_order");
  EXPECT_THROW(scheduler_options(json::array()), UsageError);
}

}  // namespace
}  // namespace cambium::latent_diffusion
