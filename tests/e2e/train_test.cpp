// Training as a user runs it: stopped, killed, resumed, spread over ranks.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/atomic_file.h"
#include "e2e/command.h"
#include "support/temporary_directory.h"

namespace cambium::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kTiny =
    "system: meru\n"
    "model: {visual: custom, image_size: 16, patch: 8, width: 32, depth: 1, heads: 2, textual: L1_W32, embed_dim: 16, "
    "context_length: 16}\n"
    "data: {format: captions, threads: 1}\n"
    "train: {steps: 40, batch: 8, warmup: 2, lr: 1e-3, log_every: 1, checkpoint_every: 3, keep: 2}\n";

struct Run : testing::Test {
  TemporaryDirectory folder;
  fs::path recipe = folder.path() / "tiny.yaml";
  void SetUp() override {
    write_file(recipe, kTiny);
    make_caption_folder(folder.path() / "data", 40);
  }
  std::vector<std::string> arguments(const std::string& run, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"train",     recipe.string(),
                                    "--set",     "data.paths=" + (folder.path() / "data").string(),
                                    "--run",     (folder.path() / run).string(),
                                    "--threads", "1",
                                    "--dtype",   "f32",
                                    "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string model(const std::string& run) const { return read_file(folder.path() / run / "model.safetensors"); }
  std::vector<double> losses(const std::string& run) const { return logged_losses(folder.path() / run); }
  // Waits until the run has written so many log lines.
  bool reached(const std::string& run, size_t lines) const {
    for (int i = 0; i < 600; ++i) {
      std::error_code code;
      if (fs::exists(folder.path() / run / "log.jsonl", code)) {
        const std::string text = read_file(folder.path() / run / "log.jsonl");
        if (static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) >= lines) return true;
      }
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
};

TEST_F(Run, KilledAnywhereAndResumedItIsBitwiseTheRunThatNeverStopped) {
  ASSERT_EQ(run(arguments("straight")).exit_code, 0);
  Process first(arguments("killed"));
  ASSERT_TRUE(reached("killed", 5));
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait().exit_code, 128 + SIGKILL);
  Process second(arguments("killed", {"--resume"}));
  ASSERT_TRUE(reached("killed", 17));
  second.signal(SIGKILL);
  second.wait();
  const Outcome last = run(arguments("killed", {"--resume"}));
  ASSERT_EQ(last.exit_code, 0) << last.error;
  EXPECT_EQ(model("straight"), model("killed"));
  EXPECT_EQ(losses("straight"), losses("killed"));
}

TEST_F(Run, StopsAfterTheStepWithItsWorkSaved) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string name = "stopped" + std::to_string(signal);
    Process process(arguments(name, {"--set", "train.steps=100000"}));
    ASSERT_TRUE(reached(name, 4));
    process.signal(signal);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.exit_code, 128 + signal) << outcome.error;
    EXPECT_TRUE(fs::exists(folder.path() / name / "checkpoints" / "last"));
  }
}

TEST_F(Run, ARunIsNotOverwrittenAndAnotherThreadCountIsRefused) {
  ASSERT_EQ(run(arguments("once", {"--set", "train.steps=4"})).exit_code, 0);
  const std::string recipe_of_run = read_file(folder.path() / "once" / "recipe.yaml");
  const Outcome again = run(arguments("once"));
  EXPECT_EQ(read_file(folder.path() / "once" / "recipe.yaml"), recipe_of_run);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_NE(again.error.find("--resume"), std::string::npos) << again.error;
  auto other = arguments("once", {"--resume"});
  other[std::find(other.begin(), other.end(), "--threads") - other.begin() + 1] = "2";
  const Outcome threads = run(other);
  EXPECT_EQ(threads.exit_code, 1);
  EXPECT_NE(threads.error.find("thread"), std::string::npos) << threads.error;
}

TEST_F(Run, TwoRanksGiveTheSingleProcesssLosses) {
  const std::vector<std::string> ten = {"--set", "train.steps=10"};
  ASSERT_EQ(run(arguments("one", ten)).exit_code, 0);
  for (const Outcome& rank : run_two_ranks(arguments("two", ten))) ASSERT_EQ(rank.exit_code, 0) << rank.error;
  const auto single = losses("one"), both = losses("two");
  ASSERT_EQ(single.size(), both.size());
  for (size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(single[i], both[i], 1e-5 * single[i]) << "step " << i;
}

TEST_F(Run, CachedFeaturesGiveTheWholeBatchsLosses) {
  ASSERT_EQ(run(arguments("whole", {"--set", "train.steps=5"})).exit_code, 0);
  ASSERT_EQ(run(arguments("parts", {"--set", "train.steps=5", "--set", "train.micro_batch=2"})).exit_code, 0);
  const auto whole = losses("whole"), parts = losses("parts");
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(whole[i], parts[i], 1e-5 * whole[i]);
}

TEST_F(Run, DryRunSaysWhatItTakesAndWritesNothing) {
  const Outcome outcome = run(arguments("dry", {"--dry-run", "--json", (folder.path() / "dry.json").string()}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.error;
  EXPECT_NE(outcome.out.find("\ncheckpoints "), std::string::npos) << outcome.out;
  EXPECT_FALSE(fs::exists(folder.path() / "dry"));
  const auto report = nlohmann::json::parse(read_file(folder.path() / "dry.json"));
  EXPECT_GT(report.dump().size(), 100u);
}

}  // namespace
}  // namespace cambium::test
