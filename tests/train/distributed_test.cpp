#include "train/distributed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "train/child.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "io/safetensors.h"
#include "support/temporary_directory.h"
#include "train/toy_contrastive.h"
#include "train/toy_task.h"
#include "train/checkpoint.h"
#include "train/launch.h"
#include "train/loop.h"

namespace cambium {
namespace {
namespace fs = std::filesystem;
using test::Child;

// Sets variables for the life of one test, on a clean slate of launcher variables.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& variables) {
    for (const char* name : kNames) unsetenv(name);
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const char* name : kNames) unsetenv(name);
  }

 private:
  static constexpr const char* kNames[] = {"RANK",
                                           "WORLD_SIZE",
                                           "LOCAL_RANK",
                                           "MASTER_ADDR",
                                           "MASTER_PORT",
                                           "SLURM_PROCID",
                                           "SLURM_STEP_NUM_TASKS",
                                           "SLURM_NTASKS",
                                           "SLURM_LOCALID",
                                           "OMPI_COMM_WORLD_RANK",
                                           "OMPI_COMM_WORLD_SIZE",
                                           "OMPI_COMM_WORLD_LOCAL_RANK",
                                           "TORCHELASTIC_USE_AGENT_STORE",
                                           "TORCHELASTIC_RESTART_COUNT"};
};

TEST(Launch, AloneWithoutALauncher) {
  const Environment none({});
  EXPECT_EQ(train::launch_from_environment().world, 1);
  EXPECT_EQ(train::Distributed::from_environment().world(), 1);
  const Environment batch_script({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}});
  EXPECT_EQ(train::launch_from_environment().world, 1);
}

TEST(Launch, ReadsTorchrunSlurmAndOpenMpi) {
  {
    const Environment torchrun({{"RANK", "3"},
                                {"WORLD_SIZE", "4"},
                                {"LOCAL_RANK", "1"},
                                {"MASTER_ADDR", "node0"},
                                {"MASTER_PORT", "29500"},
                                {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                {"TORCHELASTIC_RESTART_COUNT", "2"}});
    const auto launch = train::launch_from_environment();
    EXPECT_EQ(launch.rank, 3);
    EXPECT_EQ(launch.world, 4);
    EXPECT_EQ(launch.local_rank, 1);
    EXPECT_EQ(launch.master_port, 29500);
    EXPECT_TRUE(launch.agent_store);
    EXPECT_EQ(launch.store_prefix, "cambium/2");
  }
  {
    const Environment srun({{"SLURM_PROCID", "5"},
                            {"SLURM_STEP_NUM_TASKS", "8"},
                            {"SLURM_LOCALID", "1"},
                            {"MASTER_ADDR", "n"},
                            {"MASTER_PORT", "1234"}});
    EXPECT_EQ(train::launch_from_environment().rank, 5);
    EXPECT_FALSE(train::launch_from_environment().agent_store);
  }
  const Environment mpirun(
      {{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"MASTER_ADDR", "n"}, {"MASTER_PORT", "1234"}});
  EXPECT_EQ(train::launch_from_environment().rank, 1);
}

TEST(Launch, BadVariablesAreNamed) {
  const auto field = [](const std::map<std::string, std::string>& variables) -> std::string {
    const Environment environment(variables);
    try {
      train::launch_from_environment();
    } catch (const UsageError& error) {
      return error.info().field;
    }
    return "";
  };
  EXPECT_EQ(field({{"WORLD_SIZE", "two"}}), "WORLD_SIZE");
  EXPECT_EQ(field({{"WORLD_SIZE", "0"}}), "WORLD_SIZE");
  EXPECT_EQ(field({{"WORLD_SIZE", "2"}}), "RANK");
  EXPECT_EQ(field({{"WORLD_SIZE", "2"}, {"RANK", "2"}}), "RANK");
  EXPECT_EQ(field({{"WORLD_SIZE", "2"}, {"RANK", "1"}}), "MASTER_ADDR");
  EXPECT_EQ(field({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "x"}}), "MASTER_PORT");
  EXPECT_EQ(field({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "x"}, {"MASTER_PORT", "99999"}}), "MASTER_PORT");
}

class Ranks : public ::testing::Test {
 protected:
  void SetUp() override { Progress::set_quiet(true); }

  std::vector<std::unique_ptr<Child>> start(int world, const std::vector<std::string>& arguments) {
    const int port = test::free_port();
    std::vector<std::unique_ptr<Child>> children;
    for (int rank = 0; rank < world; ++rank) {
      children.push_back(std::make_unique<Child>(folder_.path(), arguments, test::rank_environment(rank, world, port)));
    }
    return children;
  }

  test::TemporaryDirectory folder_;
};

TEST_F(Ranks, CollectivesAgree) {
  const auto children = start(2, {"none", "0", "--collectives"});
  const std::vector<double> all = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int rank = 0; rank < 2; ++rank) {
    ASSERT_EQ(children[rank]->wait(), 0) << children[rank]->error();
    const auto result = nlohmann::json::parse(children[rank]->out());
    EXPECT_EQ(result["rank"], rank);
    EXPECT_EQ(result["mean"], (std::vector<double>{1.5, 1.5, 1.5}));
    EXPECT_EQ(result["wide"], (std::vector<double>{0, 1.5, 3, 4.5, 6}));
    EXPECT_EQ(result["half"], (std::vector<double>{0.5, 0.5, 0.5, 0.5}));
    EXPECT_EQ(result["all"], all);
    // d/df of sum over ranks q of (q + 1) * (row + 1) * f^2 = (1 + 2) * (row + 1) * 2 f.
    std::vector<double> expected;
    for (int i = 4 * rank; i < 4 * rank + 4; ++i) expected.push_back(3.0 * (i / 2 + 1) * 2 * i);
    EXPECT_EQ(result["grad"], expected);
    EXPECT_EQ(result["sent"], (std::vector<double>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(result["flags"], (std::vector<double>{1, 1, 1}));
    EXPECT_EQ(result["text"], "from rank 0");
    EXPECT_EQ(result["gathered"], (std::vector<std::string>{"", "xxx"}));
  }
}

TEST_F(Ranks, AStopOfOneRankStopsAllAfterTheSameStepAndARelaunchGoesOn) {
  const fs::path straight = folder_.path() / "straight", run = folder_.path() / "run";
  for (const auto& child : start(2, {straight.string(), "60"})) ASSERT_EQ(child->wait(), 0) << child->error();
  auto children = start(2, {run.string(), "60", "--pause", "10"});
  while (!train::find_checkpoint(run) && children[0]->running())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  children[1]->signal(SIGTERM);  // rank 1 only; rank 0 is told by the all-reduce
  for (const auto& child : children) EXPECT_EQ(child->wait(), 143) << child->error();
  const int64_t step = train::read_checkpoint(*train::find_checkpoint(run)).step;
  EXPECT_LT(step, 60);
  for (const auto& child : start(2, {run.string(), "60", "--resume"})) ASSERT_EQ(child->wait(), 0) << child->error();
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "ema.safetensors"}) {
    EXPECT_EQ(read_file(straight / "checkpoints/step_00000060" / file),
              read_file(run / "checkpoints/step_00000060" / file))
        << file;
  }
  // One process cannot continue it.
  Child alone(folder_.path(), {run.string(), "70", "--resume"});
  EXPECT_EQ(alone.wait(), 1);
  EXPECT_NE(alone.error().find("by 2 ranks, not 1"), std::string::npos) << alone.error();
}

TEST_F(Ranks, ADeadRankEndsTheOthersWithOneSentenceAndACheckpoint) {
  const fs::path run = folder_.path() / "run";
  const auto began = std::chrono::steady_clock::now();
  auto children = start(2, {run.string(), "50", "--die-rank", "1"});  // after step 7
  EXPECT_EQ(children[1]->wait(), 9);
  EXPECT_EQ(children[0]->wait(), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  const std::string sentence = children[0]->error();
  EXPECT_NE(sentence.find("rank 0: the all-reduce failed"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("--resume"), std::string::npos) << sentence;
  EXPECT_EQ(train::read_checkpoint(*train::find_checkpoint(run)).step, 5);
}

TEST_F(Ranks, AnErrorOfRankZeroIsEveryRanks) {
  const fs::path run = folder_.path() / "run";
  for (const auto& child : start(2, {run.string(), "6"})) ASSERT_EQ(child->wait(), 0) << child->error();
  for (const auto& child : start(2, {run.string(), "8"})) {
    EXPECT_EQ(child->wait(), 1);
    EXPECT_NE(child->error().find("already holds a run"), std::string::npos) << child->error();
  }
  fs::resize_file(run / "checkpoints/step_00000006/optimizer.safetensors", 100);
  for (const auto& child : start(2, {run.string(), "8", "--resume"})) {
    EXPECT_EQ(child->wait(), 1);
    const std::string sentence = child->error();
    EXPECT_NE(sentence.find("optimizer.safetensors: is torn"), std::string::npos) << sentence;
    EXPECT_EQ(std::count(sentence.begin(), sentence.end(), '\n'), 1) << sentence;
  }
}

TEST_F(Ranks, AStopIsGivenUpWhenAnotherRankHangs) {
  const fs::path run = folder_.path() / "run";
  auto children = start(2, {run.string(), "50", "--hang-rank", "1"});  // the helper's deadline is then 1 s
  while (children[0]->running()) {
    std::error_code code;
    if (fs::exists(run / "log.jsonl", code) && read_file(run / "log.jsonl").find("{\"step\":7,") != std::string::npos)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const auto asked = std::chrono::steady_clock::now();
  children[0]->signal(SIGTERM);
  EXPECT_EQ(children[0]->wait(), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(10));
  EXPECT_NE(children[0]->error().find("a stop was asked for 1 s ago and another rank has not answered"),
            std::string::npos)
      << children[0]->error();
}

TEST_F(Ranks, CachedFeaturesOverTwoRanksGiveTheSingleProcessesGradients) {
  const train::Distributed alone;
  test::ToyContrastive toy(alone);
  toy.dropout = 0;
  at::Generator generator = make_generator(9);
  const auto [loss, expected] = toy.full(1, generator);
  const auto children = start(2, {"none", "0", "--contrastive"});
  for (const auto& child : children) {
    ASSERT_EQ(child->wait(), 0) << child->error();
    const auto result = nlohmann::json::parse(child->out());
    EXPECT_NEAR(result["loss"].get<double>(), loss.item<double>(), 1e-6 * loss.item<double>());
    for (size_t i = 0; i < expected.size(); ++i) {
      const at::Tensor got = at::tensor(result["gradients"][i].get<std::vector<double>>(), at::kDouble);
      const at::Tensor want = expected[i].to(at::kDouble).reshape({-1});
      EXPECT_LE((got - want).norm().item<double>(), 1e-5 * want.norm().item<double>()) << toy.parameters()[i].first;
    }
  }
}

TEST_F(Ranks, TwoRanksTrainAsOneProcessWithTheirWholeBatch) {
  // Without dropout the ranks' micro-batches together are the single process's: mean gradients are equal but for
  // rounding.
  const fs::path run = folder_.path() / "run";
  const auto losses = [](const fs::path& folder) {
    std::vector<double> result;
    std::ifstream stream(folder / "log.jsonl");
    for (std::string line; std::getline(stream, line);) {
      const auto parsed = nlohmann::json::parse(line);
      if (parsed.contains("loss")) result.push_back(parsed["loss"].get<double>());
    }
    return result;
  };
  for (const auto& child : start(2, {run.string(), "10", "--no-dropout"}))
    ASSERT_EQ(child->wait(), 0) << child->error();
  const fs::path alone = folder_.path() / "alone";
  test::ToyTask task({.batch = 10, .dropout = 0});
  train::run_loop(task, {.run = alone, .steps = 10, .micro_batches = 2, .log_every = 1, .ema_decay = 0.9, .seed = 3},
                  {});
  const auto two = losses(run), one = losses(alone);
  ASSERT_EQ(two.size(), 10u);
  ASSERT_EQ(one.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(two[i], one[i], 1e-5 * std::abs(one[i])) << "step " << i + 1;
}

}  // namespace
}  // namespace cambium
