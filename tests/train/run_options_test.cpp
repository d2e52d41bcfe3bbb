#include "train/run_options.h"

#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "support/temporary_directory.h"

namespace cambium::train {
namespace {

namespace fs = std::filesystem;

TEST(RunFolder, HoldsTheRecipeThatTheRunBeganWith) {
  const test::TemporaryDirectory directory;
  const Distributed alone;
  const fs::path run = directory.path() / "run", file = run / "recipe.yaml";
  write_recipe({.run = run}, "lr: 1\n", alone);
  EXPECT_EQ(read_file(file), "lr: 1\n");
  write_recipe({.run = run, .resume = true}, "lr: 2\n", alone);
  EXPECT_EQ(read_file(file), "lr: 1\n");
  write_recipe({.run = run}, "lr: 3\n", alone);
  EXPECT_EQ(read_file(file), "lr: 3\n");
  fs::remove(file);
  write_recipe({.run = run, .resume = true}, "lr: 4\n", alone);
  EXPECT_EQ(read_file(file), "lr: 4\n");
}

TEST(RunFolder, WithoutOneNothingIsWritten) {
  const Distributed alone;
  write_recipe({}, "lr: 1\n", alone);
  EXPECT_FALSE(fs::exists("recipe.yaml"));
  EXPECT_TRUE(rank_folder({}, "features", alone).empty());
  EXPECT_EQ(rank_folder({.run = "run"}, "features", alone), fs::path("run/features"));
}

}  // namespace
}  // namespace cambium::train
