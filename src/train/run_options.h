#pragma once
// What a caller says of a training run beside its recipe, and what every system keeps in a run folder.
#include <filesystem>
#include <string>

#include "core/device.h"
#include "train/distributed.h"

namespace cambium::train {

struct RunOptions {
  std::filesystem::path run = {};  // the run folder; empty: nothing is written
  bool resume = false;             // continue from its newest checkpoint
  Compute compute = {};
  std::string label = "train";  // of the progress bar
};

// Writes the resolved recipe as recipe.yaml into the run folder, on rank 0. A resumed run keeps the one that it began
// with.
void write_recipe(const RunOptions& options, const std::string& resolved, const Distributed& ranks);

// The folder `name` in the run folder for what this rank makes of its own share of the data: of several ranks each has
// one within it. Empty without a run folder.
std::filesystem::path rank_folder(const RunOptions& options, const std::string& name, const Distributed& ranks);

}  // namespace cambium::train
