#include "models/sam_adapter/high_pass.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/fft_irfft2.h>
#include <ATen/ops/fft_rfft2.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cambium::sam_adapter {
namespace {

// 1 for the frequencies low <= k <= high (low <= 0 <= high), 0 for the others, among the first `count` of `size`
// indices; index size - k stands for -k. [count]
at::Tensor between(int64_t low, int64_t high, int64_t size, int64_t count, const at::TensorOptions& options) {
  const at::Tensor k = at::arange(count, options);
  return k.le(high).logical_or(k.ge(size + low)).to(options.dtype());
}

}  // namespace

int64_t high_pass_line(int64_t height, int64_t width, double rate) {
  if (!(rate >= 0 && rate <= 1))
    throw UsageError({.what = "must be between 0 and 1", .field = "freq_nums", .mend = "0.25 is the paper's"});
  const auto line = static_cast<int64_t>(std::floor(std::sqrt(static_cast<double>(height * width) * rate) / 2));
  return std::min({line, height / 2, width / 2});
}

at::Tensor fft_highpass(const at::Tensor& x, double rate) {
  const int64_t height = x.size(-2), width = x.size(-1), line = high_pass_line(height, width, rate);
  const at::Tensor image = x.to(at::promoteTypes(x.scalar_type(), at::kFloat));
  if (line == 0) return image.abs();
  const at::TensorOptions options = image.options().requires_grad(false);
  const at::Tensor spectrum = at::fft_rfft2(image, std::nullopt, {-2, -1}, "forward");  // [B, C, H, W/2 + 1]
  // The box reaches one frequency further on the negative side. The real part of what is left of a real image is that
  // of its Hermitian half: the mask averaged with its mirror image, so half the spectrum is enough.
  const int64_t columns = spectrum.size(-1);
  const auto box = [&](int64_t low, int64_t high) {
    return between(low, high, height, height, options).unsqueeze(1) * between(low, high, width, columns, options);
  };
  const at::Tensor keep = 1 - (box(-line, line - 1) + box(1 - line, line)) / 2;  // [H, W/2 + 1]
  return at::fft_irfft2(spectrum * keep, at::IntArrayRef{height, width}, {-2, -1}, "forward").abs();
}

}  // namespace cambium::sam_adapter
