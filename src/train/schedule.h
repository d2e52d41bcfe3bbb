#pragma once
// The learning rate's course: a multiplier of the base rate at each step, a pure function of the step.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace cambium::train {

enum class Decay {
  constant,        // 1
  cosine,          // final + (1 - final) * (1 + cos(pi t)) / 2
  cosine_squared,  // cos(pi/2 t)^2, MERU's LinearWarmupCosineDecayLR
  step,            // gamma^floor(steps since the warm-up / period)
};

struct ScheduleOptions {
  Decay decay = Decay::cosine_squared;
  int64_t warmup = 0;  // steps; the multiplier of step k is k / warmup, so the first step runs at rate 0
  int64_t total = 0;   // steps of the whole run; 0: the loop's
  double final = 0;    // cosine: the multiplier at the end
  double gamma = 0.1;  // step
  int64_t period =
      0;  // step: steps between two drops. cosine: hold the rate for this many steps (an epoch); 0: every step
  void validate() const;  // Error naming the field
};

// The multiplier of step k (0-based), t = (k - warmup) / (total - warmup) after the warm-up. Steps past `total` keep
// the last value.
double multiplier(const ScheduleOptions& options, int64_t step);

// "constant", "cosine", "cosine_squared", "step", as recipes write it; UsageError naming the known words otherwise.
Decay parse_decay(const std::string& name);
std::string to_string(Decay decay);
nlohmann::json to_json(const ScheduleOptions& options);

}  // namespace cambium::train
