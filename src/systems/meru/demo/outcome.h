#pragma once
// What one seed of the demo gave, and how seeds become tables and claims.
#include <cstdint>
#include <string>
#include <vector>

#include "report/results.h"
#include "systems/meru/demo/evaluation.h"

namespace cambium::systems::meru::demo {

struct SeedOutcome {
  uint64_t seed = 0;
  Evaluation meru_seen, clip_seen;      // unseen styles of seen emoji: the main table
  Evaluation meru_unseen, clip_unseen;  // unseen emoji
};

// One row per measure: MERU, CLIP, chance; means over seeds, with the spread between them where there are several.
report::Table comparison_table(const std::string& title, const std::vector<const Evaluation*>& meru,
                               const std::vector<const Evaluation*>& clip);

// The paper's sentences, each tried on the unseen styles.
std::vector<report::Claim> claims(const std::vector<SeedOutcome>& outcomes);

}  // namespace cambium::systems::meru::demo
