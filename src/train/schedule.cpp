#include "train/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"

namespace cambium::train {
namespace {

constexpr std::array<std::pair<const char*, Decay>, 4> kNames{{
    {"constant", Decay::constant},
    {"cosine", Decay::cosine},
    {"cosine_squared", Decay::cosine_squared},
    {"step", Decay::step},
}};

}  // namespace

void ScheduleOptions::validate() const {
  if (warmup < 0)
    throw UsageError({.what = std::to_string(warmup) + " steps", .field = "schedule.warmup", .mend = "use 0 or more"});
  if (total <= 0)
    throw UsageError({.what = std::to_string(total) + " steps", .field = "schedule.total", .mend = "use 1 or more"});
  if (decay != Decay::constant && decay != Decay::step && warmup >= total) {
    throw UsageError(
        {.what = "a warm-up of " + std::to_string(warmup) + " steps leaves nothing of " + std::to_string(total),
         .field = "schedule.warmup",
         .mend = "shorten it or train longer"});
  }
  if (final < 0 || final > 1)
    throw UsageError({.what = "out of range", .field = "schedule.final", .mend = "use 0 to 1"});
  if (gamma <= 0 || gamma > 1)
    throw UsageError({.what = "out of range", .field = "schedule.gamma", .mend = "use more than 0, at most 1"});
  if (period < 0 || (decay == Decay::step && period == 0)) {
    throw UsageError({.what = std::to_string(period) + " steps", .field = "schedule.period", .mend = "use 1 or more"});
  }
}

double multiplier(const ScheduleOptions& options, int64_t step) {
  if (step < options.warmup) return static_cast<double>(step) / static_cast<double>(options.warmup);
  const int64_t after = std::min(step, options.total) - options.warmup;
  const double span = static_cast<double>(options.total - options.warmup);
  switch (options.decay) {
    case Decay::constant:
      return 1;
    case Decay::cosine: {
      const int64_t held = options.period > 0 ? after / options.period * options.period : after;
      return options.final +
             (1 - options.final) * (1 + std::cos(std::numbers::pi * static_cast<double>(held) / span)) / 2;
    }
    case Decay::cosine_squared: {
      const double root = std::cos(std::numbers::pi / 2 * static_cast<double>(after) / span);
      return root * root;
    }
    case Decay::step:
      return std::pow(options.gamma, static_cast<double>((step - options.warmup) / options.period));
  }
  return 1;
}

Decay parse_decay(const std::string& name) {
  std::string known;
  for (const auto& [word, decay] : kNames) {
    if (name == word) return decay;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  throw UsageError(
      {.what = "unknown schedule \"" + name + "\"", .field = "schedule.decay", .mend = "use one of " + known});
}

std::string to_string(Decay decay) {
  for (const auto& [word, known] : kNames) {
    if (known == decay) return word;
  }
  return "unknown";
}

nlohmann::json to_json(const ScheduleOptions& options) {
  return {{"decay", to_string(options.decay)},
          {"warmup", options.warmup},
          {"total", options.total},
          {"final", options.final},
          {"gamma", options.gamma},
          {"period", options.period}};
}

}  // namespace cambium::train
