#include "core/random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/erfinv.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "core/error.h"

namespace cambium {
namespace {

uint64_t splitmix(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

uint64_t rotate_left(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

uint64_t mix_seed(uint64_t seed, std::string_view purpose, uint64_t index) {
  uint64_t h = 0xCBF29CE484222325ull;
  for (const unsigned char c : purpose) h = (h ^ c) * 0x100000001B3ull;
  uint64_t state = seed ^ h;
  state = splitmix(state) ^ index;
  return splitmix(state);
}

at::Generator make_generator(uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

std::string generator_state(const at::Generator& generator) {
  const at::Tensor state = generator.get_state();
  return std::string(static_cast<const char*>(state.const_data_ptr()), state.nbytes());
}

void set_generator_state(at::Generator& generator, const std::string& state) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(state.size())}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr(), state.data(), state.size());
  generator.set_state(bytes);
}

at::Tensor& normal_(at::Tensor& t, double mean, double std, at::Generator& generator) {
  const at::NoGradGuard guard;
  t.normal_(mean, std, generator);
  return t;
}

at::Tensor& uniform_(at::Tensor& t, double low, double high, at::Generator& generator) {
  const at::NoGradGuard guard;
  t.uniform_(low, high, generator);
  return t;
}

at::Tensor& trunc_normal_(at::Tensor& t, double mean, double std, double low, double high, at::Generator& generator) {
  const at::NoGradGuard guard;
  const auto cdf = [](double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); };
  const double from = cdf((low - mean) / std), to = cdf((high - mean) / std);
  t.uniform_(2 * from - 1, 2 * to - 1, generator);
  t.erfinv_().mul_(std * std::sqrt(2.0)).add_(mean).clamp_(low, high);
  return t;
}

at::Tensor& kaiming_uniform_default_(at::Tensor& t, at::Generator& generator) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(t.numel() / t.size(0)));
  return uniform_(t, -bound, bound, generator);
}

Rng::Rng(uint64_t seed) {
  for (auto& word : s_) word = splitmix(seed);
}

uint64_t Rng::next() {
  const uint64_t result = rotate_left(s_[1] * 5, 7) * 9, t = s_[1] << 17;
  s_[2] ^= s_[0];
  s_[3] ^= s_[1];
  s_[1] ^= s_[2];
  s_[0] ^= s_[3];
  s_[2] ^= t;
  s_[3] = rotate_left(s_[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
double Rng::uniform(double low, double high) { return low + (high - low) * uniform(); }

int64_t Rng::below(int64_t bound) {
  const auto range = static_cast<uint64_t>(bound);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  uint64_t x = next();
  while (x >= limit) x = next();
  return static_cast<int64_t>(x % range);
}

double Rng::normal() {
  const double u = 1.0 - uniform(), v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2 * M_PI * v);
}

std::string Rng::state() const {
  char text[65];
  for (int i = 0; i < 4; ++i) std::snprintf(text + 16 * i, 17, "%016llx", static_cast<unsigned long long>(s_[i]));
  return text;
}

void Rng::set_state(const std::string& state) {
  unsigned long long words[4];
  if (state.size() != 64 ||
      std::sscanf(state.c_str(), "%16llx%16llx%16llx%16llx", &words[0], &words[1], &words[2], &words[3]) != 4) {
    throw Error({.what = "not a generator state: expected 64 hexadecimal digits", .field = "rng"});
  }
  for (int i = 0; i < 4; ++i) s_[i] = words[i];
}

}  // namespace cambium
