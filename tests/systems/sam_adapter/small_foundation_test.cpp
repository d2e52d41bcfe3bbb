// The small foundation that comes with the program: that it is whole, and that it knows what it is for.
#include <gtest/gtest.h>

#include "models/sam/weights.h"
#include "systems/sam_adapter/foundation/task.h"
#include "support/source_dir.h"

namespace cambium::systems::sam_adapter::foundation {
namespace {

const std::filesystem::path kSource = test::source_dir();

TEST(SmallFoundation, AnswersBoxesAndPointsOnPicturesItHasNotSeen) {
  const auto model = cambium::sam::open(kSource / "assets/sam_small.safetensors");
  EXPECT_EQ(model->options().encoder.image_size, 128);
  const auto held_out = [](data::composite::Split split) {
    return [split](const data::composite::PictureInfo& info) { return info.split == split; };
  };
  // The four drawings of the fixture that the foundation's recipe holds out, on photographs that it holds out.
  const auto folder = kSource / "tests/fixtures/cutouts";
  const auto objects = data::composite::read_objects(folder, [](const auto& info) { return info.set == "fluent"; });
  const auto grounds = data::composite::read_backgrounds(folder, held_out(data::composite::Split::validation));
  std::vector<PromptedScene> scenes;
  for (uint64_t i = 0; i < 24; ++i) {
    Rng rng(mix_seed(5, "scene", i));
    scenes.push_back(draw_prompts(data::composite::compose_scene(objects, grounds, {.texture_share = 0}, rng), rng));
  }
  const PromptBatch batch = collate(scenes);
  const FoundationScores seen = score(*model, {batch});
  // What needs no model: the box itself as the answer, and the whole picture.
  double box = 0, everything = 0;
  const auto count = static_cast<double>(scenes.size());
  for (size_t i = 0; i < scenes.size(); ++i) {
    const auto row = static_cast<int64_t>(2 * i);
    const auto edge = [&](int64_t k) { return std::llround(batch.boxes[row][k].item<double>()); };
    at::Tensor filled = at::zeros({128, 128}, at::kBool);
    filled.slice(0, edge(1), edge(3)).slice(1, edge(0), edge(2)).fill_(true);
    const at::Tensor target = batch.box_targets[row].gt(0);
    box += filled.logical_and(target).sum().item<double>() / filled.logical_or(target).sum().item<double>() / count;
    everything += batch.point_targets[row].mean().item<double>() / count;
  }
  EXPECT_GT(seen.box, box);
  EXPECT_GT(seen.point, 4 * everything);
}

}  // namespace
}  // namespace cambium::systems::sam_adapter::foundation
