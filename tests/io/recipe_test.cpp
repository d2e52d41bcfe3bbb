#include "io/recipe.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::io {
namespace {

struct Train {
  int64_t steps = 100;
  double lr = 5e-4;
  std::string schedule = "cosine";
  bool amp = true;
  std::vector<double> betas = {0.9, 0.98};
  std::optional<double> clip;
};

void fields(RecipeSection& s, Train& t) {
  s.field("steps", t.steps, at_least(1));
  s.field("lr", t.lr, above(0));
  s.field("schedule", t.schedule, one_of({"cosine", "constant"}));
  s.field("amp", t.amp);
  s.field("betas", t.betas, between(0, 1));
  s.field("clip", t.clip, above(0));
}

Train read(Recipe& recipe) {
  Train train;
  recipe.read([&](RecipeSection& s) { s.section("train", [&](RecipeSection& t) { fields(t, train); }); });
  return train;
}

std::string error_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    Recipe recipe = Recipe::parse(text, "r.yaml", overrides);
    read(recipe);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Recipe, ReadsTypesAndKeepsDefaults) {
  Recipe recipe = Recipe::parse("train:\n  steps: 1e3\n  betas: [0.8, 0.9]\n  clip: 1\n", "r.yaml", {"train.lr=1e-4"});
  const Train train = read(recipe);
  EXPECT_EQ(train.steps, 1000);
  EXPECT_EQ(train.lr, 1e-4);
  EXPECT_EQ(train.schedule, "cosine");
  EXPECT_EQ(train.betas, (std::vector<double>{0.8, 0.9}));
  EXPECT_EQ(train.clip, 1.0);
}

TEST(Recipe, ResolvedReadsBackTheSame) {
  Recipe recipe = Recipe::parse("train:\n  lr: 0.1\n", "r.yaml");
  read(recipe);
  Recipe again = Recipe::parse(recipe.resolved(), "resolved.yaml");
  const Train train = read(again);
  EXPECT_EQ(train.lr, 0.1);
  EXPECT_EQ(train.steps, 100);
  EXPECT_FALSE(train.clip.has_value());
  EXPECT_EQ(again.resolved(), recipe.resolved());
}

TEST(Recipe, ErrorsNameTheLineTheColumnAndTheNearestKey) {
  EXPECT_EQ(error_of("train:\n  step: 3\n"), "r.yaml:2:3: train.step: unknown key; did you mean steps?");
  EXPECT_EQ(error_of("train:\n  steps: many\n"), "r.yaml:2:10: train.steps: expected a whole number, got \"many\"");
  EXPECT_EQ(error_of("train:\n  lr: 0\n"), "r.yaml:2:7: train.lr: must be above 0, got 0");
  EXPECT_EQ(error_of("train:\n  schedule: x\n"), "r.yaml:2:13: train.schedule: must be one of cosine, constant, got x");
  EXPECT_EQ(error_of("train: 3\n"), "r.yaml:1:8: train: expected a mapping, got \"3\"; indent its keys below it");
  EXPECT_EQ(error_of("train:\n  lr: 1\n  lr: 2\n"), "r.yaml:3:3: train.lr: stands twice; keep one of them");
  EXPECT_NE(error_of("train: [\n").find("is not YAML"), std::string::npos);
  EXPECT_NE(error_of("- 1\n").find("expected a mapping of keys"), std::string::npos);
}

TEST(Recipe, OverridesAreCheckedToo) {
  EXPECT_EQ(error_of("", {"train.steps"}), "--set: \"train.steps\" is not key=value; write --set train.lr=1e-4");
  EXPECT_NE(error_of("", {"train.stepz=3"}).find("did you mean steps?"), std::string::npos);
  EXPECT_NE(error_of("train:\n  lr: 1\n", {"train.lr.x=3"}).find("holds a value"), std::string::npos);
}

}  // namespace
}  // namespace cambium::io
