#include "models/latent_diffusion/schedulers/spacing.h"

#include <algorithm>
#include <cmath>

namespace cambium::latent_diffusion {

namespace {

// numpy.linspace: the last value is `stop` itself.
std::vector<double> linspace(double start, double stop, int64_t count) {
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i) * step + start);
  if (count > 1) values.back() = stop;
  return values;
}

std::vector<double> leading(int64_t total, int64_t count, int64_t offset) {
  std::vector<double> values;
  for (int64_t i = count - 1; i >= 0; --i) values.push_back(static_cast<double>(i * (total / count) + offset));
  return values;
}

std::vector<double> trailing(int64_t total, int64_t count) {
  const auto start = static_cast<double>(total);
  // numpy.arange takes the difference of its first two values for its step, which is not always the step given.
  const double step = (start - start / static_cast<double>(count)) - start;
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(std::nearbyint(start + static_cast<double>(i) * step) - 1);
  return values;
}

}  // namespace

std::vector<double> spaced_timesteps(Spacing spacing, int64_t total, int64_t count, int64_t offset, bool rounded) {
  if (spacing == Spacing::leading) return leading(total, count, offset);
  if (spacing == Spacing::trailing) return trailing(total, count);
  std::vector<double> values = linspace(0, static_cast<double>(total - 1), count);
  std::reverse(values.begin(), values.end());
  // Fractional timesteps are float32 in the originals.
  for (double& value : values) value = rounded ? std::nearbyint(value) : static_cast<double>(static_cast<float>(value));
  return values;
}

std::vector<float> sigma_table(const std::vector<float>& alpha_bars) {
  std::vector<float> table;
  for (const float ab : alpha_bars) table.push_back(std::sqrt((1 - ab) / ab));
  return table;
}

std::vector<double> interpolate(const std::vector<float>& table, const std::vector<double>& indices) {
  std::vector<double> values;
  for (const double index : indices) {
    const auto below = std::min(static_cast<size_t>(index), table.size() - 1);
    const size_t above = std::min(below + 1, table.size() - 1);
    const auto low = static_cast<double>(table[below]), high = static_cast<double>(table[above]);
    values.push_back((high - low) * (index - static_cast<double>(below)) + low);
  }
  return values;
}

std::vector<double> karras_sigmas(double low, double high, int64_t count) {
  constexpr double rho = 7;
  const double first = std::pow(high, 1 / rho), last = std::pow(low, 1 / rho);
  std::vector<double> values = linspace(0, 1, count);
  for (double& value : values) value = std::pow(first + value * (last - first), rho);
  return values;
}

std::vector<double> exponential_sigmas(double low, double high, int64_t count) {
  std::vector<double> values = linspace(std::log(high), std::log(low), count);
  for (double& value : values) value = std::exp(value);
  return values;
}

double timestep_of_sigma(double sigma, const std::vector<float>& table) {
  const double wanted = std::log(std::max(sigma, 1e-10));
  const auto level = [&](size_t i) { return std::log(table[i]); };  // float32, as the table
  size_t below = table.size() - 2;
  while (below > 0 && wanted < static_cast<double>(level(below))) --below;
  const float low = level(below), high = level(below + 1);
  const double share = std::clamp((static_cast<double>(low) - wanted) / static_cast<double>(low - high), 0.0, 1.0);
  return (1 - share) * static_cast<double>(below) + share * static_cast<double>(below + 1);
}

}  // namespace cambium::latent_diffusion
