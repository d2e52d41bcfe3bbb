#pragma once
// What a run will take, measured on one micro-batch before it starts.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "train/loop.h"

namespace cambium::train {

struct DryRunReport {
  int64_t total_parameters = 0, trainable_parameters = 0;
  int64_t steps = 0;  // of the run
  double seconds_per_step = 0, seconds_in_all = 0;
  int64_t peak_memory_bytes = 0;       // resident, of this process during one whole step
  int64_t available_memory_bytes = 0;  // to this process, what it holds included
  bool writes_checkpoints = false;     // there is a run folder
  int64_t checkpoint_bytes = 0, disk_available_bytes = 0;
  bool measured = true;  // false: the micro-batch itself did not fit, times are unknown
  bool fits = true;
  std::string advice;  // what to change if it does not fit, else empty
};

// Runs one step of at most two micro-batches (after one to warm up), writes nothing. The Task's weights and data
// position are used up: end the process afterwards.
DryRunReport dry_run(Task& task, const LoopOptions& options, const Distributed& ranks);

// Lines for people, and the same as JSON.
std::string describe(const DryRunReport& report);
nlohmann::json to_json(const DryRunReport& report);

}  // namespace cambium::train
