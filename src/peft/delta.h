#pragma once
// Delta files: safetensors with only what was trained beside a frozen foundation, and which foundation that was.
//
// Header (__metadata__, all strings): format "cambium.delta"; system; method; recipe, the resolved recipe of the run
// (YAML); foundation.architecture and foundation.fingerprint (peft/fingerprint.h); swappable "true" where the delta may
// be used with any foundation of the architecture.
#include <torch/nn/module.h>

#include <filesystem>
#include <optional>
#include <string>

#include "io/state_dict.h"

namespace cambium::peft {

struct Foundation {
  std::string architecture, fingerprint;  // 64 hexadecimal digits each

  // Of a foundation's tensors under their canonical names, before anything is added to them.
  static Foundation of(const io::NamedTensors& tensors);
};

struct Delta {
  std::string source = {};  // the file, for errors
  std::string system = {};
  std::string method = {};  // "projections", "lora", ...
  std::string recipe = {};
  Foundation foundation = {};
  bool swappable = false;
  io::NamedTensors tensors = {};
};

// Writes the file whole or not at all; `floating` converts floating tensors on the way (bfloat16 halves the file).
void write_delta(const std::filesystem::path& path, const Delta& delta,
                 std::optional<c10::ScalarType> floating = std::nullopt);

// Maps the file. Error naming it and the field: not safetensors, no delta, a field missing or malformed.
Delta read_delta(const std::filesystem::path& path);

// Error naming the delta if it was trained beside another architecture; and if beside another model of the same
// architecture, unless the delta is swappable or `allow` (then one warning). `weights` names the foundation in errors.
void check_foundation(const Delta& delta, const Foundation& foundation, const std::filesystem::path& weights,
                      bool allow);

// Gives every trained parameter of `module` the delta's tensor of that name. Error listing missing, unexpected and
// wrongly shaped ones; then nothing was changed.
void apply_delta(torch::nn::Module& module, const Delta& delta);

}  // namespace cambium::peft
