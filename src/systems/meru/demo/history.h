#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cambium::systems::meru::demo {

// The scalars of a run's log.jsonl over its steps, by name.
struct History {
  std::map<std::string, std::vector<double>> steps, values;
};
History read_history(const std::filesystem::path& run);

}  // namespace cambium::systems::meru::demo
