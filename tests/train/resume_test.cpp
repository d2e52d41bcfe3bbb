// Never losing work: a run that was stopped, killed or torn goes on to bitwise the weights of the run that never
// stopped.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include <sys/resource.h>

#include "train/child.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/progress.h"
#include "support/temporary_directory.h"
#include "train/toy_task.h"
#include "train/checkpoint.h"
#include "train/loop.h"

namespace cambium {
namespace {
namespace fs = std::filesystem;
using test::Child;
using test::ToyTask;

constexpr int64_t kSteps = 33;

train::LoopOptions options(const fs::path& run) {
  return {.run = run,
          .steps = kSteps,
          .micro_batches = 2,
          .log_every = 1,
          .checkpoint_every = 5,
          .eval_every = 10,
          .keep = 2,
          .ema_decay = 0.9,
          .seed = 3};
}

class Resume : public ::testing::Test {
 protected:
  void SetUp() override { Progress::set_quiet(true); }
  void TearDown() override { interrupt::clear(); }

  std::string bytes(const fs::path& run, const char* file, int64_t step = kSteps) {
    char name[32];
    std::snprintf(name, sizeof name, "step_%08lld", static_cast<long long>(step));
    return read_file(run / "checkpoints" / name / file);
  }

  void expect_same_end(const fs::path& a, const fs::path& b) {
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "ema.safetensors"}) {
      EXPECT_EQ(bytes(a, file), bytes(b, file)) << file;
    }
  }

  // The steps of the log, evaluations apart.
  void expect_clean_log(const fs::path& run) {
    std::ifstream stream(run / "log.jsonl");
    std::vector<int64_t> steps, evaluations;
    std::string line;
    while (std::getline(stream, line)) {
      const auto parsed = nlohmann::json::parse(line);
      (parsed.contains("eval/error") ? evaluations : steps).push_back(parsed["step"].get<int64_t>());
    }
    ASSERT_EQ(steps.size(), static_cast<size_t>(kSteps));
    for (int64_t i = 0; i < kSteps; ++i) EXPECT_EQ(steps[static_cast<size_t>(i)], i + 1);
    const std::set<int64_t> distinct(evaluations.begin(), evaluations.end());
    EXPECT_EQ(distinct.size(), evaluations.size());
    EXPECT_TRUE(distinct.contains(kSteps));
  }

  void run_straight(const fs::path& run) {
    ToyTask task;
    train::run_loop(task, options(run), {});
  }

  test::TemporaryDirectory folder_;
};

TEST_F(Resume, StoppedAtEveryKindOfMomentGivesTheSameBytes) {
  const fs::path straight = folder_.path() / "straight", stopped = folder_.path() / "stopped";
  run_straight(straight);
  // Before the first checkpoint, on one, just after one, inside an epoch, twice in a row.
  const std::vector<int64_t> stops = {1, 5, 6, 13, 14, 27};
  for (size_t i = 0; i <= stops.size(); ++i) {
    ToyTask task({.after = [&](int64_t step) {
      if (i < stops.size() && step + 1 == stops[i]) interrupt::request(i % 2 ? SIGTERM : SIGINT);
    }});
    train::LoopOptions with = options(stopped);
    with.resume = i > 0;
    if (i < stops.size()) {
      try {
        train::run_loop(task, with, {});
        FAIL() << "did not stop at " << stops[i];
      } catch (const Interrupted& stop) {
        EXPECT_EQ(stop.exit_code(), 128 + (i % 2 ? SIGTERM : SIGINT));
      }
      interrupt::clear();
      EXPECT_EQ(train::read_checkpoint(*train::find_checkpoint(stopped)).step, stops[i]);
    } else {
      train::run_loop(task, with, {});
    }
  }
  expect_same_end(straight, stopped);
  expect_clean_log(stopped);
}

TEST_F(Resume, ADifferentRunDiffers) {  // so that the equality above means something
  const fs::path a = folder_.path() / "a", b = folder_.path() / "b";
  run_straight(a);
  ToyTask task;
  train::LoopOptions other = options(b);
  other.seed = 4;
  train::run_loop(task, other, {});
  EXPECT_NE(bytes(a, "model.safetensors"), bytes(b, "model.safetensors"));
}

TEST_F(Resume, KilledAtAnyMomentGivesTheSameBytes) {
  const fs::path straight = folder_.path() / "straight", killed = folder_.path() / "killed";
  const std::string steps = std::to_string(kSteps);
  ASSERT_EQ(Child(folder_.path(), {straight.string(), steps}).wait(), 0);
  Rng rng(static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));  // any moment will do
  int kills = 0;
  for (int64_t target : {2, 9, 16, 17, 24}) {
    Child child(folder_.path(), {killed.string(), steps, "--resume", "--pause", "4"});
    // Once the log has reached `target`, at a random moment of the following steps: in a step, a save, an evaluation.
    while (child.running()) {
      std::error_code code;
      const auto size = fs::file_size(killed / "log.jsonl", code);
      if (!code && size > 0) {
        const std::string log = read_file(killed / "log.jsonl");
        if (log.find("{\"step\":" + std::to_string(target) + ",") != std::string::npos) break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(20000)));
    if (!child.running()) continue;
    child.signal(SIGKILL);
    EXPECT_EQ(child.wait(), 128 + SIGKILL);
    ++kills;
  }
  EXPECT_GE(kills, 4);
  Child last(folder_.path(), {killed.string(), steps, "--resume"});
  ASSERT_EQ(last.wait(), 0) << last.error();
  expect_same_end(straight, killed);
  expect_clean_log(killed);
  for (const auto& entry : fs::directory_iterator(killed / "checkpoints")) {
    EXPECT_NE(entry.path().filename().string().front(), '.') << "left behind: " << entry.path();
  }
}

TEST_F(Resume, SignalsExit130And143WithTheWorkSaved) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const fs::path run = folder_.path() / std::to_string(signal);
    Child child(folder_.path(), {run.string(), "100000", "--pause", "2"});
    while (!train::find_checkpoint(run) && child.running()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    child.signal(signal);
    EXPECT_EQ(child.wait(), 128 + signal) << child.error();
    const auto state = train::read_checkpoint(*train::find_checkpoint(run));
    const std::string log = read_file(run / "log.jsonl");
    EXPECT_NE(log.find("{\"step\":" + std::to_string(state.step) + ","), std::string::npos);
    EXPECT_EQ(log.find("{\"step\":" + std::to_string(state.step + 1) + ","), std::string::npos);
  }
}

TEST_F(Resume, OtherThreadsRanksOrSeedAreRefusedInOneSentence) {
  const fs::path run = folder_.path() / "run";
  run_straight(run);
  const fs::path folder = *train::find_checkpoint(run);
  const auto expect_refused = [&](const std::string& part, train::LoopOptions with) {
    ToyTask task;
    with.resume = true;
    try {
      train::run_loop(task, with, {});
      FAIL() << "not refused: " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  train::LoopOptions other = options(run);
  other.seed = 9;
  expect_refused("with seed 3, not 9", other);
  other = options(run);
  other.steps = 20;
  expect_refused("past the 20 asked for", other);
  // As a run on two ranks with three threads each would have written it.
  auto state = train::read_checkpoint(folder);
  const io::StateDict none;
  const auto write_as = [&](int64_t world, int64_t threads) {
    const fs::path elsewhere = folder_.path() / ("as" + std::to_string(world) + std::to_string(threads));
    state.world = world;
    state.threads = threads;
    ToyTask task;
    train::save_checkpoint(elsewhere, state, {.model = task.checkpoint_tensors()}, 0);
    return elsewhere;
  };
  expect_refused("by 2 ranks, not 1", options(write_as(2, state.threads)));
  expect_refused("pass --threads 3", options(write_as(1, 3)));
}

TEST_F(Resume, ATornOrChangedFileIsNamedAndTheEarlierCheckpointServes) {
  const fs::path straight = folder_.path() / "straight", run = folder_.path() / "run";
  run_straight(straight);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json"}) {
    for (const bool torn : {true, false}) {
      fs::remove_all(run);
      fs::copy(straight, run, fs::copy_options::recursive);
      const fs::path folder = *train::find_checkpoint(run), path = folder / file;
      if (torn) {
        fs::resize_file(path, fs::file_size(path) - 7);
      } else {
        std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(static_cast<std::streamoff>(fs::file_size(path) / 2));
        const char old = static_cast<char>(stream.peek());
        stream.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
        stream.put(static_cast<char>(old ^ 1));
      }
      train::LoopOptions with = options(run);
      with.resume = true;
      try {
        ToyTask task;
        train::run_loop(task, with, {});
        FAIL() << "a damaged " << file << " was taken";
      } catch (const Error& error) {
        EXPECT_EQ(error.info().file, path.string());
        EXPECT_NE(error.info().mend.find("delete " + folder.string() + " to go on from step_00000030"),
                  std::string::npos)
            << error.what();
      }
      fs::remove_all(folder);  // as told
      ToyTask task;
      train::run_loop(task, with, {});
      expect_same_end(straight, run);
    }
  }
}

TEST_F(Resume, AFullDiskLeavesTheEarlierCheckpoint) {
  const fs::path run = folder_.path() / "run";
  const auto state = [](int64_t step) {
    return train::CheckpointState{
        .step = step, .schedules = {}, .generators = {"x"}, .data = {nlohmann::json(1)}, .versions = {}};
  };
  train::save_checkpoint(run, state(1), {.model = {{"w", at::ones({1000})}}}, 1);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1 << 16;  // what a full disk does, at a known byte
  ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string what;
  try {
    train::save_checkpoint(run, state(2), {.model = {{"w", at::ones({100000})}}}, 1);
  } catch (const Error& error) {
    what = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_NE(what.find("cannot save the checkpoint"), std::string::npos) << what;
  EXPECT_NE(what.find("earlier checkpoints are whole"), std::string::npos) << what;
  EXPECT_EQ(train::read_checkpoint(*train::find_checkpoint(run)).step, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(run / "checkpoints"), fs::directory_iterator()),
            2);  // step_00000001 and last
}

TEST_F(Resume, ARunFolderInUseIsNotOverwritten) {
  const fs::path run = folder_.path() / "run";
  run_straight(run);
  ToyTask task;
  EXPECT_THROW(train::run_loop(task, options(run), {}), Error);
}

TEST_F(Resume, KeepsTheNewestAndNamesTheLast) {
  const fs::path run = folder_.path() / "run";
  run_straight(run);
  const auto all = train::list_checkpoints(run);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].filename(), "step_00000030");
  EXPECT_EQ(all[1].filename(), "step_00000033");
  EXPECT_EQ(read_file(run / "checkpoints" / "last"), "step_00000033\n");
}

}  // namespace
}  // namespace cambium
