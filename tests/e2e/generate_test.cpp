// cambium generate on a tiny Stable Diffusion, and on what users get wrong.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "e2e/command.h"
#include "io/image.h"
#include "support/temporary_directory.h"
#include "support/tiny_stable_diffusion.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;

struct Generate : testing::Test {
  static void SetUpTestSuite() {
    folder = new TemporaryDirectory;
    TinyStableDiffusion{}.write(folder->path() / "sd");
    TinyStableDiffusion upscaler;
    make_upscaler(upscaler.unet, upscaler.autoencoder);
    upscaler.write(folder->path() / "x4");
  }
  static void TearDownTestSuite() { delete folder; }
  static std::string path(const std::string& name) { return (folder->path() / name).string(); }

  static nlohmann::json made(std::vector<std::string> arguments, const std::string& out) {
    arguments.insert(arguments.begin(), "generate");
    arguments.insert(arguments.end(), {"-o", path(out), "--json", path("out.json"), "--quiet", "--dtype", "f32"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    return nlohmann::json::parse(read_file(path("out.json")));
  }
  static std::vector<uint8_t> pixels(const std::string& name) { return io::load_image(path(name)).pixels; }

  static void expect_error(std::vector<std::string> arguments, int code, const std::string& words) {
    arguments.insert(arguments.begin(), "generate");
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.error;
    EXPECT_EQ(std::count(outcome.error.begin(), outcome.error.end(), '\n'), 1) << outcome.error;
    EXPECT_NE(outcome.error.find(words), std::string::npos) << words << " is not in: " << outcome.error;
    EXPECT_FALSE(fs::exists(path("none.png")));
  }
  static TemporaryDirectory* folder;
};
TemporaryDirectory* Generate::folder = nullptr;

TEST_F(Generate, PicturesAreMadeAgainFromTheirSettings) {
  const auto first = made({"--weights", path("sd"), "--prompt", "a fox", "--negative", "snow", "--size", "48x32",
                           "--steps", "4", "--scheduler", "euler_a", "--seed", "5", "--batch", "2"},
                          "a.png");
  ASSERT_EQ(first["images"].size(), 2u);
  EXPECT_EQ(first["images"][1]["seed"], 6);
  EXPECT_EQ(io::load_image(path("a-000.png")).width, 48);
  EXPECT_NE(pixels("a-000.png"), pixels("a-001.png"));

  const auto again = made({"--from", path("a-001.png")}, "again.png");
  EXPECT_EQ(again["settings"]["prompt"], "a fox");
  EXPECT_EQ(again["settings"]["seed"], 6);
  EXPECT_EQ(again["settings"]["scheduler"], "euler_a");
  const auto one = pixels("again.png"), other = pixels("a-001.png");
  ASSERT_EQ(one.size(), other.size());
  // Another batch size may sum in another order.
  for (size_t i = 0; i < one.size(); ++i) EXPECT_LE(std::abs(one[i] - other[i]), 1);
}

TEST_F(Generate, OptionsBesideFromWinWhereverTheyStand) {
  made({"--weights", path("sd"), "--prompt", "a fox", "--size", "32x32", "--steps", "2"}, "b.png");
  const auto changed = made({"--steps", "3", "--from", path("b.png"), "--size", "16x24"}, "c.png");
  EXPECT_EQ(changed["settings"]["steps"], 3);
  EXPECT_EQ(changed["settings"]["width"], 16);
  EXPECT_EQ(changed["settings"]["prompt"], "a fox");
}

TEST_F(Generate, BeginsFromAPicture) {
  io::Image start(50, 35, 3);
  std::fill(start.pixels.begin(), start.pixels.end(), 200);
  io::save_image(path("start.png"), start);
  const std::vector<std::string> common = {"--weights", path("sd"),        "--prompt", "a fox",
                                           "--image",   path("start.png"), "--steps",  "5"};
  auto weak = common, strong = common;
  weak.insert(weak.end(), {"--strength", "0.2"});
  strong.insert(strong.end(), {"--strength", "1"});
  const auto result = made(weak, "weak.png");
  EXPECT_EQ(result["settings"]["width"], 48);
  EXPECT_EQ(result["settings"]["height"], 32);
  made(strong, "strong.png");
  EXPECT_NE(pixels("weak.png"), pixels("strong.png"));
}

TEST_F(Generate, UpscalersEnlargeFourTimes) {
  io::save_image(path("small.png"), io::Image(10, 6, 3));
  const auto result =
      made({"--weights", path("x4"), "--prompt", "a fox", "--image", path("small.png"), "--steps", "2"}, "large.png");
  EXPECT_EQ(result["settings"]["width"], 40);
  EXPECT_EQ(io::load_image(path("large.png")).height, 24);
  expect_error({"--weights", path("x4"), "--prompt", "a fox", "-o", path("none.png")}, 2, "--image");
}

TEST_F(Generate, SaysWhatIsWrongInOneSentence) {
  const std::string none = path("none.png");
  expect_error({"--weights", path("sd"), "--size", "50x32", "-o", none}, 2, "48x32");
  expect_error({"--weights", path("sd"), "--size", "square", "-o", none}, 2, "768x512");
  expect_error({"--weights", path("sd"), "--steps", "1000", "-o", none}, 2, "steps");
  expect_error({"--weights", path("sd"), "--scheduler", "heun", "-o", none}, 2, "dpmpp_sde");
  expect_error({"--weights", path("sd"), "--strength", "0", "--image", path("sd"), "-o", none}, 2, "strength");
  expect_error({"--weights", path("sd"), "-o", path("none.jpg")}, 2, ".png");
  expect_error({"--prompt", "a fox", "-o", none}, 2, "--weights");
  expect_error({"--weights", path("sd"), "--image", path("missing.png"), "-o", none}, 1, "missing.png");
  expect_error({"--from", path("start.png"), "-o", none}, 1, "start.png");
  std::ofstream(path("noise.safetensors")) << "these are no weights";
  expect_error({"--weights", path("noise.safetensors"), "-o", none}, 1, "noise.safetensors");
}

TEST_F(Generate, HalfDownloadedFoldersNameWhatIsMissing) {
  fs::copy(path("sd"), path("half"), fs::copy_options::recursive);
  fs::remove(path("half/unet/diffusion_pytorch_model.safetensors"));
  expect_error({"--weights", path("half"), "-o", path("none.png")}, 1, "unet");
}

}  // namespace
}  // namespace cambium::test
