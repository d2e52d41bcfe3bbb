#pragma once
// results.json: what a demo or an evaluation measured, and which sentences of the paper were seen to hold.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "report/table.h"

namespace cambium::report {

enum class Better { higher, lower };

// One sentence of the paper, tried on held-out data.
struct Claim {
  std::string claim;  // a full sentence
  std::string paper;  // section or table
  double value = 0;
  double against = 0;
  Better better = Better::higher;
  std::optional<double> chance = std::nullopt;

  // Exactly value > against (higher) or value < against (lower); false if either is not a number.
  bool holds() const;
};

// "No worse than the peer": `against` is the peer's value less (lower: plus) twice its standard error, and the sentence
// says so.
Claim no_worse_than(std::string claim, std::string paper, double value, double peer, double peer_standard_error,
                    Better better = Better::higher, std::optional<double> chance = std::nullopt);

struct Results {
  std::string system;          // "meru"
  std::string mode = "short";  // smoke, short or full
  uint64_t seed = 0;
  double seconds = 0;
  int64_t peak_memory_bytes = 0;
  std::vector<Claim> claims = {};
  std::vector<std::pair<std::string, Table>> tables = {};  // by name ("unseen_styles"), in the order shown

  int64_t claims_held() const;
};

nlohmann::ordered_json to_json(const Claim& claim);
nlohmann::ordered_json to_json(const Results& results);
// Whole or not at all. What is not a finite number becomes null.
void write_results(const std::filesystem::path& path, const Results& results);

// The claims as a table (sentence, value, against, chance, holds), for the terminal and the page.
Table claims_table(const std::vector<Claim>& claims);

}  // namespace cambium::report
