#pragma once
// An exponential moving average of the trained weights.
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "train/optimizer.h"

namespace cambium::train {

class Ema {
 public:
  // Starts from the parameters' present values. `warmup`: the decay of update n (from 1) is min(decay, (1 + n) / (10 +
  // n)), as in latent diffusion's LitEma; else `decay`.
  Ema(NamedTensors parameters, double decay, bool warmup);

  // average = d * average + (1 - d) * parameter, update number n from 1.
  void update(int64_t n);
  double decay(int64_t n) const;

  // The averages by parameter name, sharing memory with this.
  const NamedTensors& average() const { return average_; }

  // Puts the averages where the parameters are, and the parameters back at its end, bit for bit.
  class Scope {
   public:
    explicit Scope(Ema* ema);  // null: does nothing
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Ema* ema_;
  };

 private:
  void swap();

  NamedTensors parameters_, average_;
  double decay_;
  bool warmup_;
};

}  // namespace cambium::train
