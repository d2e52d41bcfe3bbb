#include "train/run_options.h"

#include "core/atomic_file.h"

namespace cambium::train {
namespace fs = std::filesystem;

void write_recipe(const RunOptions& options, const std::string& resolved, const Distributed& ranks) {
  if (options.run.empty() || !ranks.main()) return;
  const fs::path file = options.run / "recipe.yaml";
  if (options.resume && fs::exists(file)) return;
  write_file(file, resolved);
}

fs::path rank_folder(const RunOptions& options, const std::string& name, const Distributed& ranks) {
  if (options.run.empty()) return {};
  const fs::path folder = options.run / name;
  if (ranks.world() == 1) return folder;
  return folder / ("rank_" + std::to_string(ranks.rank()) + "_of_" + std::to_string(ranks.world()));
}

}  // namespace cambium::train
