// cambium eval --predictions DIR --masks DIR, as a user runs it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "e2e/command.h"
#include "io/image.h"
#include "support/temporary_directory.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;

io::Image square(int64_t size, int64_t side, int64_t at) {
  io::Image image(size, size, 1);
  for (int64_t y = at; y < at + side; ++y) std::fill_n(image.row(y) + at, side, uint8_t{255});
  return image;
}

struct EvalMasks : testing::Test {
  EvalMasks() {
    for (int64_t i = 0; i < 5; ++i) {
      const std::string stem = "p" + std::to_string(i);
      io::save_image(at("masks/" + stem + ".png"), square(40, 16, 8));
      io::save_image(at("predictions/" + stem + ".png"), square(40, 16, 8 + i));
      io::save_image(at("images/" + stem + ".jpg"), io::to_rgb(square(40, 20, 6)));
    }
  }
  fs::path at(const std::string& name) const { return folder.path() / name; }
  std::vector<std::string> call(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"eval",    "--predictions",      at("predictions").string(),
                                          "--masks", at("masks").string(), "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  void expect_error(const std::vector<std::string>& arguments, int code, const std::string& words) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.error;
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
    EXPECT_NE(outcome.error.find(words), std::string::npos) << words << " is not in: " << outcome.error;
  }
  TemporaryDirectory folder;
};

TEST_F(EvalMasks, TableCsvJsonAndPage) {
  const Outcome outcome = run(call({"--images", at("images").string(), "--compat", "-o", at("out").string()}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("predictions (compat)"), std::string::npos);
  const auto results = nlohmann::json::parse(read_file(at("out/results.json")));
  const double second = 15.0 * 15 / (2 * 256 - 15 * 15);
  EXPECT_GT(results["sets"][0]["iou"].get<double>(), second / 5);
  EXPECT_LT(results["sets"][0]["iou"].get<double>(), 1);
  const std::string csv = read_file(at("out/scores.csv")), page = read_file(at("out/report.html"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 6);
  EXPECT_NE(page.find("Worst"), std::string::npos);
  EXPECT_NE(page.find("data:image/jpeg"), std::string::npos);
}

TEST_F(EvalMasks, WhatUsersGetWrong) {
  expect_error({"eval", "--predictions", at("predictions").string()}, 2, "--masks");
  expect_error({"eval"}, 2, "recipe");
  expect_error(call({"recipes/meru/eval_table.yaml"}), 2, "either a recipe or --predictions");
  fs::create_directory(at("empty"));
  expect_error({"eval", "--predictions", at("empty").string(), "--masks", at("masks").string()}, 1,
               "empty: holds no pictures");
  expect_error({"eval", "--predictions", at("predictions").string(), "--masks", at("empty").string()}, 1,
               "empty: holds no pictures");
  io::save_image(at("masks/p9.png"), square(40, 16, 8));
  expect_error(call(), 1, "p9.png: is a mask without a prediction");
  io::save_image(at("predictions/p9.png"), square(30, 16, 8));
  expect_error(call(), 1, "p9.png: is 30 x 30, but its mask p9.png is 40 x 40");
  EXPECT_EQ(run(call({"--resize"})).exit_code, 0);
}

}  // namespace
}  // namespace cambium::test
