#include "models/sam/mask_scaler.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/random.h"

namespace cambium::sam {
namespace {

struct Case {
  int64_t height, width, side, low;
};
const Case kCases[] = {{96, 120, 128, 32}, {300, 201, 128, 32}, {50, 37, 64, 16}, {1, 1, 64, 16},
                       {1, 700, 64, 16},   {64, 64, 64, 16},    {40, 133, 96, 24}};

at::Tensor random_logits(const Case& size, uint64_t seed) {
  return at::randn({size.low, size.low}, make_generator(seed), at::kFloat);
}

TEST(MaskScaler, GivesPostprocess) {
  for (const auto& size : kCases) {
    const Frame frame = Frame::of(size.height, size.width, size.side);
    const at::Tensor low = random_logits(size, 1);
    const at::Tensor expected = postprocess(low.view({1, 1, size.low, size.low}), frame)[0][0];
    at::Tensor logits = at::empty({size.height, size.width});
    MaskScaler(frame, size.low, size.low).logits(low.const_data_ptr<float>(), logits.mutable_data_ptr<float>());
    EXPECT_LT((logits - expected).abs().max().item<double>(), 3e-6) << size.height << " x " << size.width;
  }
}

TEST(MaskScaler, CountsWhatTheLogitsSay) {
  for (const auto& size : kCases) {
    const Frame frame = Frame::of(size.height, size.width, size.side);
    const at::Tensor low = random_logits(size, 2);
    const MaskScaler scaler(frame, size.low, size.low);
    at::Tensor logits = at::empty({size.height, size.width});
    scaler.logits(low.const_data_ptr<float>(), logits.mutable_data_ptr<float>());
    const auto summary = scaler.summarize(low.const_data_ptr<float>(), 0.1f, 0.5f);
    EXPECT_TRUE(at::equal(io::decode_rle(summary.rle), logits > 0.1f));
    EXPECT_EQ(summary.above, (logits > 0.1f + 0.5f).sum().item<int64_t>());
    EXPECT_EQ(summary.below, (logits > 0.1f - 0.5f).sum().item<int64_t>());
  }
}

TEST(MaskScaler, LeavesMasksOfThePicturesSize) {
  const at::Tensor logits = at::randn({37, 53}, make_generator(3), at::kFloat);
  const auto summary = MaskScaler(37, 53).summarize(logits.const_data_ptr<float>(), 0, 1);
  EXPECT_TRUE(at::equal(io::decode_rle(summary.rle), logits > 0));
  const at::Tensor none = at::full({37, 53}, -5.0);
  EXPECT_TRUE(std::isnan(MaskScaler(37, 53).summarize(none.to(at::kFloat).const_data_ptr<float>(), 0, 1).stability()));
}

TEST(Frame, NeverLosesASide) {
  const Frame thread = Frame::of(1, 20000, 1024);
  EXPECT_EQ(thread.input_height, 1);
  EXPECT_EQ(thread.input_width, 1024);
  EXPECT_THROW(Frame::of(0, 5, 1024), Error);
}

}  // namespace
}  // namespace cambium::sam
