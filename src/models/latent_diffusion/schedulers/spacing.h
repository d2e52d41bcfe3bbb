#pragma once
// Which timesteps, and which noise levels: the arithmetic of NumPy that the originals' lists come from, rounding
// included (half to even).
#include <cstdint>
#include <optional>
#include <vector>

#include "models/latent_diffusion/scheduler_options.h"

namespace cambium::latent_diffusion {

// `count` timesteps of `total`, descending: leading (k * (total / count) + offset), trailing (total - k * total /
// count, less 1) or linspace over [0, total - 1], rounded where `rounded`.
std::vector<double> spaced_timesteps(Spacing spacing, int64_t total, int64_t count, int64_t offset,
                                     bool rounded = true);

// sqrt((1 - ab) / ab) of each timestep, ascending.
std::vector<float> sigma_table(const std::vector<float>& alpha_bars);

// The table at fractional indices, linearly between its entries.
std::vector<double> interpolate(const std::vector<float>& table, const std::vector<double>& indices);

// `count` noise levels from `high` to `low`.
std::vector<double> karras_sigmas(double low, double high, int64_t count);
std::vector<double> exponential_sigmas(double low, double high, int64_t count);

// The fractional timestep whose logarithmic noise level is sigma's, within the table.
double timestep_of_sigma(double sigma, const std::vector<float>& table);

}  // namespace cambium::latent_diffusion
