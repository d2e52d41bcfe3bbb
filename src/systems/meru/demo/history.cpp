#include "systems/meru/demo/history.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/atomic_file.h"

namespace cambium::systems::meru::demo {

History read_history(const std::filesystem::path& run) {
  History history;
  std::istringstream lines(read_file(run / "log.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("step")) continue;
    for (const auto& [name, value] : entry.items()) {
      if (name == "step" || !value.is_number()) continue;
      history.steps[name].push_back(entry["step"].get<double>());
      history.values[name].push_back(value.get<double>());
    }
  }
  return history;
}

}  // namespace cambium::systems::meru::demo
