#include "models/sam_adapter/high_pass.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "models/sam_adapter/tiny_sam.h"

namespace cambium::sam_adapter {
namespace {

// As the original writes it: the whole spectrum, shifted, with a box of zeros around the middle.
at::Tensor by_the_whole_spectrum(const at::Tensor& x, int64_t line) {
  const int64_t height = x.size(2), width = x.size(3);
  at::Tensor spectrum = at::fft_fftshift(at::fft_fft2(x, std::nullopt, {-2, -1}, "forward"), at::IntArrayRef{-2, -1});
  spectrum.slice(2, height / 2 - line, height / 2 + line).slice(3, width / 2 - line, width / 2 + line).zero_();
  return at::real(
             at::fft_ifft2(at::fft_ifftshift(spectrum, at::IntArrayRef{-2, -1}), std::nullopt, {-2, -1}, "forward"))
      .abs();
}

TEST(HighPass, IsTheWholeSpectrumWithoutTheBox) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{16, 16}, {24, 18}, {15, 21}, {8, 9}}) {
    const at::Tensor x = gaussian({2, 3, height, width}, 5);
    for (const double rate : {0.05, 0.25, 0.6, 1.0}) {
      const at::Tensor expected = by_the_whole_spectrum(x.to(at::kDouble), high_pass_line(height, width, rate));
      EXPECT_LT((fft_highpass(x, rate) - expected).abs().max().item<double>(), 2e-6)
          << height << "x" << width << " " << rate;
    }
  }
}

TEST(HighPass, KeepsEverythingAtRateZeroAndTakesTheMeanAway) {
  const at::Tensor x = gaussian({1, 3, 16, 16}, 6);
  EXPECT_TRUE(at::equal(fft_highpass(x, 0), x.abs()));
  EXPECT_LT(fft_highpass(at::full({1, 3, 16, 16}, 3.0), 0.25).abs().max().item<double>(), 1e-5);
}

TEST(HighPass, ComputesInFloat32WhateverComesIn) {
  const at::Tensor x = gaussian({1, 3, 16, 16}, 7);
  EXPECT_EQ(fft_highpass(x.to(at::kBFloat16), 0.25).scalar_type(), at::kFloat);
}

TEST(HighPass, TheLineIsHalfTheBoxesSide) {
  EXPECT_EQ(high_pass_line(1024, 1024, 0.25), 256);
  EXPECT_EQ(high_pass_line(24, 40, 0.25), 7);
  EXPECT_EQ(high_pass_line(4, 400, 0.25), 2);  // no longer than the shorter side's half
  EXPECT_THROW(high_pass_line(16, 16, 1.5), UsageError);
}

}  // namespace
}  // namespace cambium::sam_adapter
