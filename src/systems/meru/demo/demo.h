#pragma once
// The demonstration: MERU and CLIP trained side by side on emoji with their words, judged on drawing styles neither has
// seen, and a report that shows it (paper: sections 3 and 4).
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/device.h"
#include "report/results.h"

namespace cambium::systems::meru::demo {

enum class Mode { smoke, brief, full };  // "smoke", "short", "full"

struct DemoOptions {
  Mode mode = Mode::brief;
  std::filesystem::path data;  // the prepared emoji; empty: the cache's (scripts/data), or the fixture for smoke
  std::filesystem::path out = "out/demo/meru";
  std::vector<std::string> overrides = {};  // of recipes/meru/demo.yaml
  uint64_t seed = 0;
  Compute compute = {};
};

// Trains, evaluates, writes out/report.html and out/results.json. full: three seeds, averaged.
report::Results run_demo(const DemoOptions& options);

}  // namespace cambium::systems::meru::demo
