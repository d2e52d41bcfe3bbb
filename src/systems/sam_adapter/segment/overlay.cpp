#include "systems/sam_adapter/segment/overlay.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cambium::systems::sam_adapter {
namespace {

using Colour = std::array<uint8_t, 3>;
constexpr double kTint = 0.45;

// From the largest mask to the smallest.
std::vector<size_t> by_falling_area(const Segmentation& segmentation) {
  std::vector<size_t> order(segmentation.segments.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return segmentation.segments[a].area > segmentation.segments[b].area; });
  return order;
}

void put(io::Image& image, int64_t x, int64_t y, const Colour& colour) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  std::copy(colour.begin(), colour.end(), image.row(y) + 3 * x);
}

// Lines as thick as a picture of that size wants them.
int64_t stroke(const io::Image& image) { return std::max<int64_t>(1, std::max(image.width, image.height) / 600); }

// `box`: where the mask is.
void tint(io::Image& image, const std::vector<uint8_t>& mask, const io::PixelBox& box, const Colour& colour) {
  const int64_t width = image.width, height = image.height, thick = stroke(image);
  const auto set = [&](int64_t x, int64_t y) {
    return x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] != 0;
  };
  for (int64_t y = box.top; y <= box.bottom; ++y) {
    uint8_t* row = image.row(y);
    const uint8_t* bits = mask.data() + y * width;
    for (int64_t x = box.left; x <= box.right; ++x) {
      if (!bits[x]) continue;
      const bool border = !set(x - thick, y) || !set(x + thick, y) || !set(x, y - thick) || !set(x, y + thick);
      const double share = border ? 1 : kTint;
      for (int c = 0; c < 3; ++c) {
        row[3 * x + c] = static_cast<uint8_t>(std::lround((1 - share) * row[3 * x + c] + share * colour[c]));
      }
    }
  }
}

void draw_point(io::Image& image, const PromptPoint& point) {
  const Colour colour = point.object ? Colour{40, 200, 60} : Colour{230, 40, 40};
  const auto radius = static_cast<double>(std::max<int64_t>(2, std::max(image.width, image.height) / 120));
  const auto reach = static_cast<int64_t>(radius) + 2;
  const auto cx = static_cast<int64_t>(point.x), cy = static_cast<int64_t>(point.y);
  for (int64_t dy = -reach; dy <= reach; ++dy) {
    for (int64_t dx = -reach; dx <= reach; ++dx) {
      const double distance = std::hypot(static_cast<double>(dx), static_cast<double>(dy));
      if (distance <= radius)
        put(image, cx + dx, cy + dy, colour);
      else if (distance <= radius + 1.5)
        put(image, cx + dx, cy + dy, {255, 255, 255});
    }
  }
}

void draw_box(io::Image& image, const std::array<double, 4>& box) {
  const Colour colour = {40, 200, 60};
  const auto left = static_cast<int64_t>(box[0]), top = static_cast<int64_t>(box[1]);
  const auto right = std::min(static_cast<int64_t>(box[2]), image.width - 1),
             bottom = std::min(static_cast<int64_t>(box[3]), image.height - 1);
  for (int64_t t = 0; t < 2 * stroke(image); ++t) {
    for (int64_t x = left; x <= right; ++x) {
      put(image, x, top + t, colour);
      put(image, x, bottom - t, colour);
    }
    for (int64_t y = top; y <= bottom; ++y) {
      put(image, left + t, y, colour);
      put(image, right - t, y, colour);
    }
  }
}

}  // namespace

Colour segment_colour(int64_t index) {
  // Hues a golden section apart never meet; lightness changes every third.
  const double hue = std::fmod(0.58 + 0.61803398875 * static_cast<double>(index), 1.0) * 6;
  const double value = index % 3 == 1 ? 0.8 : 1.0, saturation = index % 3 == 2 ? 0.65 : 0.9;
  Colour colour;
  for (int c = 0; c < 3; ++c) {
    // HSV: how far the channel is from the hue on the colour wheel.
    const double k = std::fmod(std::array{5.0, 3.0, 1.0}[c] + hue, 6);
    const double level = value - value * saturation * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    colour[c] = static_cast<uint8_t>(std::lround(255 * level));
  }
  return colour;
}

io::Image draw_overlay(const io::Image& rgb, const Segmentation& segmentation, const SegmentRequest& request) {
  io::Image image = rgb;
  std::vector<uint8_t> mask(static_cast<size_t>(image.width * image.height));
  for (const size_t i : by_falling_area(segmentation)) {
    const Segment& segment = segmentation.segments[i];
    io::decode_rle(segment.mask, mask.data());
    tint(image, mask, io::rle_bounds(segment.mask), segment_colour(static_cast<int64_t>(i)));
  }
  for (const auto& box : request.boxes) draw_box(image, box);
  for (const auto& point : request.points) draw_point(image, point);
  return image;
}

io::Image draw_labels(const Segmentation& segmentation) {
  const bool grey = segmentation.segments.size() <= 255;
  io::Image image(segmentation.width, segmentation.height, grey ? 1 : 3);
  std::vector<uint8_t> mask(static_cast<size_t>(image.width * image.height));
  for (const size_t i : by_falling_area(segmentation)) {
    io::decode_rle(segmentation.segments[i].mask, mask.data());
    const size_t number = i + 1;
    for (size_t p = 0; p < mask.size(); ++p) {
      if (!mask[p]) continue;
      for (int64_t c = 0; c < image.channels; ++c)
        image.pixels[p * image.channels + c] = static_cast<uint8_t>(number >> (8 * c));
    }
  }
  return image;
}

io::Image draw_mask(const io::Rle& mask) {
  io::Image image(mask.width, mask.height, 1);
  io::decode_rle(mask, image.pixels.data());
  for (auto& pixel : image.pixels) pixel = pixel ? 255 : 0;
  return image;
}

}  // namespace cambium::systems::sam_adapter
