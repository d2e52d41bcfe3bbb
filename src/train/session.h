#pragma once
// Between the loop and its checkpoints: gathers what all ranks must remember, and gives it back on resume.
#include <ATen/core/Generator.h>

#include <functional>

#include "train/checkpoint.h"
#include "train/step.h"

namespace cambium::train {

// Runs `work` on rank 0 while the others wait; an Error it throws is thrown on every rank, so that all say the same.
void on_main(const Distributed& ranks, const std::function<void()>& work);

// Rank 0 writes; every rank must call it. Returns when the checkpoint is on disk.
void save_session(Task& task, Stepper& stepper, const LoopOptions& options, const Distributed& ranks,
                  const at::Generator& generator, int64_t step, double seconds);

struct Resumed {
  int64_t step = 0;  // finished steps; 0 where there was no checkpoint yet
  double seconds = 0;
};

// Rank 0 reads the newest checkpoint and the others get it from there, so only rank 0 needs the run folder. Error on
// all ranks if it is damaged or was made with other ranks, threads or seed.
Resumed resume_session(Task& task, Stepper& stepper, const LoopOptions& options, const Distributed& ranks,
                       at::Generator& generator);

}  // namespace cambium::train
