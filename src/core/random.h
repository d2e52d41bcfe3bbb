#pragma once
// Random numbers. Every draw takes its generator; nothing touches LibTorch's global one.
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace cambium {

// A seed for one purpose, from the run's seed and names or numbers: mix_seed(seed, "augment", epoch).
uint64_t mix_seed(uint64_t seed, std::string_view purpose, uint64_t index = 0);

// A CPU generator of LibTorch, for tensors.
at::Generator make_generator(uint64_t seed);
// Its state as bytes, and back (checkpoints).
std::string generator_state(const at::Generator& generator);
void set_generator_state(at::Generator& generator, const std::string& state);

// Weight initialisers (LibTorch's take no generator and lack the truncated normal). In place, under no-grad; return
// `t`.
at::Tensor& normal_(at::Tensor& t, double mean, double std, at::Generator& generator);
at::Tensor& uniform_(at::Tensor& t, double low, double high, at::Generator& generator);
// N(mean, std) with values outside [low, high] (absolute, not in units of std) redrawn by inversion, as timm's
// trunc_normal_.
at::Tensor& trunc_normal_(at::Tensor& t, double mean, double std, double low, double high, at::Generator& generator);
// PyTorch's default for Linear and Conv weights: U(-1/sqrt(fan_in), 1/sqrt(fan_in)), fan_in = numel / size(0).
at::Tensor& kaiming_uniform_default_(at::Tensor& t, at::Generator& generator);

// A small generator for host code (shuffles, crops): xoshiro256**, 32 bytes of state, the same numbers everywhere.
class Rng {
 public:
  explicit Rng(uint64_t seed = 0);
  uint64_t next();
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  int64_t below(int64_t bound);             // 0 .. bound-1, unbiased
  double normal();
  std::string state() const;  // hexadecimal, 64 characters
  void set_state(const std::string& state);
  template <class Vector>
  void shuffle(Vector& items) {
    for (int64_t i = static_cast<int64_t>(items.size()) - 1; i > 0; --i) std::swap(items[i], items[below(i + 1)]);
  }

 private:
  uint64_t s_[4];
};

}  // namespace cambium
