#include "systems/video_ldm/recipe.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/paths.h"
#include "systems/video_ldm/decoder/recipe.h"
#include "systems/video_ldm/foundation/recipe.h"

namespace cambium::systems::video_ldm {
namespace {

Recipe read(const std::string& text) { return io::parse_recipe<Recipe>(text, "recipe.yaml").recipe; }

std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(VideoRecipe, EveryPublishedOneIsReadAndResolvesToItself) {
  for (const char* name : {"text_to_video", "prediction", "interpolation"}) {
    const auto loaded = io::load_recipe<Recipe>(shared_file(std::string("recipes/video_ldm/") + name + ".yaml"));
    EXPECT_EQ(loaded.recipe.task, name);
    EXPECT_EQ(io::parse_recipe<Recipe>(loaded.resolved, name).resolved, loaded.resolved);
  }
  io::load_recipe<foundation::AutoencoderRecipe>(shared_file("recipes/video_ldm/foundation_autoencoder.yaml"));
  io::load_recipe<foundation::ImageRecipe>(shared_file("recipes/video_ldm/foundation_image.yaml"));
  io::load_recipe<decoder::Recipe>(shared_file("recipes/video_ldm/temporal_decoder.yaml"));
}

TEST(VideoRecipe, TheTaskGivesItsOwnDefaults) {
  EXPECT_FALSE(read("{system: video_ldm, task: text_to_video}").model.context);
  EXPECT_TRUE(read("{system: video_ldm, task: prediction}").model.context);
  const Recipe interpolation = read("{system: video_ldm, task: interpolation}");
  EXPECT_TRUE(interpolation.model.context);
  EXPECT_EQ(interpolation.data.frames, 5);
  EXPECT_EQ(interpolation.data.fps, (std::vector<double>{7.5, 30}));
}

TEST(VideoRecipe, RefusesWhatContradictsItself) {
  EXPECT_NE(complaint("{system: video_ldm, task: prediction, model: {context: false}}").find("context"),
            std::string::npos);
  EXPECT_NE(complaint("{system: video_ldm, task: prediction, data: {fps: [2, 8]}}").find("interpolation"),
            std::string::npos);
  EXPECT_NE(complaint("{system: video_ldm, task: interpolation, data: {fps: [7, 30]}}").find("divide"),
            std::string::npos);
  EXPECT_NE(complaint("{system: video_ldm, captions: {name: 0.8, subgroup: 0.3}}").find("more than 1"),
            std::string::npos);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
