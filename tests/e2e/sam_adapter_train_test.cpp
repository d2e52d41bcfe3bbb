// Adapting a SAM as a user does it: a folder of pictures, a folder of masks, one command.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "e2e/command.h"
#include "io/image.h"
#include "models/sam_adapter/tiny_sam.h"
#include "support/temporary_directory.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;

struct Adapt : testing::Test {
  TemporaryDirectory folder;
  fs::path path(const std::string& name) const { return folder.path() / name; }

  void SetUp() override {
    sam_adapter::write_tiny_sam(path("sam.safetensors"));
    Rng rng(1);
    for (int64_t i = 0; i < 4; ++i) {
      io::Image image(40, 30, 3), mask(40, 30, 1);
      for (auto& value : image.pixels) value = static_cast<uint8_t>(rng.below(256));
      for (int64_t y = 5; y < 20; ++y) std::fill_n(mask.row(y) + 3 * i, 15, uint8_t{255});
      const std::string name = std::to_string(i) + ".png";
      fs::create_directories(path("images"));
      fs::create_directories(path("masks"));
      write_file(path("images/" + name), io::encode_png(image));
      write_file(path("masks/" + name), io::encode_png(mask));
    }
  }

  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train",     "recipes/sam_adapter/custom.yaml",
                                    "--set",     "foundation=" + path("sam.safetensors").string(),
                                    "--set",     "data.images=" + path("images").string(),
                                    "--set",     "data.masks=" + path("masks").string(),
                                    "--set",     "peft.scale_factor=8",
                                    "--set",     "validation.share=0.25",
                                    "--set",     "train.epochs=2",
                                    "--run",     path("run").string(),
                                    "--threads", "1",
                                    "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST_F(Adapt, AFolderOfPicturesAndMasksMakesADelta) {
  const auto result = run(arguments());
  ASSERT_EQ(result.exit_code, 0) << result.error;
  for (const char* name : {"delta.safetensors", "best.safetensors", "best.json", "recipe.yaml", "log.jsonl"})
    EXPECT_TRUE(fs::exists(path("run") / name)) << name;
  EXPECT_NE(run({"inspect", path("run/delta.safetensors").string()}).out.find("sam_adapter"), std::string::npos);
}

TEST_F(Adapt, TheDryRunSaysMemoryAndTimeAndWritesNothing) {
  const auto result = run(arguments({"--dry-run", "--json", path("dry.json").string()}));
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_NE(result.out.find("at the peak of a step"), std::string::npos);
  EXPECT_NE(result.out.find("\ncheckpoints "), std::string::npos) << result.out;
  EXPECT_GT(nlohmann::json::parse(read_file(path("dry.json"))).at("peak_memory_bytes").get<int64_t>(), 0);
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(Adapt, TwoRanksGiveTheSingleProcesssLosses) {
  const auto call = [&](const std::string& name, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--set", "train.batch=2", "--set", "train.micro_batch=1", "--set", "train.steps=6",
                             "--set", "train.log_every=1", "--set", "validation.share=0", "--dtype", "f32"});
    std::vector<std::string> all = arguments(more);
    *(std::find(all.begin(), all.end(), "--run") + 1) = path(name).string();
    return all;
  };
  ASSERT_EQ(run(call("one")).exit_code, 0);
  for (const Outcome& rank : run_two_ranks(call("two"))) ASSERT_EQ(rank.exit_code, 0) << rank.error;
  const auto single = logged_losses(path("one")), both = logged_losses(path("two"));
  ASSERT_EQ(single.size(), 6u);
  ASSERT_EQ(both.size(), 6u);
  for (size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(single[i], both[i], 1e-5 * single[i]) << "step " << i;
  // Each rank computes the frozen part of its own share of the pictures.
  auto cached = call("cached", {"--set", "peft.method=decoder"});
  const auto prompts = std::find(cached.begin(), cached.end(), "peft.scale_factor=8");
  cached.erase(prompts - 1, prompts + 1);  // the decoder alone has none
  for (const Outcome& rank : run_two_ranks(cached)) ASSERT_EQ(rank.exit_code, 0) << rank.error;
  for (const char* folder : {"rank_0_of_2", "rank_1_of_2"})
    EXPECT_TRUE(fs::exists(path("cached/features") / folder / "complete.json")) << folder;
}

TEST_F(Adapt, EveryFaultOfTheDataIsToldAtOnce) {
  fs::remove(path("masks/1.png"));
  write_file(path("masks/2.png"), "no picture");
  const auto result = run(arguments());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.error.find("1.png"), std::string::npos) << result.error;
  EXPECT_NE(result.error.find("2.png"), std::string::npos) << result.error;
  EXPECT_FALSE(fs::exists(path("run/recipe.yaml")));
}

TEST_F(Adapt, ARecipeOfNoSystemIsOneSentence) {
  write_file(path("other.yaml"), "system: sam_adaptor\n");
  const auto result = run({"train", path("other.yaml").string()});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.error.find("sam_adapter"), std::string::npos) << result.error;
}

}  // namespace
}  // namespace cambium::test
