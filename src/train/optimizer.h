#pragma once
// AdamW (Loshchilov and Hutter, 2019, algorithm 2), as torch.optim.AdamW computes it.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/state_dict.h"

namespace cambium::train {

using io::NamedTensors;

struct AdamWOptions {
  double lr = 5e-4;
  double beta1 = 0.9, beta2 = 0.98;
  double eps = 1e-8;
  void validate() const;
};

// Parameters that share a weight decay and a factor of the learning rate.
struct ParameterGroup {
  std::string name = {};         // "regular", "gain_bias", "excluded": for logs
  NamedTensors parameters = {};  // leaves that require grad, float32 (the master weights of bf16 training) or float64
  double weight_decay = 0;
  double lr_multiplier = 1;
};

class AdamW {
 public:
  // Error naming the parameter if one is not a trainable float32/float64 leaf, or appears twice.
  AdamW(std::vector<ParameterGroup> groups, AdamWOptions options);

  // One update from the parameters' .grad. Parameters without a gradient are left alone, their step count too.
  // `multiplier` is the schedule's; 0 is allowed (moments move, weights do not).
  void step(double multiplier);
  void zero_grad();

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  const AdamWOptions& options() const { return options_; }
  // All parameters in group order.
  NamedTensors parameters() const;

  // <prefix><parameter>.{exp_avg, exp_avg_sq, step}, sharing memory with the optimizer. Parameters that never had a
  // gradient have none.
  NamedTensors state(const std::string& prefix) const;
  // Copies it back. `find(name)` gives the tensor or null. Error naming tensor and `source` if a part is missing or of
  // another shape.
  template <class Find>
  void load_state(const std::string& prefix, const Find& find, const std::string& source);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter, exp_avg, exp_avg_sq, step;  // step: 0-D float32, as PyTorch keeps it
  };
  void make(Slot& slot);
  void load_slot(Slot& slot, const at::Tensor* exp_avg, const at::Tensor* exp_avg_sq, const at::Tensor* step,
                 const std::string& prefix, const std::string& source);

  std::vector<ParameterGroup> groups_;
  AdamWOptions options_;
  std::vector<std::vector<Slot>> slots_;  // as groups_
};

// Total L2 norm of the gradients (0-D float32, on the device); parameters without a gradient count as 0.
at::Tensor gradient_norm(const NamedTensors& parameters);
// Scales every gradient by min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_.
void scale_gradients(const NamedTensors& parameters, const at::Tensor& norm, double max_norm);

template <class Find>
void AdamW::load_state(const std::string& prefix, const Find& find, const std::string& source) {
  for (auto& group : slots_) {
    for (Slot& slot : group) {
      const std::string stem = prefix + slot.name;
      load_slot(slot, find(stem + ".exp_avg"), find(stem + ".exp_avg_sq"), find(stem + ".step"), prefix, source);
    }
  }
}

}  // namespace cambium::train
