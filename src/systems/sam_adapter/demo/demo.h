#pragma once
// The demonstration: a small frozen Segment Anything is adapted to two tasks it fails at, camouflaged objects and cast
// shadows, in several ways, judged on objects and backgrounds that nothing has seen (paper: section 4).
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/device.h"
#include "report/results.h"

namespace cambium::systems::sam_adapter::demo {

enum class Mode { smoke, brief, full };  // "smoke", "short", "full"

struct DemoOptions {
  Mode mode = Mode::brief;
  std::filesystem::path data;  // the prepared pictures; empty: the cache's (scripts/data), or the fixture for smoke
  std::filesystem::path foundation;  // any SAM; empty: assets/sam_small.safetensors
  std::filesystem::path out = "out/demo/sam_adapter";
  std::vector<std::string> overrides = {};  // of recipes/sam_adapter/demo.yaml
  uint64_t seed = 0;
  Compute compute = {};
};

// Composes, trains, evaluates, writes out/report.html, out/results.json and out/gallery.png, and leaves
// out/shadow.safetensors and out/camouflage.safetensors for `cambium segment`. full: rates are searched for again,
// three seeds.
report::Results run_demo(const DemoOptions& options);

}  // namespace cambium::systems::sam_adapter::demo
