#include "train/optimizer.h"

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <map>
#include <set>

#include "core/error.h"

namespace cambium::train {
namespace {

std::vector<at::Tensor> gradients(const NamedTensors& parameters) {
  std::vector<at::Tensor> result;
  for (const auto& [name, parameter] : parameters) {
    if (parameter.grad().defined()) result.push_back(parameter.grad());
  }
  return result;
}

// The fused kernel walks memory, not indices: a gradient in another memory format than its parameter would be misread.
at::Tensor laid_out_as(const at::Tensor& parameter, const at::Tensor& gradient) {
  if (gradient.strides() == parameter.strides() && gradient.scalar_type() == parameter.scalar_type()) return gradient;
  return at::empty_like(parameter, parameter.options().requires_grad(false)).copy_(gradient);
}

void copy_state(at::Tensor& into, const at::Tensor* from, const std::string& name, const std::string& source) {
  if (!from)
    throw Error({.what = "is missing from the optimizer state",
                 .file = source,
                 .field = name,
                 .mend = "resume from an earlier checkpoint"});
  if (from->sizes() != into.sizes()) {
    throw Error({.what = "expected shape " + c10::str(into.sizes()) + ", found " + c10::str(from->sizes()),
                 .file = source,
                 .field = name,
                 .mend = "resume with the recipe that wrote it"});
  }
  into.copy_(*from);
}

}  // namespace

void AdamWOptions::validate() const {
  if (!(lr >= 0)) throw UsageError({.what = "is negative", .field = "optimizer.lr", .mend = "use 0 or more"});
  if (!(beta1 >= 0 && beta1 < 1))
    throw UsageError({.what = "out of range", .field = "optimizer.beta1", .mend = "use 0 to below 1"});
  if (!(beta2 >= 0 && beta2 < 1))
    throw UsageError({.what = "out of range", .field = "optimizer.beta2", .mend = "use 0 to below 1"});
  if (!(eps > 0))
    throw UsageError(
        {.what = "is not positive", .field = "optimizer.eps", .mend = "use a small positive number, such as 1e-8"});
}

AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions options) : groups_(std::move(groups)), options_(options) {
  options_.validate();
  std::set<std::string> names;
  std::set<const c10::TensorImpl*> seen;
  for (const ParameterGroup& group : groups_) {
    auto& slots = slots_.emplace_back();
    if (!(group.weight_decay >= 0))
      throw UsageError(
          {.what = "is negative", .field = "weight_decay of group " + group.name, .mend = "use 0 or more"});
    for (const auto& [name, parameter] : group.parameters) {
      if (!parameter.defined() || !parameter.is_leaf() || !parameter.requires_grad()) {
        throw Error(
            {.what = "is not a trainable parameter", .field = name, .mend = "list only leaves that require grad"});
      }
      if (parameter.scalar_type() != at::kFloat && parameter.scalar_type() != at::kDouble) {
        throw Error({.what = std::string("is ") + c10::toString(parameter.scalar_type()) +
                             ", but what is trained is kept in float32",
                     .field = name,
                     .mend = "convert the parameter and cast it in forward"});
      }
      if (!names.insert(name).second || !seen.insert(parameter.unsafeGetTensorImpl()).second) {
        throw Error({.what = "is listed twice", .field = name, .mend = "give each parameter to one group"});
      }
      slots.push_back({.name = name, .parameter = parameter, .exp_avg = {}, .exp_avg_sq = {}, .step = {}});
    }
  }
}

void AdamW::make(Slot& slot) {
  slot.exp_avg = at::zeros_like(slot.parameter, slot.parameter.options().requires_grad(false));
  slot.exp_avg_sq = at::zeros_like(slot.exp_avg);
  slot.step = at::zeros({}, slot.exp_avg.options().dtype(at::kFloat));
}

void AdamW::step(double multiplier) {
  const at::NoGradGuard guard;
  for (size_t g = 0; g < slots_.size(); ++g) {
    // The kernel takes one device and one dtype at a time.
    std::map<std::pair<std::string, at::ScalarType>, std::vector<Slot*>> kinds;
    for (Slot& slot : slots_[g]) {
      if (!slot.parameter.grad().defined()) continue;
      if (!slot.exp_avg.defined()) make(slot);
      kinds[{slot.parameter.device().str(), slot.parameter.scalar_type()}].push_back(&slot);
    }
    for (auto& [kind, slots] : kinds) {
      std::vector<at::Tensor> parameters, grads, exp_avgs, exp_avg_sqs, steps;
      for (Slot* slot : slots) {
        slot->step.add_(1);
        parameters.push_back(slot->parameter);
        grads.push_back(laid_out_as(slot->parameter, slot->parameter.grad()));
        exp_avgs.push_back(slot->exp_avg);
        exp_avg_sqs.push_back(slot->exp_avg_sq);
        steps.push_back(slot->step);
      }
      at::_fused_adamw_(parameters, grads, exp_avgs, exp_avg_sqs, {}, steps,
                        options_.lr * groups_[g].lr_multiplier * multiplier, options_.beta1, options_.beta2,
                        groups_[g].weight_decay, options_.eps, false, false);
      // The fused operator does not count as a change of its parameters; whoever keeps a copy of a weight (packed
      // layers) watches that count.
      for (const at::Tensor& parameter : parameters) parameter.unsafeGetTensorImpl()->bump_version();
    }
  }
}

void AdamW::zero_grad() {
  for (auto& group : slots_) {
    for (Slot& slot : group) slot.parameter.mutable_grad().reset();
  }
}

NamedTensors AdamW::parameters() const {
  NamedTensors all;
  for (const ParameterGroup& group : groups_) all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}

NamedTensors AdamW::state(const std::string& prefix) const {
  NamedTensors all;
  for (const auto& group : slots_) {
    for (const Slot& slot : group) {
      if (!slot.exp_avg.defined()) continue;
      all.emplace_back(prefix + slot.name + ".exp_avg", slot.exp_avg);
      all.emplace_back(prefix + slot.name + ".exp_avg_sq", slot.exp_avg_sq);
      all.emplace_back(prefix + slot.name + ".step", slot.step);
    }
  }
  return all;
}

void AdamW::load_slot(Slot& slot, const at::Tensor* exp_avg, const at::Tensor* exp_avg_sq, const at::Tensor* step,
                      const std::string& prefix, const std::string& source) {
  const at::NoGradGuard guard;
  if (!exp_avg && !exp_avg_sq && !step) {  // it never had a gradient
    slot.exp_avg = slot.exp_avg_sq = slot.step = at::Tensor();
    return;
  }
  make(slot);
  copy_state(slot.exp_avg, exp_avg, prefix + slot.name + ".exp_avg", source);
  copy_state(slot.exp_avg_sq, exp_avg_sq, prefix + slot.name + ".exp_avg_sq", source);
  copy_state(slot.step, step, prefix + slot.name + ".step", source);
}

at::Tensor gradient_norm(const NamedTensors& parameters) {
  const at::NoGradGuard guard;
  const std::vector<at::Tensor> all = gradients(parameters);
  if (all.empty()) return at::scalar_tensor(0.0, at::kFloat);
  std::vector<at::Tensor> norms;
  for (const at::Tensor& norm : at::_foreach_norm(all, 2)) norms.push_back(norm.to(all.front().device(), at::kFloat));
  return at::linalg_vector_norm(at::stack(norms));
}

void scale_gradients(const NamedTensors& parameters, const at::Tensor& norm, double max_norm) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> all = gradients(parameters);
  if (all.empty()) return;
  const at::Tensor scale = (max_norm / (norm + 1e-6)).clamp_max(1.0);
  at::_foreach_mul_(all, scale);
}

}  // namespace cambium::train
