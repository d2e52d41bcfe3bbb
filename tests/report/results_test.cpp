#include "report/results.h"

#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::report {
namespace {

Claim claim_of(double value, double against, Better better = Better::higher) {
  return {.claim = "A.", .paper = "", .value = value, .against = against, .better = better};
}

TEST(Claim, HoldsExactly) {
  EXPECT_TRUE(claim_of(0.2, 0.1).holds());
  EXPECT_FALSE(claim_of(0.1, 0.1).holds());
  EXPECT_FALSE(claim_of(0.1, 0.1, Better::lower).holds());
  EXPECT_TRUE(claim_of(0.0, 0.1, Better::lower).holds());
  EXPECT_FALSE(claim_of(NAN, 0.1).holds());
  EXPECT_FALSE(claim_of(1, NAN, Better::lower).holds());
}

TEST(Claim, NoWorseThanAllowsTwoStandardErrors) {
  const Claim higher = no_worse_than("MERU is no worse.", "table 1", 0.45, 0.47, 0.02);
  EXPECT_DOUBLE_EQ(higher.against, 0.43);
  EXPECT_TRUE(higher.holds());
  EXPECT_EQ(higher.claim, "MERU is no worse (against the peer's 0.47 less twice its standard error of 0.02).");
  const Claim lower = no_worse_than("Loss is no worse.", "", 1.05, 1.0, 0.02, Better::lower);
  EXPECT_DOUBLE_EQ(lower.against, 1.04);
  EXPECT_FALSE(lower.holds());
  EXPECT_THROW(no_worse_than("x", "", 1, 1, NAN), Error);
}

TEST(Results, WritesTheAgreedKeys) {
  test::TemporaryDirectory folder;
  Results results{.system = "meru",
                  .mode = "short",
                  .seed = 7,
                  .seconds = 12.5,
                  .peak_memory_bytes = 1000,
                  .claims = {},
                  .tables = {}};
  results.claims.push_back(
      {.claim = "A \xFF caption.", .paper = "table 1", .value = 0.5, .against = 0.25, .chance = 0.1});
  results.claims.push_back(claim_of(NAN, 0.25));
  results.tables.emplace_back(
      "main",
      Table{.title = "", .columns = {"task", "MERU"}, .rows = {{"names", 0.5}, {"groups", Cell()}, {"bad", INFINITY}}});
  write_results(folder.path() / "results.json", results);

  const auto json = nlohmann::ordered_json::parse(read_file(folder.path() / "results.json"));
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"system", "mode", "seed", "seconds", "peak_memory_bytes", "claims", "tables"}));
  keys.clear();
  for (const auto& [key, value] : json["claims"][0].items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"claim", "paper", "value", "against", "better", "chance", "holds"}));
  EXPECT_EQ(json["claims"][0]["claim"], "A \uFFFD caption.");
  EXPECT_EQ(json["claims"][0]["holds"], true);
  EXPECT_EQ(json["claims"][0]["better"], "higher");
  EXPECT_TRUE(json["claims"][1]["value"].is_null());
  EXPECT_TRUE(json["claims"][1]["chance"].is_null());
  EXPECT_EQ(json["claims"][1]["holds"], false);
  EXPECT_EQ(json["tables"]["main"]["rows"][0][1], 0.5);
  EXPECT_TRUE(json["tables"]["main"]["rows"][1][1].is_null());
  EXPECT_TRUE(json["tables"]["main"]["rows"][2][1].is_null());
  EXPECT_EQ(results.claims_held(), 1);
}

TEST(Results, RefusesAnUnknownMode) {
  EXPECT_THROW(to_json(Results{.system = "meru", .mode = "long", .claims = {}, .tables = {}}), Error);
}

TEST(Table, AlignsInATerminal) {
  Table table{.title = "Accuracy",
              .columns = {"task", Column("MERU", Format::percent, 1), "n"},
              .rows = {{"names", 0.5, 1914}, {"\u732B", 0.25, 9}},
              .note = "A note."};
  mark_best(table, "MERU");
  EXPECT_EQ(
      to_text(table),
      "Accuracy\n"
      "task      MERU      n\n"
      "\u2500\u2500\u2500\u2500\u2500  \u2500\u2500\u2500\u2500\u2500\u2500\u2500  \u2500\u2500\u2500\u2500\u2500\n"
      "names  50.0\u00A0%*  1,914\n"
      "\u732B     25.0\u00A0%       9\n"
      "A note.\n");
}

TEST(Table, MarksTheBest) {
  Table table{.title = "", .columns = {"task", "a", "b"}, .rows = {{"x", 1.0, 2.0}, {"y", 3.0, 3.0}, {"z", NAN, 1.0}}};
  mark_best_in_rows(table, {"a", "b"});
  EXPECT_FALSE(table.rows[0][1].best);
  EXPECT_TRUE(table.rows[0][2].best);
  EXPECT_TRUE(table.rows[1][1].best && table.rows[1][2].best);
  EXPECT_FALSE(table.rows[2][1].best);
  mark_best(table, "b", false);
  EXPECT_TRUE(table.rows[2][2].best);
  EXPECT_FALSE(table.rows[0][2].best);
  EXPECT_THROW(mark_best(table, "c"), Error);
  table.rows.push_back({"short"});
  EXPECT_THROW(table.validate(), Error);
}

}  // namespace
}  // namespace cambium::report
