#pragma once
// One training step in its right order: fetch; then for each optimizer set zero, accumulate, average over ranks, check,
// clip, step, after_step; then EMA. Used by the loop and by the dry run.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "train/ema.h"
#include "train/loop.h"
#include "train/optimizer.h"
#include "train/task.h"

namespace cambium::train {

struct StepReport {
  Scalars scalars;           // the task's, "grad_norm" and "lr"; prefixed "<set>/" where there are several sets
  int stop_signal = 0;       // some rank was asked to stop: all stop after this step
  double seconds = 0;        // the whole step
  double fetch_seconds = 0;  // of it, waiting for data
};

class Stepper {
 public:
  // Asks the Task for its optimizers and makes the weights equal on all ranks (rank 0's). Error if the ranks' models
  // differ.
  Stepper(Task& task, const LoopOptions& options, const Distributed& ranks);

  // Error, on all ranks alike, if a scalar or the gradient is not finite; the weights are then still those before the
  // step.
  StepReport step(const StepContext& context);

  size_t sets() const { return optimizers_.size(); }
  const OptimizerSet& set(size_t index) const { return sets_[index]; }
  AdamW& optimizer(size_t index) { return optimizers_[index]; }
  Ema* ema() { return ema_.get(); }
  // All trained parameters.
  NamedTensors parameters() const;
  // Optimizer state of all sets, by "<set>/<parameter>.<part>".
  NamedTensors optimizer_state() const;
  void load_optimizer_state(const io::StateDict& state);

 private:
  void update(const StepContext& context, size_t index, StepReport& report);
  void check_finite(const StepContext& context, const Scalars& scalars, const NamedTensors& parameters) const;

  Task& task_;
  const Distributed& ranks_;
  std::vector<OptimizerSet> sets_;
  std::vector<AdamW> optimizers_;
  std::unique_ptr<Ema> ema_;
};

}  // namespace cambium::train
