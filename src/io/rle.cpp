#include "io/rle.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace cambium::io {
namespace {

std::string size_text(int64_t height, int64_t width) { return std::to_string(width) + " x " + std::to_string(height); }

void check_size(int64_t height, int64_t width) {
  if (height <= 0 || width <= 0 || height > std::numeric_limits<uint32_t>::max() / width) {
    throw Error({.what = "a mask of " + size_text(height, width) + " pixels cannot be run-length encoded"});
  }
}

void check_counts(const Rle& rle) {
  check_size(rle.height, rle.width);
  int64_t sum = 0;
  for (const uint32_t count : rle.counts) sum += count;
  if (sum != rle.height * rle.width) {
    throw Error({.what = "the run lengths make up " + std::to_string(sum) + " pixels, the mask has " +
                         std::to_string(rle.height * rle.width)});
  }
}

// Calls set(first, count) for every run of ones, in order.
template <class F>
void for_runs(const Rle& rle, F set) {
  int64_t at = 0;
  for (size_t i = 0; i < rle.counts.size(); ++i) {
    if (i % 2 == 1 && rle.counts[i] > 0) set(at, int64_t{rle.counts[i]});
    at += rle.counts[i];
  }
}

void write(const Rle& rle, uint8_t* out) {
  std::memset(out, 0, static_cast<size_t>(rle.height * rle.width));
  for_runs(rle, [&](int64_t first, int64_t count) {
    int64_t x = first / rle.height, y = first % rle.height;
    for (int64_t i = 0; i < count; ++i) {
      out[y * rle.width + x] = 1;
      if (++y == rle.height) {
        y = 0;
        ++x;
      }
    }
  });
}

}  // namespace

RleBuilder::RleBuilder(int64_t height, int64_t width) : height_(height), width_(width) {
  check_size(height, width);
  previous_.assign(static_cast<size_t>(width), 0);
}

void RleBuilder::add_row(const uint8_t* row) {
  const auto y = static_cast<uint32_t>(rows_++);
  const auto turn = [&](int64_t x) {
    if (row[x] != previous_[x]) turns_.push_back({static_cast<uint32_t>(x), y});
  };
  int64_t x = 0;
  for (; x + 8 <= width_; x += 8) {  // most pixels equal the one above
    uint64_t now, before;
    std::memcpy(&now, row + x, 8);
    std::memcpy(&before, previous_.data() + x, 8);
    if (now == before) continue;
    for (int64_t i = x; i < x + 8; ++i) turn(i);
  }
  for (; x < width_; ++x) turn(x);
  std::memcpy(previous_.data(), row, static_cast<size_t>(width_));
}

Rle RleBuilder::finish() {
  if (rows_ != height_) {
    throw Error({.what = "a mask of " + std::to_string(height_) + " rows was given " + std::to_string(rows_)});
  }
  // Sorted by column; within one they stay in the order of rows.
  std::vector<size_t> ends(static_cast<size_t>(width_) + 1);
  for (const Turn& turn : turns_) ++ends[turn.x + 1];
  for (int64_t x = 0; x < width_; ++x) ends[x + 1] += ends[x];
  std::vector<uint32_t> rows(turns_.size());
  std::vector<size_t> next(ends.begin(), ends.end() - 1);
  for (const Turn& turn : turns_) rows[next[turn.x]++] = turn.y;

  Rle rle{.height = height_, .width = width_, .counts = {}};
  int64_t start = 0;  // of the run that is open
  bool set = false;   // its value
  const auto turn_at = [&](int64_t position) {
    rle.counts.push_back(static_cast<uint32_t>(position - start));
    start = position;
    set = !set;
  };
  for (int64_t x = 0; x < width_; ++x) {
    size_t i = ends[x];
    const bool top =
        i < ends[x + 1] && rows[i] == 0;  // the topmost pixel; the one before it ends the column on the left
    if (top != set) turn_at(x * height_);
    for (i += top ? 1 : 0; i < ends[x + 1]; ++i) turn_at(x * height_ + rows[i]);
  }
  rle.counts.push_back(static_cast<uint32_t>(height_ * width_ - start));
  return rle;
}

Rle encode_rle(const at::Tensor& mask) {
  if (mask.dim() != 2) {
    throw Error({.what = "a mask has the shape [H, W], not one of " + std::to_string(mask.dim()) + " dimensions"});
  }
  const at::Tensor bytes = mask.detach().ne(0).to(at::kCPU).contiguous();
  RleBuilder builder(bytes.size(0), bytes.size(1));
  const auto* data = static_cast<const uint8_t*>(bytes.const_data_ptr());
  for (int64_t y = 0; y < bytes.size(0); ++y) builder.add_row(data + y * bytes.size(1));
  return builder.finish();
}

void decode_rle(const Rle& rle, uint8_t* out) {
  check_counts(rle);
  write(rle, out);
}

at::Tensor decode_rle(const Rle& rle) {
  check_counts(rle);
  at::Tensor mask = at::empty({rle.height, rle.width}, at::kBool);
  write(rle, static_cast<uint8_t*>(mask.mutable_data_ptr()));
  return mask;
}

int64_t rle_area(const Rle& rle) {
  int64_t area = 0;
  for_runs(rle, [&](int64_t, int64_t count) { area += count; });
  return area;
}

PixelBox rle_bounds(const Rle& rle) {
  int64_t left = rle.width, right = -1, top = rle.height, bottom = -1;
  for_runs(rle, [&](int64_t first, int64_t count) {
    const int64_t last = first + count - 1, h = rle.height;
    left = std::min(left, first / h);
    right = std::max(right, last / h);
    // A run that enters a second column holds the bottom of one and the top of the next.
    const bool one_column = first / h == last / h;
    top = std::min(top, one_column ? first % h : 0);
    bottom = std::max(bottom, one_column ? last % h : h - 1);
  });
  if (right < 0) return {};
  return {left, top, right, bottom};
}

Rle rle_pad(const Rle& rle, int64_t left, int64_t top, int64_t height, int64_t width) {
  if (left < 0 || top < 0 || left + rle.width > width || top + rle.height > height) {
    throw Error({.what = "a mask of " + size_text(rle.height, rle.width) + " at " + std::to_string(left) + ", " +
                         std::to_string(top) + " does not fit into " + size_text(height, width)});
  }
  check_size(height, width);
  Rle out{.height = height, .width = width, .counts = {}};
  int64_t end = 0;  // of the last run of ones written, if any
  const auto add = [&](int64_t first, int64_t count) {
    if (!out.counts.empty() && first == end) {
      out.counts.back() += static_cast<uint32_t>(count);
    } else {
      out.counts.push_back(static_cast<uint32_t>(first - end));
      out.counts.push_back(static_cast<uint32_t>(count));
    }
    end = first + count;
  };
  for_runs(rle, [&](int64_t first, int64_t count) {
    while (count > 0) {  // a run goes on in the next column only where the mask fills the height
      const int64_t x = first / rle.height, y = first % rle.height, here = std::min(count, rle.height - y);
      add((x + left) * height + y + top, here);
      first += here;
      count -= here;
    }
  });
  if (end < height * width || out.counts.empty()) out.counts.push_back(static_cast<uint32_t>(height * width - end));
  return out;
}

std::string to_coco_string(const Rle& rle) {
  std::string text;
  for (size_t i = 0; i < rle.counts.size(); ++i) {
    int64_t value = rle.counts[i];
    if (i > 2) value -= rle.counts[i - 2];
    for (bool more = true; more;) {
      const int64_t group = value & 0x1f;
      value >>= 5;
      more = (group & 0x10) != 0 ? value != -1 : value != 0;  // until the sign is all that is left
      text += static_cast<char>('0' + (group | (more ? 0x20 : 0)));
    }
  }
  return text;
}

Rle from_coco_string(std::string_view text, int64_t height, int64_t width) {
  check_size(height, width);
  Rle rle{.height = height, .width = width, .counts = {}};
  const auto fail = [](const std::string& what) {
    throw Error({.what = what, .field = "counts", .mend = "give a string of COCO's run lengths"});
  };
  const int64_t pixels = height * width;
  int64_t sum = 0;
  for (size_t at = 0; at < text.size();) {
    int64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 5) {
      if (at == text.size()) fail("the run lengths are cut short");
      const int group = text[at++] - '0';
      if (group < 0 || group > 0x3f || shift > 35)
        fail("\"" + std::string(text.substr(at - 1, 1)) + "\" does not belong into run lengths");
      value |= int64_t{group & 0x1f} << shift;
      more = (group & 0x20) != 0;
      if (!more && (group & 0x10) != 0) value -= int64_t{1} << (shift + 5);
    }
    if (rle.counts.size() > 2) value += rle.counts[rle.counts.size() - 2];
    if (value < 0 || value > pixels - sum)
      fail("a run of " + std::to_string(value) + " pixels does not fit a mask of " + size_text(height, width));
    sum += value;
    rle.counts.push_back(static_cast<uint32_t>(value));
  }
  if (sum != pixels)
    fail("the run lengths make up " + std::to_string(sum) + " pixels, the mask has " + std::to_string(pixels));
  return rle;
}

}  // namespace cambium::io
