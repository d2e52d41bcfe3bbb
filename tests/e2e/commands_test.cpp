// The commands on a small trained model, and on what users get wrong.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "e2e/command.h"
#include "support/source_dir.h"
#include "support/temporary_directory.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;

// One tiny MERU for all tests.
struct Commands : testing::Test {
  static void SetUpTestSuite() {
    folder = new TemporaryDirectory;
    make_caption_folder(pictures(), 12);
    write_file(path("tiny.yaml"),
               "system: meru\n"
               "model: {visual: custom, image_size: 16, patch: 8, width: 32, depth: 1, heads: 2, textual: L1_W32, "
               "embed_dim: 16, context_length: 16}\n"
               "data: {format: captions, threads: 1}\n"
               "train: {steps: 2, batch: 4, warmup: 0}\n");
    const Outcome trained = run(
        {"train", path("tiny.yaml"), "--set", "data.paths=" + pictures().string(), "--run", path("run"), "--quiet"});
    ASSERT_EQ(trained.exit_code, 0) << trained.error;
  }
  static void TearDownTestSuite() { delete folder; }
  static std::string path(const std::string& name) { return (folder->path() / name).string(); }
  static fs::path pictures() { return folder->path() / "pictures"; }
  static std::string weights() { return path("run/model.safetensors"); }
  static std::string a_picture() {
    return fs::directory_iterator(pictures())->path().extension() == ".png"
               ? fs::directory_iterator(pictures())->path().string()
               : path("pictures/1f600.png");
  }
  static nlohmann::json json_of(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--json", path("out.json"), "--quiet"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.error;
    return nlohmann::json::parse(read_file(path("out.json")));
  }
  static TemporaryDirectory* folder;
};
TemporaryDirectory* Commands::folder = nullptr;

TEST_F(Commands, ClassifyGivesProbabilities) {
  const auto result = json_of({"classify", "--weights", weights(), "--words", "cat,dog,car", a_picture()});
  double sum = 0;
  for (const auto& entry : result[0]["classes"]) sum += entry["probability"].get<double>();
  EXPECT_NEAR(sum, 1, 1e-4);
}

TEST_F(Commands, IndexIsBuiltExtendedSearchedAndShrunk) {
  const auto built = json_of({"index", "build", path("pictures.index"), pictures().string(), "--weights", weights()});
  EXPECT_EQ(built["added"], 12);
  EXPECT_EQ(json_of({"index", "build", path("pictures.index"), pictures().string()})["unchanged"], 12);
  const auto found = json_of({"search", path("pictures.index"), a_picture(), "--top", "3"});
  EXPECT_EQ(fs::path(found[0]["file"].get<std::string>()).filename(), fs::path(a_picture()).filename());
  EXPECT_NEAR(found[0]["distance"].get<double>(), 0, 1e-3);
  EXPECT_EQ(json_of({"search", path("pictures.index"), "grinning face", "--top", "5"}).size(), 5u);
  EXPECT_FALSE(json_of({"search", path("pictures.index"), "grinning face", "--levels"}).empty());
  ASSERT_EQ(run({"index", "remove", path("pictures.index"), a_picture()}).exit_code, 0);
  EXPECT_EQ(json_of({"search", path("pictures.index"), "face", "--top", "50"}).size(), 11u);
}

TEST_F(Commands, EmbedTraverseInspectConvert) {
  ASSERT_EQ(
      run({"embed", pictures().string(), "--weights", weights(), "-o", path("e.safetensors"), "--quiet"}).exit_code, 0);
  ASSERT_EQ(run({"embed", pictures().string(), "--weights", weights(), "-o", path("e.npy"), "--hyperboloid", "--shard",
                 "1/3", "--quiet"})
                .exit_code,
            0);
  EXPECT_EQ(json_of({"traverse", a_picture(), "--weights", weights(), "--words", "cat,face,food"})[0]["path"].back(),
            "[root]");
  EXPECT_EQ(run({"inspect", weights()}).exit_code, 0);
  ASSERT_EQ(run({"convert", weights(), path("copy.pth")}).exit_code, 0);
  ASSERT_EQ(run({"convert", path("copy.pth"), path("copy.safetensors")}).exit_code, 0);
  EXPECT_EQ(run({"inspect", path("copy.safetensors")}).exit_code, 0);
}

TEST_F(Commands, EvaluatesALabelledFolder) {
  for (const char* name : {"a_cat", "a_dog"}) {
    fs::create_directories(folder->path() / "classes" / name);
    fs::copy_file(a_picture(), folder->path() / "classes" / name / "x.png");
  }
  const auto result = json_of({"eval", (test::source_dir() / "recipes/meru/eval_image_folder.yaml").string(),
                               "--weights", weights(), "--set", "data.path=" + path("classes")});
  EXPECT_NEAR(result["macro_accuracy"].get<double>(), 0.5, 1e-9);  // one picture, two classes: one of them is right
}

TEST_F(Commands, DemosRunOnTheirFixtures) {
  ASSERT_EQ(run({"demo", "--smoke", "--out", path("demo"), "--quiet"}).exit_code, 0);
  for (const std::string system : {"meru", "sam_adapter"}) {
    const auto results = nlohmann::json::parse(read_file(path("demo/" + system + "/results.json")));
    EXPECT_EQ(results["system"], system);
    EXPECT_EQ(results["mode"], "smoke");
    EXPECT_GT(results["claims"].size(), 5u);
    EXPECT_NE(read_file(path("demo/" + system + "/report.html")).find("</html>"), std::string::npos);
  }
  expect_error({"demo", "--smoke", "--data", path("x")}, 2, {"--data", "one system"});
  expect_error({"demo", "meru", "--smoke", "--foundation", path("x")}, 2, {"--foundation"});
}

TEST_F(Commands, WrongCallsExitWith2) {
  expect_error({"train", path("tiny.yaml"), "--set", "train.stepz=3"}, 2, {"train.stepz", "steps"});
  expect_error({"classify", "--weights", weights(), a_picture()}, 2, {"--words"});
  expect_error({"embed", a_picture(), "--weights", weights(), "-o", path("x.txt")}, 2, {".safetensors"});
  expect_error({"classify", "--weights", weights(), "--words", "a", "--device", "tpu", a_picture()}, 2,
               {"--device", "tpu"});
  expect_error({"train"}, 2, {"recipe"});
}

TEST_F(Commands, BadFilesExitWith1AndOneSentence) {
  write_file(path("torn.safetensors"), read_file(weights()).substr(0, 5000));
  write_file(path("noise.pth"), std::string(3000, 'x'));
  write_file(path("torn.png"), read_file(a_picture()).substr(0, 200));
  write_file(path("empty.png"), "");
  fs::create_directories(path("empty"));
  write_file(path("bad.csv/captions.csv"), "image,caption\nnowhere.png,\"\xff\xfe\"\n");
  expect_error({"classify", "--weights", path("missing.pth"), "--words", "a", a_picture()}, 1,
               {"missing.pth", "docs/weights.md"});
  expect_error({"classify", "--weights", path("torn.safetensors"), "--words", "a", a_picture()}, 1,
               {"torn.safetensors"});
  expect_error({"inspect", path("noise.pth")}, 1, {"noise.pth"});
  expect_error({"classify", "--weights", weights(), "--words", "a", path("torn.png")}, 1, {"torn.png"});
  expect_error({"classify", "--weights", weights(), "--words", "a", path("empty.png")}, 1, {"empty.png"});
  expect_error({"classify", "--weights", weights(), "--words", "a", path("empty")}, 1, {"no pictures"});
  expect_error({"search", path("empty"), "x"}, 1, {"empty"});
  expect_error(
      {"train", path("tiny.yaml"), "--set", "data.paths=" + path("bad.csv"), "--run", path("bad-run"), "--quiet"}, 1,
      {"captions.csv"});
  EXPECT_FALSE(fs::exists(path("bad-run/model.safetensors")));
}

}  // namespace
}  // namespace cambium::test
