#pragma once
// A small Task with everything that makes exact resume hard: shuffled epochs whose position must be saved, dropout,
// noise from the run's generator, a buffer that is not trained, a clamp after the step, gradient accumulation.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/random.h"
#include "train/task.h"

namespace cambium::test {

// Rows 0..size-1 in a new order every epoch; rank r takes every world-th.
class ToyStream {
 public:
  ToyStream(int64_t size, uint64_t seed, int64_t rank, int64_t world)
      : size_(size), seed_(seed), rank_(rank), world_(world), taken_(rank) {}

  int64_t next() {
    if (taken_ / size_ != epoch_ || order_.empty()) {
      epoch_ = taken_ / size_;
      Rng rng(mix_seed(seed_, "order", static_cast<uint64_t>(epoch_)));
      order_.resize(static_cast<size_t>(size_));
      for (int64_t i = 0; i < size_; ++i) order_[static_cast<size_t>(i)] = i;
      rng.shuffle(order_);
    }
    const int64_t row = order_[static_cast<size_t>(taken_ % size_)];
    taken_ += world_;
    return row;
  }
  nlohmann::json state() const { return {{"taken", taken_}}; }
  void restore(const nlohmann::json& state) {
    taken_ = state.at("taken").get<int64_t>();
    order_.clear();
  }

 private:
  int64_t size_;
  uint64_t seed_;
  int64_t rank_, world_, taken_, epoch_ = -1;
  std::vector<int64_t> order_;
};

struct ToyBatch {
  at::Tensor x, y;  // [B, 12], [B, 3]
};

struct ToyOptions {
  int64_t batch = 5;  // rows a micro-batch on this rank; 37 rows in all, so that epochs end inside batches
  int64_t rank = 0, world = 1;
  double dropout = 0.2;
  double poison_at = -1;  // the step (0-based) whose loss is NaN
  bool poison_gradient = false;
  std::function<void(int64_t step)> after = {};
};

class ToyTask : public train::BatchTask<ToyBatch> {
 public:
  static constexpr int64_t kRows = 37, kIn = 12, kHidden = 16, kOut = 3;

  explicit ToyTask(ToyOptions options = {})
      : options_(std::move(options)), stream_(kRows, 11, options_.rank, options_.world) {
    at::Generator generator = make_generator(5);
    inputs_ = at::empty({kRows, kIn});
    targets_ = at::empty({kRows, kOut});
    normal_(inputs_, 0, 1, generator);
    normal_(targets_, 0, 1, generator);
    for (auto* weight : {&w1, &w2}) {
      *weight = weight == &w1 ? at::empty({kHidden, kIn}) : at::empty({kOut, kHidden});
      normal_(*weight, 0, 0.3, generator);
      weight->requires_grad_(true);
    }
    b1 = at::zeros({kHidden}).requires_grad_(true);
    scale = at::ones({}).requires_grad_(true);
    unused = at::ones({4}).requires_grad_(true);  // never gets a gradient
    seen = at::zeros({}, at::kLong);
  }

  std::vector<train::OptimizerSet> optimizers() override {
    train::OptimizerSet set;
    set.groups = {
        {.name = "regular", .parameters = {{"w1", w1}, {"w2", w2}, {"unused", unused}}, .weight_decay = 0.1},
        {.name = "gain_bias", .parameters = {{"b1", b1}, {"scale", scale}}, .weight_decay = 0, .lr_multiplier = 2}};
    set.adamw = {.lr = 0.02};
    set.schedule = {.decay = train::Decay::cosine_squared, .warmup = 4};
    set.grad_clip = 0.7;
    return {set};
  }

  void after_step(const train::StepContext& context, size_t) override {
    const at::NoGradGuard guard;
    scale.clamp_max_(1.05);
    seen.add_(options_.batch);
    if (options_.after) options_.after(context.step);
  }

  train::Scalars evaluate(const train::StepContext& context) override {
    at::Tensor noise = at::empty({kRows, kIn});
    normal_(noise, 0, 0.1, context.generator);
    train::Scalars scalars;
    scalars.set("error", at::mse_loss(forward(inputs_ + noise), targets_));
    return scalars;
  }

  train::NamedTensors checkpoint_tensors() override {
    return {{"w1", w1}, {"w2", w2}, {"b1", b1}, {"scale", scale}, {"unused", unused}, {"seen", seen}};
  }
  nlohmann::json data_state() const override { return stream_.state(); }
  void restore_data(const nlohmann::json& state) override { stream_.restore(state); }
  int64_t total_parameters() override { return w1.numel() + w2.numel() + b1.numel() + unused.numel() + 1; }

  at::Tensor w1, w2, b1, scale, unused, seen;

 protected:
  ToyBatch next_batch(const train::StepContext&) override {
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < options_.batch; ++i) rows.push_back(stream_.next());
    const at::Tensor index = at::tensor(rows, at::kLong);
    return {inputs_.index_select(0, index), targets_.index_select(0, index)};
  }

  at::Tensor forward(const at::Tensor& x) const { return at::tanh(at::linear(x, w1, b1)).mul(scale).matmul(w2.t()); }

  train::Loss loss(const ToyBatch& batch, const train::StepContext& context, size_t) override {
    at::Tensor x = batch.x;
    if (options_.dropout > 0) {
      at::Tensor keep = at::empty_like(x);
      uniform_(keep, 0, 1, context.generator);
      x = x * (keep >= options_.dropout);
    }
    train::Loss result{.value = at::mse_loss(forward(x), batch.y), .scalars = {}};
    if (static_cast<double>(context.step) == options_.poison_at) {
      // sqrt's gradient at 0 is infinite, times 0 is NaN: a finite loss with a gradient that is not.
      result.value =
          result.value + (options_.poison_gradient ? (b1 - b1).sum().sqrt() * 0.0 : (b1.sum() * 0.0).log() * 0.0);
    }
    result.scalars.set("scale", scale);
    return result;
  }

 private:
  ToyOptions options_;
  ToyStream stream_;
  at::Tensor inputs_, targets_;
};

}  // namespace cambium::test
