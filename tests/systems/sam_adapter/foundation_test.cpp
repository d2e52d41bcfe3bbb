#include <gtest/gtest.h>

#include "core/error.h"
#include "core/progress.h"
#include "io/safetensors.h"
#include "models/sam/weights.h"
#include "support/temporary_directory.h"
#include "systems/sam_adapter/foundation/training.h"
#include "systems/sam_adapter/toy_cutouts.h"

namespace cambium::systems::sam_adapter::foundation {
namespace {

data::composite::Scene toy_scene(uint64_t seed, int64_t side = 48) {
  Rng rng(seed);
  const auto objects = data::composite::toy_objects(), backgrounds = data::composite::toy_backgrounds();
  return data::composite::compose_scene(objects, backgrounds, {.side = side}, rng);
}

// The smallest model that has a windowed and a global block.
LoadedRecipe tiny_recipe(const std::filesystem::path& pictures, int64_t steps) {
  LoadedRecipe loaded;
  loaded.recipe.model = {.image_size = 32,
                         .patch = 4,
                         .width = 16,
                         .depth = 2,
                         .heads = 2,
                         .window = 4,
                         .global_blocks = {1},
                         .neck = 16,
                         .decoder_heads = 2,
                         .decoder_mlp = 32};
  loaded.recipe.data = {.path = pictures.string(), .threads = 0};
  loaded.recipe.train = {.steps = steps,
                         .batch = 4,
                         .optimizer = {.lr = 5e-3, .weight_decay = 0.05, .grad_clip = 1},
                         .warmup = 0,
                         .run = {.log_every = 2, .checkpoint_every = 3, .keep = 2},
                         .eval_every = 0,
                         .eval_scenes = 8};
  loaded.resolved = "system: sam_adapter\ntask: foundation\n";
  return loaded;
}

TEST(FoundationPrompts, BoxesHoldTheirObjectAndPointsLieOnTheirs) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const PromptedScene one = draw_prompts(toy_scene(seed), rng);
    const at::Tensor inside = one.scene.objects.eq(one.box_object).nonzero().to(at::kFloat);
    const auto low = std::get<0>(inside.min(0)), high = std::get<0>(inside.max(0));
    for (int64_t axis = 0; axis < 2; ++axis) {
      const double begin = low[1 - axis].item<double>(), end = high[1 - axis].item<double>() + 1,
                   slack = 0.1 * (end - begin) + 1e-4;
      EXPECT_NEAR(one.boxes[0][static_cast<size_t>(axis)], begin, slack);
      EXPECT_NEAR(one.boxes[0][static_cast<size_t>(axis) + 2], end, slack);
    }
    EXPECT_EQ(one.boxes[1], (std::array<float, 4>{0, 0, 48, 48}));
    for (size_t i = 0; i < 2; ++i) {
      const auto x = static_cast<int64_t>(one.points[i][0]), y = static_cast<int64_t>(one.points[i][1]);
      EXPECT_EQ(one.scene.objects[y][x].item<int64_t>(), one.point_objects[i]);
    }
  }
}

TEST(FoundationPrompts, TargetsAreTheObjectAndAllObjects) {
  Rng rng(3);
  std::vector<PromptedScene> scenes;
  for (uint64_t seed = 0; seed < 3; ++seed) scenes.push_back(draw_prompts(toy_scene(seed), rng));
  const PromptBatch batch = collate(scenes);
  EXPECT_EQ(batch.image.sizes(), at::IntArrayRef({3, 3, 48, 48}));
  EXPECT_EQ(batch.boxes.sizes(), at::IntArrayRef({6, 4}));
  EXPECT_EQ(batch.points.sizes(), at::IntArrayRef({6, 1, 2}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        at::equal(batch.box_targets[2 * i].gt(0), batch.objects[i].eq(scenes[static_cast<size_t>(i)].box_object)));
    EXPECT_TRUE(at::equal(batch.box_targets[2 * i + 1].gt(0), batch.objects[i].gt(0)));
  }
  EXPECT_THROW(collate({}), Error);
}

TEST(FoundationPrompts, CorrectionsFallWhereTheAnswerIsWrong) {
  at::Tensor target = at::zeros({3, 8, 8}, at::kBool), answer = at::zeros({3, 8, 8}, at::kBool);
  target[0][2][5] = true;  // missed
  answer[1][6][1] = true;  // too much
  Rng rng(1);
  const Clicks clicks = draw_corrections(answer, target, rng);
  EXPECT_TRUE(at::equal(clicks.points[0][0], at::tensor({5.0f, 2.0f})));
  EXPECT_EQ(clicks.labels[0][0].item<float>(), 1);
  EXPECT_TRUE(at::equal(clicks.points[1][0], at::tensor({1.0f, 6.0f})));
  EXPECT_EQ(clicks.labels[1][0].item<float>(), 0);
  EXPECT_EQ(clicks.labels[2][0].item<float>(), 0);  // nothing is wrong: any pixel, with its own label
}

TEST(Foundation, LearnsAndIsWrittenAsAnOfficialCheckpoint) {
  Progress::set_quiet(true);
  const test::TemporaryDirectory folder;
  write_toy_cutouts(folder.path());
  const train::Distributed alone;
  const auto untrained = train_foundation(tiny_recipe(folder.path(), 1), {}, alone);
  const auto trained = train_foundation(tiny_recipe(folder.path(), 60), {.run = folder.path() / "run"}, alone);
  for (const char* loss : {"box_loss", "point_loss", "auxiliary_loss"}) {
    EXPECT_LT(trained.result.last.at(loss), 0.75 * untrained.result.last.at(loss)) << loss;
  }
  const auto opened = cambium::sam::open(trained.file);
  EXPECT_EQ(opened->options().encoder.image_size, 32);
  EXPECT_EQ(opened->options().encoder.window, 4);
  EXPECT_EQ(opened->options().decoder.heads, 2);
}

TEST(Foundation, ResumesToTheSameBytes) {
  Progress::set_quiet(true);
  const test::TemporaryDirectory folder;
  write_toy_cutouts(folder.path());
  const train::Distributed alone;
  const auto whole = train_foundation(tiny_recipe(folder.path(), 6), {.run = folder.path() / "whole"}, alone);
  // The schedule knows the whole run's length: the first part stops at its checkpoint of step 3.
  train_foundation(tiny_recipe(folder.path(), 6), {.run = folder.path() / "parts"}, alone);
  const auto parts = folder.path() / "parts";
  std::filesystem::remove(parts / "model.safetensors");
  std::filesystem::remove_all(parts / "checkpoints" / "step_00000006");
  std::filesystem::remove(parts / "checkpoints" / "last");
  const auto resumed = train_foundation(tiny_recipe(folder.path(), 6), {.run = parts, .resume = true}, alone);
  const auto a = io::read_safetensors(whole.file), b = io::read_safetensors(resumed.file);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
}

TEST(Foundation, RefusesBadRecipes) {
  const test::TemporaryDirectory folder;
  EXPECT_THROW(train_foundation(tiny_recipe(folder.path(), 1), {}, train::Distributed()), Error);  // no pictures
  LoadedRecipe odd = tiny_recipe(folder.path(), 1);
  odd.recipe.model.patch = 5;
  write_toy_cutouts(folder.path());
  EXPECT_THROW(train_foundation(odd, {}, train::Distributed()), Error);
}

}  // namespace
}  // namespace cambium::systems::sam_adapter::foundation
