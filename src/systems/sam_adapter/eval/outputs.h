#pragma once
// What an evaluation hands over: a table, a CSV with a row per picture, JSON.
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "report/table.h"
#include "systems/sam_adapter/eval/evaluation.h"

namespace cambium::systems::sam_adapter {

// A row per set; in compat mode, one more with the original's values.
report::Table score_table(const std::vector<ScoredSet>& sets);

// RFC 4180, a header row, then a row per picture: set, name, width, height, every score, and in compat mode every score
// of the original's as compat_*. Undefined values are empty.
std::string scores_csv(const std::vector<ScoredSet>& sets);

// {"sets": [{"name", "images", "s_measure", ..., "pooled_ber", "e_curve", "f_curve", "compat": {...}}]}
nlohmann::ordered_json to_json(const std::vector<ScoredSet>& sets);

}  // namespace cambium::systems::sam_adapter
