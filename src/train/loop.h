#pragma once
// The training loop: the only one. Owns the order zero, accumulate, average over ranks, clip, step, EMA, schedule, log,
// checkpoint, stop.
#include <cstdint>
#include <filesystem>
#include <string>

#include "train/distributed.h"
#include "train/task.h"

namespace cambium::train {

struct LoopOptions {
  std::filesystem::path run =
      {};  // the run folder: log.jsonl, TensorBoard events, checkpoints/. Empty: nothing is written
  int64_t steps = 120000;
  int64_t micro_batches = 1;  // gradient accumulation, per rank
  int64_t log_every = 100;
  int64_t checkpoint_every = 5000;  // and at the end, and on a stop; 0: only then
  int64_t eval_every = 0;           // 0: never. Counted in finished steps, and at the end
  int64_t sample_every = 0;         // 0: never
  int64_t keep = 3;                 // checkpoints; 0: all
  double ema_decay = 0;             // 0: no averaged weights
  bool ema_warmup = true;           // decay of step n (from 1) = min(ema_decay, (1 + n) / (10 + n))
  uint64_t seed = 0;
  bool resume = false;  // continue from the run's newest checkpoint, or from the start where there is none yet
  bool tensorboard = true;
  std::string label = "train";  // of the progress bar
  void validate() const;        // UsageError naming the field
};

struct LoopResult {
  int64_t step = 0;             // finished steps, those before a resume included
  double seconds = 0;           // of this process's part
  double seconds_per_step = 0;  // without evaluation, samples and checkpoints
  double data_wait = 0;         // the share of step time spent waiting for data, 0 to 1
  Scalars last = {};            // of the last logged step
  NamedTensors average = {};    // the averaged weights by parameter name; none without ema_decay
};

// Error, on every rank, if the run folder already holds a run and `resume` is not set. run_loop begins with it; call it
// before writing anything of your own there.
void check_run_folder(const LoopOptions& options, const Distributed& ranks);

// Trains until `steps`.
// Ctrl-C or SIGTERM (core/interrupt.h; on any rank): the step is finished, a checkpoint saved, Interrupted thrown.
// A scalar that is not finite: Error with the step and all scalars; the last checkpoint stays.
// Same seed, ranks, threads and machine: the same bytes, also across a resume.
LoopResult run_loop(Task& task, const LoopOptions& options, const Distributed& ranks);

}  // namespace cambium::train
