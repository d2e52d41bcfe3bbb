// Cutting out as a user does it, by the small foundation that comes with the program.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "e2e/command.h"
#include "io/image.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;

struct Segment : testing::Test {
  TemporaryDirectory folder;
  fs::path path(const std::string& name) const { return folder.path() / name; }

  // A red disc of radius 30 at (x, 60) on a green ground, 160 x 120.
  static double distance(int64_t x, int64_t y, int64_t centre) { return std::hypot(x - centre, y - 60); }
  std::string disc(const std::string& name, int64_t centre) const {
    io::Image image(160, 120, 3);
    for (int64_t y = 0; y < 120; ++y) {
      for (int64_t x = 0; x < 160; ++x) {
        const bool inside = distance(x, y, centre) <= 30;
        const std::array<uint8_t, 3> colour = inside
                                                  ? std::array<uint8_t, 3>{210, 40, 30}
                                                  : std::array<uint8_t, 3>{60, 150, static_cast<uint8_t>(70 + x / 8)};
        std::copy(colour.begin(), colour.end(), image.row(y) + 3 * x);
      }
    }
    fs::create_directories(path(name).parent_path());
    write_file(path(name), io::encode_png(image));
    return path(name).string();
  }
  // The IoU of a written mask with the disc.
  double overlap(const fs::path& mask, int64_t centre) const {
    const io::Image image = io::load_image(mask);
    EXPECT_EQ(image.width, 160);
    EXPECT_EQ(image.height, 120);
    double both = 0, either = 0;
    for (int64_t y = 0; y < image.height; ++y) {
      for (int64_t x = 0; x < image.width; ++x) {
        const bool given = image.row(y)[x * image.channels] > 127, real = distance(x, y, centre) <= 30;
        both += given && real;
        either += given || real;
      }
    }
    return both / either;
  }
  std::vector<std::string> arguments(std::vector<std::string> more) const {
    std::vector<std::string> all = {"segment",
                                    "--weights",
                                    (test::source_dir() / "assets/sam_small.safetensors").string(),
                                    "-o",
                                    path("out").string(),
                                    "--threads",
                                    "1",
                                    "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  nlohmann::json json_of(std::vector<std::string> more) const {
    more.insert(more.end(), {"--json", path("out.json").string()});
    const Outcome outcome = run(arguments(std::move(more)));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    return nlohmann::json::parse(read_file(path("out.json")));
  }
};

TEST_F(Segment, APointOrABoxCutsTheObjectOut) {
  const std::string picture = disc("disc.png", 70);
  const auto by_box = json_of({"--box", "38,28,102,92", picture});
  EXPECT_EQ(by_box.at("files").size(), 1u);
  EXPECT_EQ(by_box.at("files")[0].at("segments"), 1);
  EXPECT_EQ(by_box.at("files")[0].at("width"), 160);
  EXPECT_GT(overlap(path("out/masks/disc.png"), 70), 0.8);
  EXPECT_TRUE(fs::exists(path("out/overlays/disc.jpg")));
  json_of({"--point", "70,60", picture});
  EXPECT_GT(overlap(path("out/masks/disc.png"), 70), 0.8);
}

// The small foundation is less sure of its masks than the thresholds of large ones ask.
TEST_F(Segment, AFolderIsDoneThroughWhatCannotBeReadIsToldAndLeftOut) {
  disc("pictures/left.png", 50);
  disc("pictures/deep/right.png", 110);
  write_file(path("pictures/torn.png"), "no picture");
  const auto done = json_of({"--everything", "--points-per-side", "6", "--pred-iou-thresh", "0.3",
                             "--stability-score-thresh", "0.5", "--format", "coco,rle", path("pictures").string()});
  EXPECT_EQ(done.at("files").size(), 2u);
  ASSERT_EQ(done.at("skipped").size(), 1u);
  EXPECT_NE(done.at("skipped")[0].get<std::string>().find("torn.png"), std::string::npos);
  const auto coco = nlohmann::json::parse(read_file(path("out/coco.json")));
  EXPECT_EQ(coco.at("images").size(), 2u);
  EXPECT_GE(coco.at("annotations").size(), 2u);
  EXPECT_TRUE(fs::exists(path("out/rle/deep/right.json")));
}

TEST_F(Segment, WrongCallsAndBadFilesAreOneSentence) {
  const std::string picture = disc("disc.png", 70);
  expect_error(arguments({picture}), 2, {"--point", "--box", "--everything"});
  expect_error(arguments({"--point", "70", picture}), 2, {"70"});
  expect_error(arguments({"--point", "700,20", picture}), 2, {"disc.png", "700,20", "160 x 120"});
  expect_error(arguments({"--point", "7,2", "--format", "mask", picture}), 2, {"--format", "masks"});
  expect_error(arguments({"--point", "7,2", "--size", "100", picture}), 2, {"100", "multiple of 8"});
  write_file(path("torn.png"), "no picture");
  expect_error(arguments({"--point", "7,2", path("torn.png").string()}), 1, {"torn.png"});
  EXPECT_FALSE(fs::exists(path("out/masks")));
}

}  // namespace
}  // namespace cambium::test
