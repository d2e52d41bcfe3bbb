#include "train/ema.h"

#include <ATen/ops/_foreach_lerp.h>

#include "core/error.h"

namespace cambium::train {

Ema::Ema(NamedTensors parameters, double decay, bool warmup)
    : parameters_(std::move(parameters)), decay_(decay), warmup_(warmup) {
  if (!(decay > 0 && decay < 1))
    throw UsageError({.what = "out of range", .field = "train.ema_decay", .mend = "use more than 0 and less than 1"});
  for (const auto& [name, parameter] : parameters_) average_.emplace_back(name, parameter.detach().clone());
}

double Ema::decay(int64_t n) const {
  return warmup_ ? std::min(decay_, static_cast<double>(1 + n) / static_cast<double>(10 + n)) : decay_;
}

void Ema::update(int64_t n) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> averages, parameters;
  for (size_t i = 0; i < average_.size(); ++i) {
    averages.push_back(average_[i].second);
    parameters.push_back(parameters_[i].second.detach());
  }
  at::_foreach_lerp_(averages, parameters, 1 - decay(n));
}

void Ema::swap() {
  const at::NoGradGuard guard;
  for (size_t i = 0; i < average_.size(); ++i) {
    at::Tensor parameter = parameters_[i].second.detach();
    const at::Tensor kept = parameter.clone();
    parameter.copy_(average_[i].second);
    average_[i].second.copy_(kept);
  }
}

Ema::Scope::Scope(Ema* ema) : ema_(ema) {
  if (ema_) ema_->swap();
}

Ema::Scope::~Scope() {
  if (ema_) ema_->swap();
}

}  // namespace cambium::train
