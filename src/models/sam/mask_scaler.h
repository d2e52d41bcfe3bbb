#pragma once
// Masks at the size of the picture, straight from low-resolution logits: what postprocess (frame.h) gives, row by row,
// so that no mask exists in floating point at full size.
#include <cstdint>
#include <vector>

#include "io/rle.h"
#include "models/sam/frame.h"

namespace cambium::sam {

struct MaskSummary {
  io::Rle rle;        // of logit > threshold
  int64_t above = 0;  // pixels of logit > threshold + offset
  int64_t below = 0;  // pixels of logit > threshold - offset
  // above / below, in float32: how little the mask depends on the threshold (SAM, appendix B). NaN without pixels.
  float stability() const { return static_cast<float>(above) / static_cast<float>(below); }
};

// Linear interpolation along one axis with half-pixel centres, as PyTorch's: output i is
// (1 - weight[i]) * in[first[i]] + weight[i] * in[second[i]].
struct LinearAxis {
  std::vector<int32_t> first, second;
  std::vector<float> weight;
  bool copies = false;  // output i is input i
  LinearAxis() = default;
  LinearAxis(int64_t in, int64_t out, int64_t used);  // the first `used` outputs
};

// Holds what is common to all masks of a picture; may be used by several threads at once.
class MaskScaler {
 public:
  // Logits [low_height, low_width] over the frame's square.
  MaskScaler(const Frame& frame, int64_t low_height, int64_t low_width);
  // Logits that have the picture's size already.
  MaskScaler(int64_t height, int64_t width);

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }

  // low [low_height, low_width].
  MaskSummary summarize(const float* low, float threshold, float offset) const;
  // The logits themselves; out [height, width].
  void logits(const float* low, float* out) const;

 private:
  template <class Sink>
  void rows(const float* low, Sink sink) const;

  int64_t low_height_, low_width_, height_, width_;
  bool identity_;
  LinearAxis to_square_y_, to_square_x_, to_picture_y_, to_picture_x_;
};

}  // namespace cambium::sam
