#include "models/sam/mask_scaler.h"

#include <algorithm>
#include <cstring>

#include "models/sam/mask_rows.h"

namespace cambium::sam {
namespace {

// Rows of one interpolation step, made when first asked for; the last two are kept.
template <class Make>
class RowCache {
 public:
  RowCache(int64_t width, Make make) : make_(make) {
    for (auto& row : rows_) row.resize(static_cast<size_t>(width));
  }
  const float* get(int64_t index) {
    for (int slot : {0, 1}) {
      if (held_[slot] == index) {
        last_ = slot;
        return rows_[slot].data();
      }
    }
    last_ = 1 - last_;
    make_(index, rows_[last_].data());
    held_[last_] = index;
    return rows_[last_].data();
  }

 private:
  Make make_;
  std::vector<float> rows_[2];
  int64_t held_[2] = {-1, -1};
  int last_ = 0;  // the slot asked for last: the other one goes first
};

}  // namespace

LinearAxis::LinearAxis(int64_t in, int64_t out, int64_t used) : copies(in == out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < used; ++i) {
    // At equal sizes PyTorch copies; the formula gives the same.
    const float at = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.f);
    const auto lower = std::min(static_cast<int64_t>(at), in - 1);
    first.push_back(static_cast<int32_t>(lower));
    second.push_back(static_cast<int32_t>(std::min(lower + 1, in - 1)));
    weight.push_back(std::clamp(at - static_cast<float>(lower), 0.f, 1.f));
  }
}

MaskScaler::MaskScaler(const Frame& frame, int64_t low_height, int64_t low_width)
    : low_height_(low_height),
      low_width_(low_width),
      height_(frame.height),
      width_(frame.width),
      identity_(false),
      to_square_y_(low_height, frame.side, frame.input_height),
      to_square_x_(low_width, frame.side, frame.input_width),
      to_picture_y_(frame.input_height, frame.height, frame.height),
      to_picture_x_(frame.input_width, frame.width, frame.width) {}

MaskScaler::MaskScaler(int64_t height, int64_t width)
    : low_height_(height), low_width_(width), height_(height), width_(width), identity_(true) {}

template <class Sink>
void MaskScaler::rows(const float* low, Sink sink) const {
  if (identity_) {
    for (int64_t y = 0; y < height_; ++y) sink(y, low + y * width_);
    return;
  }
  const auto input_width = static_cast<int64_t>(to_square_x_.first.size());
  RowCache wide(input_width, [&](int64_t y, float* out) { kernels::widen(low + y * low_width_, to_square_x_, out); });
  std::vector<float> square(static_cast<size_t>(input_width));
  RowCache wider(width_, [&](int64_t y, float* out) {
    const float* upper = wide.get(to_square_y_.first[y]);
    const float* lower = wide.get(to_square_y_.second[y]);
    float* narrow = to_picture_x_.copies ? out : square.data();
    kernels::blend(upper, lower, to_square_y_.weight[y], input_width, narrow);
    if (!to_picture_x_.copies) kernels::widen(narrow, to_picture_x_, out);
  });
  std::vector<float> row(static_cast<size_t>(width_));
  for (int64_t y = 0; y < height_; ++y) {
    const float* upper = wider.get(to_picture_y_.first[y]);
    if (to_picture_y_.copies) {
      sink(y, upper);
      continue;
    }
    kernels::blend(upper, wider.get(to_picture_y_.second[y]), to_picture_y_.weight[y], width_, row.data());
    sink(y, row.data());
  }
}

MaskSummary MaskScaler::summarize(const float* low, float threshold, float offset) const {
  MaskSummary summary;
  io::RleBuilder builder(height_, width_);
  std::vector<uint8_t> bits(static_cast<size_t>(width_));
  const kernels::Thresholds thresholds{threshold, threshold + offset, threshold - offset};
  rows(low, [&](int64_t, const float* row) {
    const auto counts = kernels::threshold_row(row, width_, thresholds, bits.data());
    summary.above += counts.above;
    summary.below += counts.below;
    builder.add_row(bits.data());
  });
  summary.rle = builder.finish();
  return summary;
}

void MaskScaler::logits(const float* low, float* out) const {
  rows(low, [&](int64_t y, const float* row) {
    std::memcpy(out + y * width_, row, static_cast<size_t>(width_) * sizeof(float));
  });
}

}  // namespace cambium::sam
