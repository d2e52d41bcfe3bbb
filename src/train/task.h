#pragma once
// What the loop (loop.h) needs to know of a system: its parameters, its data, and how to compute gradients for one
// step.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "train/distributed.h"
#include "train/optimizer.h"
#include "train/scalars.h"
#include "train/schedule.h"

namespace cambium::train {

// Parameters that one optimizer updates. Most systems have one set; a generator and its discriminator have two.
struct OptimizerSet {
  std::string name = "model";  // prefix of its scalars and state where there are several
  std::vector<ParameterGroup> groups = {};
  AdamWOptions adamw = {};
  ScheduleOptions schedule = {};
  double grad_clip = 0;  // total L2 norm; 0: none
};

struct StepContext {
  int64_t step = 0;           // 0-based
  int64_t micro_batches = 1;  // gradient accumulation: micro-batches per step on this rank
  const Distributed& ranks;
  at::Generator& generator;  // of this rank, saved in checkpoints; dropout, noise, timesteps draw from it
};

// Pictures and words to look at, for TensorBoard.
struct Samples {
  struct Picture {
    std::string name, png;  // encoded
    int64_t width = 0, height = 0;
  };
  std::vector<Picture> pictures = {};
  std::vector<std::pair<std::string, std::string>> texts = {};
};

class Task {
 public:
  virtual ~Task() = default;

  // Called once, before the first step. Freeze first: only what is listed here is trained.
  virtual std::vector<OptimizerSet> optimizers() = 0;

  // Takes the data of one step (all its micro-batches) from the stream. The loop times it as waiting for data.
  virtual void fetch(const StepContext& context) = 0;

  // Forward and backward for one step of optimizer `set`, on what fetch() took; gradients are left in the set's .grad,
  // of the mean over this rank's micro-batches. The loop zeroes them before and averages them over ranks after. The
  // scalars must hold "loss"; all are averaged over ranks, and one that is not finite ends the run.
  virtual Scalars accumulate(const StepContext& context, size_t set) = 0;

  // After the update of `set`: clamps and the like. Must do the same on every rank.
  virtual void after_step(const StepContext& context, size_t set) {}

  // Validation numbers, logged as "eval/<name>". Called on every rank, without gradients, with the averaged weights if
  // there are any; rank 0's numbers are logged. `context.generator` is a fresh one for each evaluation.
  virtual Scalars evaluate(const StepContext& context) { return {}; }
  virtual Samples samples(const StepContext& context) { return {}; }

  // Everything a checkpoint must hold to rebuild the trained model (parameters and buffers, sharing memory with them),
  // by its state-dict name. A frozen foundation that is opened from its own file need not be in it.
  virtual NamedTensors checkpoint_tensors() = 0;
  // Strings for the header of model.safetensors (format, system, foundation's fingerprint).
  virtual std::map<std::string, std::string> checkpoint_metadata() { return {}; }

  // The data position after the last fetch(), and back to it. Per rank; opaque to the loop.
  virtual nlohmann::json data_state() const = 0;
  virtual void restore_data(const nlohmann::json& state) = 0;

  // For --dry-run: all parameters including frozen ones, and the bytes that fetch() holds for one micro-batch.
  virtual int64_t total_parameters() = 0;
  virtual int64_t micro_batch_bytes() const { return 0; }
};

// A loss with its graph, and what to log of it.
struct Loss {
  at::Tensor value = {};  // 0-D
  Scalars scalars = {};   // without "loss"
};

// Backward of 0-D `loss`, accumulating into .grad of every leaf (keeps autograd's headers out of this one).
void backward(const at::Tensor& loss);

// The usual Task: gradient accumulation over micro-batches of one kind.
template <class Batch>
class BatchTask : public Task {
 public:
  void fetch(const StepContext& context) override {
    batches_.clear();
    for (int64_t i = 0; i < context.micro_batches; ++i) batches_.push_back(next_batch(context));
  }

  // The mean loss over micro-batches: right for losses that are means over samples. A loss that couples the samples of
  // a whole batch (contrastive) overrides this with feature_cache_step.h.
  Scalars accumulate(const StepContext& context, size_t set) override {
    Scalars mean;
    const double weight = 1.0 / static_cast<double>(batches_.size());
    for (const Batch& batch : batches_) {
      const Loss part = loss(batch, context, set);
      backward(part.value.mul(weight));
      Scalars scalars;
      scalars.set("loss", part.value);
      scalars.add(part.scalars, 1);
      mean.add(scalars, weight);
    }
    return mean;
  }

 protected:
  virtual Batch next_batch(const StepContext& context) = 0;
  virtual Loss loss(const Batch& micro_batch, const StepContext& context, size_t set) = 0;

  const std::vector<Batch>& batches() const { return batches_; }

 private:
  std::vector<Batch> batches_;
};

}  // namespace cambium::train
