#include "train/loop.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/progress.h"
#include "support/temporary_directory.h"
#include "train/toy_task.h"
#include "train/checkpoint.h"
#include "train/dry_run.h"
#include "train/ema.h"

namespace cambium {
namespace {
namespace fs = std::filesystem;
using test::ToyTask;

class LoopTest : public ::testing::Test {
 protected:
  void SetUp() override { Progress::set_quiet(true); }

  std::vector<nlohmann::json> log() const {
    std::vector<nlohmann::json> lines;
    std::ifstream stream(run_ / "log.jsonl");
    for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  test::TemporaryDirectory folder_;
  fs::path run_ = folder_.path() / "run";
};

TEST_F(LoopTest, TrainsAndLogs) {
  ToyTask task({.dropout = 0});
  const train::LoopResult result =
      train::run_loop(task, {.run = run_, .steps = 60, .log_every = 20, .eval_every = 30}, {});
  EXPECT_EQ(result.step, 60);
  const auto lines = log();
  ASSERT_EQ(lines.size(), 5u);  // steps 20, 40, 60 and evaluations at 30, 60
  EXPECT_EQ(lines[0]["step"], 20);
  EXPECT_EQ(lines[1]["step"], 30);
  EXPECT_TRUE(lines[1].contains("eval/error"));
  for (const char* name : {"loss", "scale", "grad_norm", "lr", "data_wait", "seconds_per_step", "seconds"})
    EXPECT_TRUE(lines[0].contains(name)) << name;
  EXPECT_LT(lines[3]["loss"].get<double>(), 0.8 * lines[0]["loss"].get<double>());
  EXPECT_LE(task.scale.item<double>(), 1.05);
  EXPECT_EQ(result.last.at("loss"), lines[3]["loss"].get<double>());
}

TEST_F(LoopTest, TheLearningRateIsTheSchedules) {
  ToyTask task;
  train::run_loop(task, {.run = run_, .steps = 10, .log_every = 1}, {});
  const train::ScheduleOptions schedule{.decay = train::Decay::cosine_squared, .warmup = 4, .total = 10};
  const auto lines = log();
  for (int64_t k = 0; k < 10; ++k)
    EXPECT_NEAR(lines[static_cast<size_t>(k)]["lr"].get<double>(), 0.02 * train::multiplier(schedule, k), 1e-15);
}

TEST_F(LoopTest, LookingDoesNotDisturbTraining) {
  ToyTask plain, looked;
  train::run_loop(plain, {.steps = 20, .ema_decay = 0.9}, {});
  train::run_loop(
      looked, {.run = run_, .steps = 20, .log_every = 1, .checkpoint_every = 3, .eval_every = 2, .ema_decay = 0.9}, {});
  EXPECT_TRUE(at::equal(plain.w1, looked.w1));
  EXPECT_TRUE(at::equal(plain.scale, looked.scale));
}

TEST_F(LoopTest, GivesTheAveragedWeightsWhereItAverages) {
  ToyTask task;
  const train::LoopResult result = train::run_loop(task, {.steps = 20, .ema_decay = 0.9}, {});
  const io::StateDict average{.tensors = result.average};
  ASSERT_TRUE(average.contains("w1"));
  EXPECT_EQ(average.at("w1").sizes(), task.w1.sizes());
  EXPECT_FALSE(at::equal(average.at("w1"), task.w1));
  ToyTask plain;
  EXPECT_TRUE(train::run_loop(plain, {.steps = 5}, {}).average.empty());
}

TEST_F(LoopTest, AccumulationIsTheMeanOfMicroBatches) {
  // 3 micro-batches of 4 rows against one of 12, the same rows in the same order.
  ToyTask parts({.batch = 4, .dropout = 0}), whole({.batch = 12, .dropout = 0});
  train::run_loop(parts, {.steps = 8, .micro_batches = 3}, {});
  train::run_loop(whole, {.steps = 8}, {});
  EXPECT_LT((parts.w1 - whole.w1).abs().max().item<double>(), 1e-5);
}

TEST_F(LoopTest, ANaNLossEndsTheRunAndTheCheckpointStays) {
  for (const bool gradient : {false, true}) {
    fs::remove_all(run_);
    ToyTask task({.poison_at = 7, .poison_gradient = gradient});
    std::string what;
    try {
      train::run_loop(task, {.run = run_, .steps = 20, .log_every = 1, .checkpoint_every = 5}, {});
    } catch (const Error& error) {
      what = error.what();
    }
    EXPECT_NE(what.find("step 8"), std::string::npos) << what;
    EXPECT_NE(
        what.find(gradient ? "the gradient is not finite, first of b1 (loss 0." : "the loss is not finite (loss "),
        std::string::npos)
        << what;
    EXPECT_NE(what.find("scale "), std::string::npos) << what;
    EXPECT_EQ(train::read_checkpoint(*train::find_checkpoint(run_)).step, 5);
    EXPECT_TRUE(task.b1.isfinite().all().item<bool>());
  }
}

TEST_F(LoopTest, BadOptionsAreNamed) {
  const auto field = [](const train::LoopOptions& options) -> std::string {
    try {
      options.validate();
    } catch (const UsageError& error) {
      return error.info().field;
    }
    return "";
  };
  EXPECT_EQ(field({}), "");
  EXPECT_EQ(field({.steps = 0}), "train.steps");
  EXPECT_EQ(field({.micro_batches = 0}), "train.micro_batches");
  EXPECT_EQ(field({.log_every = 0}), "train.log_every");
  EXPECT_EQ(field({.keep = -1}), "train.keep");
  EXPECT_EQ(field({.ema_decay = 1}), "train.ema_decay");
}

TEST_F(LoopTest, AnotherModelsCheckpointIsRefusedByName) {
  ToyTask task;
  train::run_loop(task, {.run = run_, .steps = 6}, {});
  struct Other : ToyTask {
    train::NamedTensors checkpoint_tensors() override { return {{"w1", w1.t()}, {"w3", w2}}; }
  } other;
  try {
    train::run_loop(other, {.run = run_, .steps = 8, .resume = true}, {});
    FAIL();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("missing 1 (w3)"), std::string::npos) << what;
    EXPECT_NE(what.find("unexpected 5 (w2, b1"), std::string::npos) << what;
    EXPECT_NE(what.find("w1 [16, 12] here [12, 16]"), std::string::npos) << what;
  }
}

// A generator that should make 3 and a discriminator that pulls: two optimizer sets over one batch.
struct TwoSets : train::Task {
  at::Tensor g = at::zeros({2}).requires_grad_(true), d = at::zeros({2}).requires_grad_(true);
  std::vector<std::string> order;

  std::vector<train::OptimizerSet> optimizers() override {
    return {{.name = "generator",
             .groups = {{.name = "all", .parameters = {{"g", g}}}},
             .adamw = {.lr = 0.1},
             .schedule = {.decay = train::Decay::constant}},
            {.name = "discriminator",
             .groups = {{.name = "all", .parameters = {{"d", d}}}},
             .adamw = {.lr = 0.05},
             .schedule = {.decay = train::Decay::constant}}};
  }
  void fetch(const train::StepContext&) override { order.push_back("fetch"); }
  train::Scalars accumulate(const train::StepContext&, size_t set) override {
    order.push_back("accumulate" + std::to_string(set));
    const at::Tensor loss = set == 0 ? (g - 3).square().sum() + (d * g).sum() : (d * g).sum() + d.square().sum();
    train::backward(loss);  // leaves gradients in both: the loop must not let them leak from one set into the other
    train::Scalars scalars;
    scalars.set("loss", loss);
    return scalars;
  }
  void after_step(const train::StepContext&, size_t set) override { order.push_back("after" + std::to_string(set)); }
  train::NamedTensors checkpoint_tensors() override { return {{"g", g}, {"d", d}}; }
  nlohmann::json data_state() const override { return nullptr; }
  void restore_data(const nlohmann::json&) override {}
  int64_t total_parameters() override { return 4; }
};

TEST_F(LoopTest, TwoOptimizerSetsInTurn) {
  TwoSets task;
  train::run_loop(task, {.run = run_, .steps = 1, .log_every = 1}, {});
  EXPECT_EQ(task.order, (std::vector<std::string>{"fetch", "accumulate0", "after0", "accumulate1", "after1"}));
  // First steps of Adam are lr in size. d's gradient is g after its update (0.1), without what the first backward left
  // there.
  EXPECT_NEAR(task.g[0].item<double>(), 0.1, 1e-6);
  EXPECT_NEAR(task.d[0].item<double>(), -0.05, 1e-6);
  EXPECT_NEAR(task.d.grad()[0].item<double>(), 0.1, 1e-6);
  const auto lines = log();
  EXPECT_TRUE(lines[0].contains("generator/loss"));
  EXPECT_EQ(lines[0]["discriminator/lr"].get<double>(), 0.05);
  TwoSets again;
  train::run_loop(again, {.run = run_, .steps = 5, .resume = true}, {});
  TwoSets straight;
  train::run_loop(straight, {.steps = 5}, {});
  EXPECT_TRUE(at::equal(again.d, straight.d));
}

TEST(Ema, FollowsTheFormulaAndSwapsBack) {
  const at::Tensor w = at::tensor({1.0f});
  train::Ema ema({{"w", w}}, 0.9, true);
  EXPECT_DOUBLE_EQ(ema.decay(1), 2.0 / 11);
  EXPECT_DOUBLE_EQ(ema.decay(1000), 0.9);
  w.fill_(2);
  ema.update(1);
  EXPECT_NEAR(ema.average()[0].second.item<double>(), 2.0 / 11 * 1 + 9.0 / 11 * 2, 1e-6);
  const float average = ema.average()[0].second.item<float>();
  {
    const train::Ema::Scope scope(&ema);
    EXPECT_EQ(w.item<float>(), average);
  }
  EXPECT_EQ(w.item<float>(), 2);
  EXPECT_EQ(ema.average()[0].second.item<float>(), average);
  EXPECT_THROW(train::Ema({{"w", w}}, 1.5, true), UsageError);
}

TEST_F(LoopTest, ADryRunMeasuresAndWritesNothing) {
  ToyTask task;
  const train::LoopOptions options{.run = run_, .steps = 1000, .micro_batches = 4};
  const train::DryRunReport report = train::dry_run(task, options, {});
  EXPECT_FALSE(fs::exists(run_));
  EXPECT_EQ(report.trainable_parameters, 16 * 12 + 3 * 16 + 16 + 1 + 4);
  EXPECT_GT(report.seconds_per_step, 0);
  EXPECT_DOUBLE_EQ(report.seconds_in_all, 1000 * report.seconds_per_step);
  EXPECT_GT(report.peak_memory_bytes, 10 << 20);
  EXPECT_LT(report.peak_memory_bytes, report.available_memory_bytes);
  EXPECT_TRUE(report.fits) << report.advice;
  const std::string text = describe(report);
  EXPECT_NE(text.find(" for 1,000 steps"), std::string::npos) << text;
  EXPECT_NE(text.find("\ncheckpoints "), std::string::npos) << text;
  EXPECT_NE(text.find("it fits"), std::string::npos) << text;
}

TEST_F(LoopTest, ADryRunSaysWhatToChangeWhenAStepDoesNotFit) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer ends the process at an allocation that cannot be had";
#endif
  struct Greedy : ToyTask {
    train::Scalars accumulate(const train::StepContext& context, size_t set) override {
      at::empty({int64_t{1} << 46}, at::kByte);  // 64 TiB
      return ToyTask::accumulate(context, set);
    }
  } task;
  const train::LoopOptions options{.steps = 10};
  const train::DryRunReport report = train::dry_run(task, options, {});
  EXPECT_FALSE(report.fits);
  EXPECT_FALSE(report.measured);
  EXPECT_NE(report.advice.find("make the micro-batch smaller"), std::string::npos) << report.advice;
  EXPECT_NE(describe(report).find("it does not fit"), std::string::npos);
  EXPECT_EQ(describe(report).find("\ncheckpoints "), std::string::npos) << "there is no run folder";
}

}  // namespace
}  // namespace cambium
