#include "report/results.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "report/text.h"

namespace cambium::report {
namespace {

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

bool Claim::holds() const { return better == Better::higher ? value > against : value < against; }

Claim no_worse_than(std::string claim, std::string paper, double value, double peer, double peer_standard_error,
                    Better better, std::optional<double> chance) {
  if (!(peer_standard_error >= 0)) {
    throw Error({.what = "the peer's standard error is not a number of at least 0",
                 .field = claim,
                 .mend = "compute it with metrics/uncertainty.h"});
  }
  const bool higher = better == Better::higher;
  if (claim.ends_with('.')) claim.pop_back();
  claim += " (against the peer's " + format_number(peer, 4) + (higher ? " less" : " plus") +
           " twice its standard error of " + format_number(peer_standard_error, 2) + ").";
  return {.claim = std::move(claim),
          .paper = std::move(paper),
          .value = value,
          .against = higher ? peer - 2 * peer_standard_error : peer + 2 * peer_standard_error,
          .better = better,
          .chance = chance};
}

int64_t Results::claims_held() const {
  return std::count_if(claims.begin(), claims.end(), [](const Claim& claim) { return claim.holds(); });
}

nlohmann::ordered_json to_json(const Claim& claim) {
  nlohmann::ordered_json json;
  json["claim"] = printable(claim.claim);
  json["paper"] = printable(claim.paper);
  json["value"] = number_or_null(claim.value);
  json["against"] = number_or_null(claim.against);
  json["better"] = claim.better == Better::higher ? "higher" : "lower";
  json["chance"] = claim.chance ? number_or_null(*claim.chance) : nlohmann::ordered_json(nullptr);
  json["holds"] = claim.holds();
  return json;
}

nlohmann::ordered_json to_json(const Results& results) {
  if (results.mode != "smoke" && results.mode != "short" && results.mode != "full") {
    throw Error({.what = "is \"" + results.mode + "\"", .field = "mode", .mend = "say smoke, short or full"});
  }
  nlohmann::ordered_json json;
  json["system"] = printable(results.system);
  json["mode"] = results.mode;
  json["seed"] = results.seed;
  json["seconds"] = number_or_null(results.seconds);
  json["peak_memory_bytes"] = results.peak_memory_bytes;
  json["claims"] = nlohmann::ordered_json::array();
  for (const Claim& claim : results.claims) json["claims"].push_back(to_json(claim));
  json["tables"] = nlohmann::ordered_json::object();
  for (const auto& [name, table] : results.tables) json["tables"][printable(name)] = to_json(table);
  return json;
}

void write_results(const std::filesystem::path& path, const Results& results) {
  write_file(path, to_json(results).dump(2) + "\n");
}

Table claims_table(const std::vector<Claim>& claims) {
  Table table{.title = "", .columns = {"claim", "paper", "value", "against", "chance", "holds"}, .rows = {}};
  for (const Claim& claim : claims) {
    table.rows.push_back({claim.claim, claim.paper, claim.value,
                          std::string(claim.better == Better::higher ? "> " : "< ") + format_number(claim.against, 3),
                          claim.chance ? Cell(*claim.chance) : Cell(), claim.holds() ? "yes" : "no"});
  }
  return table;
}

}  // namespace cambium::report
