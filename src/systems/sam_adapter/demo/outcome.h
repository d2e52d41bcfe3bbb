#pragma once
// From the methods' results to tables and to the paper's sentences.
#include <vector>

#include "report/results.h"
#include "systems/sam_adapter/demo/evaluation.h"

namespace cambium::systems::sam_adapter::demo {

// Results of the same problem with each seed: means over seeds, and their spread where there are several.
report::Table comparison_table(const std::vector<ProblemResult>& seeds);
// SAM-Adapter against each other method on the same test pictures: mean difference and its standard error.
report::Table difference_table(const std::vector<ProblemResult>& seeds);

// Tried on held-out objects and backgrounds. `foundation_parameters`: of the frozen model.
std::vector<report::Claim> claims(const std::vector<ProblemResult>& camouflage,
                                  const std::vector<ProblemResult>& shadow, int64_t foundation_parameters);

}  // namespace cambium::systems::sam_adapter::demo
