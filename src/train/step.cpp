#include "train/step.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <set>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/sha256.h"

namespace cambium::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

std::string describe(const Scalars& scalars) {
  std::string text;
  for (const auto& [name, value] : scalars.items()) {
    char number[32];
    std::snprintf(number, sizeof number, "%.6g", value);
    text += (text.empty() ? "" : ", ") + name + " " + number;
  }
  return text;
}

// Averages over ranks, in one flight: the set's gradients, which of them exist, the scalars, and the stop requests.
// Returns the signal of a stop request of any rank, or 0: the same on all ranks.
int average_over_ranks(const Distributed& ranks, const NamedTensors& parameters, Scalars& scalars) {
  if (ranks.world() == 1) return 0;
  const at::NoGradGuard guard;
  const int asked = interrupt::requested();
  std::vector<at::Tensor> flight;
  std::vector<double> extras;
  for (const auto& [name, parameter] : parameters) {
    const at::Tensor& gradient = parameter.grad();
    flight.push_back(gradient.defined() ? gradient : at::zeros_like(parameter.detach()));
    extras.push_back(gradient.defined() ? 1 : 0);
  }
  for (const auto& [name, value] : scalars.items()) extras.push_back(value);
  extras.push_back(asked == SIGINT ? 1 : 0);
  extras.push_back(asked != 0 && asked != SIGINT ? 1 : 0);
  // Doubles last: one more small all-reduce, but the scalars keep their digits.
  const at::Tensor packed = at::tensor(extras, at::kDouble);
  flight.push_back(packed);
  ranks.all_reduce_mean(flight);

  const double* mean = packed.const_data_ptr<double>();
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (*mean++ > 0 && !parameters[i].second.grad().defined()) parameters[i].second.mutable_grad() = flight[i];
  }
  Scalars averaged;
  for (const std::string& name : scalars.names()) averaged.set(name, *mean++);
  scalars = std::move(averaged);
  if (mean[0] > 0) return SIGINT;
  return mean[1] > 0 ? SIGTERM : 0;
}

// Ranks that hold different models would add up unlike gradients, or hang.
void check_same_model(const Distributed& ranks, const NamedTensors& parameters) {
  std::string text;
  for (const auto& [name, parameter] : parameters) text += name + c10::str(parameter.sizes()) + "\n";
  const std::vector<std::string> sums = ranks.gather(sha256_hex(text));
  for (size_t r = 1; r < sums.size(); ++r) {
    if (sums[r] != sums[0]) {
      throw Error({.what = "rank " + std::to_string(r) + " trains other parameters than rank 0",
                   .mend = "start all ranks with the same recipe and weights"});
    }
  }
}

}  // namespace

Stepper::Stepper(Task& task, const LoopOptions& options, const Distributed& ranks)
    : task_(task), ranks_(ranks), sets_(task.optimizers()) {
  if (sets_.empty())
    throw Error({.what = "nothing is trained", .field = "optimizers", .mend = "unfreeze some parameters"});
  for (OptimizerSet& set : sets_) {
    if (set.schedule.total == 0) set.schedule.total = options.steps;
    set.schedule.validate();
    if (!(set.grad_clip >= 0))
      throw UsageError({.what = "is negative", .field = "grad_clip", .mend = "use 0 for none, or a positive norm"});
    optimizers_.emplace_back(set.groups, set.adamw);
    if (optimizers_.back().parameters().empty()) {
      throw Error(
          {.what = "has no parameters", .field = "optimizer set " + set.name, .mend = "unfreeze some parameters"});
    }
  }
  if (ranks_.world() > 1) {
    check_same_model(ranks_, parameters());
    std::vector<at::Tensor> weights;
    std::set<const c10::TensorImpl*> seen;
    for (const NamedTensors& part : {parameters(), task_.checkpoint_tensors()}) {
      for (const auto& [name, tensor] : part) {
        if (seen.insert(tensor.unsafeGetTensorImpl()).second) weights.push_back(tensor);
      }
    }
    ranks_.broadcast(weights);
  }
  if (options.ema_decay > 0) ema_ = std::make_unique<Ema>(parameters(), options.ema_decay, options.ema_warmup);
}

StepReport Stepper::step(const StepContext& context) {
  StepReport report;
  const Clock::time_point began = Clock::now();
  task_.fetch(context);
  report.fetch_seconds = seconds_since(began);
  for (size_t index = 0; index < optimizers_.size(); ++index) update(context, index, report);
  if (ranks_.world() == 1) report.stop_signal = interrupt::requested();  // alone, up to the last moment
  if (ema_) ema_->update(context.step + 1);
  report.seconds = seconds_since(began);
  return report;
}

void Stepper::update(const StepContext& context, size_t index, StepReport& report) {
  const OptimizerSet& set = sets_[index];
  AdamW& optimizer = optimizers_[index];
  const NamedTensors parameters = optimizer.parameters();
  optimizer.zero_grad();
  Scalars scalars = task_.accumulate(context, index);
  report.stop_signal = average_over_ranks(ranks_, parameters, scalars);
  const at::Tensor norm = gradient_norm(parameters);
  scalars.set("grad_norm", norm);
  check_finite(context, scalars, parameters);
  if (set.grad_clip > 0) scale_gradients(parameters, norm, set.grad_clip);
  const double rate = multiplier(set.schedule, context.step);
  optimizer.step(rate);
  task_.after_step(context, index);
  scalars.set("lr", set.adamw.lr * rate);
  for (const auto& [name, value] : scalars.items()) {
    report.scalars.set(sets_.size() > 1 ? set.name + "/" + name : name, value);
  }
}

void Stepper::check_finite(const StepContext& context, const Scalars& scalars, const NamedTensors& parameters) const {
  bool finite = true, gradient_only = true;
  for (const auto& [name, value] : scalars.items()) {
    if (std::isfinite(value)) continue;
    finite = false;
    gradient_only = gradient_only && name == "grad_norm";
  }
  if (finite) return;
  std::string where;
  if (gradient_only) {
    for (const auto& [name, parameter] : parameters) {
      if (!parameter.grad().defined() || at::isfinite(parameter.grad()).all().item<bool>()) continue;
      where = ", first of " + name;
      break;
    }
  }
  throw Error(
      {.what = std::string(gradient_only ? "the gradient is not finite" : "the loss is not finite") + where + " (" +
               describe(scalars) + ")",
       .field = "step " + std::to_string(context.step + 1),
       .mend = "the last checkpoint is untouched; try a smaller learning rate, a longer warm-up or gradient clipping"});
}

NamedTensors Stepper::parameters() const {
  NamedTensors all;
  for (const AdamW& optimizer : optimizers_) {
    for (auto& entry : optimizer.parameters()) all.push_back(std::move(entry));
  }
  return all;
}

NamedTensors Stepper::optimizer_state() const {
  NamedTensors all;
  for (size_t i = 0; i < sets_.size(); ++i) {
    for (auto& entry : optimizers_[i].state(sets_[i].name + "/")) all.push_back(std::move(entry));
  }
  return all;
}

void Stepper::load_optimizer_state(const io::StateDict& state) {
  std::set<std::string> known;
  const auto find = [&](const std::string& name) {
    known.insert(name);
    return state.find(name);
  };
  for (size_t i = 0; i < sets_.size(); ++i) optimizers_[i].load_state(sets_[i].name + "/", find, state.source);
  for (const auto& [name, tensor] : state.tensors) {
    if (!known.contains(name)) {
      throw Error({.what = "belongs to no trained parameter",
                   .file = state.source,
                   .field = name,
                   .mend = "resume with the recipe that began the run"});
    }
  }
}

}  // namespace cambium::train
