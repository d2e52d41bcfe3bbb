#pragma once
// The demo's report.
#include <filesystem>
#include <string>
#include <vector>

#include "report/results.h"
#include "systems/sam_adapter/demo/evaluation.h"

namespace cambium::systems::sam_adapter::demo {

struct PageInputs {
  std::vector<ProblemResult> camouflage, shadow;  // by seed
  ProblemSet camouflage_test, shadow_test;        // of the first seed
  ProblemResult free_camouflage, free_shadow;     // on pictures that may be shown anywhere
  ProblemSet free_camouflage_set, free_shadow_set;
  std::string foundation;  // its name, and how large it is
  int64_t foundation_parameters = 0;
  std::string recipe = {};  // the adapter's, resolved
  std::string rates = {};   // how learning rates were chosen, in a sentence
};

// The freely licensed pictures of the page in one file, for showing elsewhere.
void write_gallery(const std::filesystem::path& file, const PageInputs& inputs);

void write_page(const std::filesystem::path& file, const report::Results& results, const PageInputs& inputs);

}  // namespace cambium::systems::sam_adapter::demo
