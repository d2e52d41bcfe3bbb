#include "systems/video_ldm/image/settings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "support/temporary_directory.h"

namespace cambium::systems::video_ldm {
namespace {

TEST(Settings, TravelInsideThePicture) {
  const test::TemporaryDirectory folder;
  const auto file = folder.path() / "a.png";
  const nlohmann::json settings = {{"prompt", "gr\xc3\xbcn"}, {"seed", 7}};
  write_picture(file, io::Image(4, 2, 3), settings);
  EXPECT_EQ(read_settings(file), settings);
  EXPECT_EQ(io::load_image(file).width, 4);
}

TEST(Settings, PicturesOfOtherProgramsAreNamedAsSuch) {
  const test::TemporaryDirectory folder;
  const auto file = folder.path() / "a.png";
  write_file(file, io::encode_png(io::Image(4, 2, 3), {.text = {{"parameters", "a fox, Steps: 20"}}}));
  try {
    read_settings(file);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("parameters"), std::string::npos) << error.what();
  }
  write_file(file, io::encode_png(io::Image(4, 2, 3), {.text = {{"cambium", "{"}}}));
  EXPECT_THROW(read_settings(file), Error);
}

}  // namespace
}  // namespace cambium::systems::video_ldm
