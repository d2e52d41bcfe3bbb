#pragma once
// A checkpoint: checkpoints/step_00001000/ with model.safetensors, optimizer.safetensors, ema.safetensors (if averaged)
// and state.json. It appears whole or not at all; `checkpoints/last` names the newest. Knows files, not training.
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "train/optimizer.h"

namespace cambium::train {

// What a checkpoint holds beside tensors. `step` counts finished steps.
struct CheckpointState {
  int64_t step = 0;
  int64_t world = 1;
  int64_t threads = 1;
  uint64_t seed = 0;
  double seconds = 0;                                // of training up to here
  nlohmann::json schedules = {};                     // by optimizer set, for people and for a warning when they changed
  std::vector<std::string> generators = {};          // state per rank, bytes
  std::vector<nlohmann::json> data = {};             // position per rank
  std::map<std::string, std::string> versions = {};  // of this program and LibTorch
};

struct CheckpointTensors {
  NamedTensors model = {};      // written as model.safetensors, with `metadata`
  NamedTensors optimizer = {};  // optimizer.safetensors
  NamedTensors ema = {};        // ema.safetensors; none if empty
  std::map<std::string, std::string> metadata = {};
};

// Writes checkpoints/step_<step>/ under `run`, then `last`, then removes all but the newest `keep` (0 keeps all). An
// Error (no space, say) leaves the earlier ones untouched. Returns the folder.
std::filesystem::path save_checkpoint(const std::filesystem::path& run, const CheckpointState& state,
                                      const CheckpointTensors& tensors, int64_t keep);

// The folder that `last` names, else the newest one; nothing if the run has none.
std::optional<std::filesystem::path> find_checkpoint(const std::filesystem::path& run);
// The run's checkpoints, oldest first.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& run);

// Reads state.json and checks every file against the sizes and SHA-256 sums in it. Error naming the damaged file, and
// how to go back to the checkpoint before it.
CheckpointState read_checkpoint(const std::filesystem::path& folder);

// Copies `from` into `into` by name, bit for bit, strictly: Error listing missing, unexpected and differently shaped or
// typed ones.
void copy_by_name(const io::StateDict& from, const NamedTensors& into);

}  // namespace cambium::train
