#include "train/recipe.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace cambium::train {
namespace {

// As a system has them: its own defaults, and its own fields beside the shared ones.
struct Example {
  int64_t steps = 10;
  OptimizerRecipe optimizer = {.lr = 5e-4, .beta2 = 0.98};
  RunRecipe run = {.log_every = 7};
};

void fields(io::RecipeSection& s, Example& r) {
  s.field("steps", r.steps);
  fields(s, r.optimizer);
  fields(s, r.run);
}

std::string error_of(const std::string& text) {
  try {
    io::parse_recipe<Example>(text, "test.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SharedFields, LieBesideTheSystemsOwn) {
  const auto loaded = io::parse_recipe<Example>("steps: 3\nlr: 0.1\ngrad_clip: 2\nkeep: 0\nseed: 12\n", "test.yaml");
  const Example& r = loaded.recipe;
  EXPECT_EQ(r.steps, 3);
  EXPECT_EQ(r.optimizer.lr, 0.1);
  EXPECT_EQ(r.optimizer.beta2, 0.98);
  EXPECT_EQ(r.optimizer.grad_clip, 2);
  EXPECT_EQ(r.run.log_every, 7);
  EXPECT_EQ(r.run.keep, 0);
  EXPECT_EQ(r.run.seed, 12u);
  EXPECT_EQ(io::parse_recipe<Example>(loaded.resolved, "resolved").resolved, loaded.resolved);

  const AdamWOptions adamw = r.optimizer.adamw();
  EXPECT_EQ(adamw.lr, 0.1);
  EXPECT_EQ(adamw.beta1, 0.9);
  EXPECT_EQ(adamw.beta2, 0.98);
  EXPECT_EQ(adamw.eps, 1e-8);
}

TEST(SharedFields, RefuseWhatIsOutOfRange) {
  for (const char* field : {"lr: 0", "beta1: 1", "beta2: -0.1", "eps: 0", "weight_decay: -1", "grad_clip: -1",
                            "log_every: 0", "checkpoint_every: -1", "keep: -1", "seed: -1"}) {
    const std::string name(field, std::string_view(field).find(':'));
    EXPECT_NE(error_of(field).find(name), std::string::npos) << field << " gave \"" << error_of(field) << "\"";
  }
}

TEST(SharedFields, GiveTheLoopsOptions) {
  const LoopOptions loop = loop_options({.log_every = 2, .checkpoint_every = 3, .keep = 4, .seed = 5},
                                        {.run = "runs/one", .resume = true, .label = "one"});
  EXPECT_EQ(loop.run, "runs/one");
  EXPECT_EQ(loop.log_every, 2);
  EXPECT_EQ(loop.checkpoint_every, 3);
  EXPECT_EQ(loop.keep, 4);
  EXPECT_EQ(loop.seed, 5u);
  EXPECT_TRUE(loop.resume);
  EXPECT_EQ(loop.label, "one");
}

}  // namespace
}  // namespace cambium::train
