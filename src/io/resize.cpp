#include "io/resize.h"

#include <cmath>
#include <cstring>
#include <numbers>

#include "core/error.h"
#include "io/resize_kernels.h"

namespace cambium::io {
namespace {

struct FilterEntry {
  Filter filter;
  const char* name;
};
constexpr FilterEntry kFilters[] = {{Filter::nearest, "nearest"},   {Filter::box, "box"},
                                    {Filter::bilinear, "bilinear"}, {Filter::hamming, "hamming"},
                                    {Filter::bicubic, "bicubic"},   {Filter::lanczos, "lanczos"}};

// A part of an image, without a copy.
struct View {
  const Image& image;
  int64_t left, top, width, height;

  const uint8_t* row(int64_t y) const { return image.row(top + y) + left * image.channels; }
  int64_t stride() const { return image.width * image.channels; }
};

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double support_of(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bicubic:
      return 2.0;
    case Filter::lanczos:
      return 3.0;
    default:
      return 1.0;
  }
}

double weight_at(Filter filter, double x) {
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
    case Filter::hamming: {
      x = std::abs(x);
      if (x == 0.0) return 1.0;
      if (x >= 1.0) return 0.0;
      x *= std::numbers::pi;
      return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // f32 constants, as in Pillow
    }
    case Filter::bicubic: {
      constexpr double a = -0.5;
      x = std::abs(x);
      if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
      if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
      return 0.0;
    }
    case Filter::lanczos:
      return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
    default:
      return std::max(0.0, 1.0 - std::abs(x));
  }
}

// Weights that make `size` outputs of the part [begin, end) of `source` pixels. Pillow holds the part in f32.
kernels::Axis make_axis(Filter filter, int64_t source, float begin, float end, int64_t size) {
  const double scale = static_cast<double>(end - begin) / static_cast<double>(size);
  const double filter_scale = std::max(scale, 1.0), inverse = 1.0 / filter_scale;
  const double support = support_of(filter) * filter_scale;
  kernels::Axis axis;
  axis.size = size;
  axis.taps = (static_cast<int64_t>(std::ceil(support)) * 2 + 1 + 3) / 4 * 4;
  axis.first.resize(size);
  axis.count.resize(size);
  axis.weights.resize(size * axis.taps);
  std::vector<double> weights(axis.taps);
  for (int64_t i = 0; i < size; ++i) {
    const double centre = begin + (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const int64_t count = std::min(source, static_cast<int64_t>(centre + support + 0.5)) - first;
    double sum = 0.0;
    for (int64_t t = 0; t < count; ++t) {
      weights[t] = weight_at(filter, (static_cast<double>(t + first) - centre + 0.5) * inverse);
      sum += weights[t];
    }
    axis.first[i] = static_cast<int32_t>(first);
    axis.count[i] = static_cast<int32_t>(count);
    for (int64_t t = 0; t < count; ++t) {
      const double weight = sum != 0.0 ? weights[t] / sum : weights[t];
      const double scaled = weight * (1 << kernels::kPrecisionBits);
      axis.weights[i * axis.taps + t] = static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
  return axis;
}

struct FloatBox {
  float left, top, right, bottom;
};

Image nearest_neighbour(const View& view, int64_t width, int64_t height, const FloatBox& box) {
  Image out(width, height, view.image.channels);
  const int64_t channels = view.image.channels;
  // Positions are summed up step by step, as Pillow's affine transform does: the rounding is part of the result.
  const auto positions = [](float begin, float end, int64_t size, int64_t source) {
    const double step = static_cast<double>(end - begin) / static_cast<double>(size);
    std::vector<int64_t> table(size);
    double position = begin + step * 0.5;
    for (int64_t& entry : table) {
      entry = std::clamp<int64_t>(static_cast<int64_t>(position), 0, source - 1);
      position += step;
    }
    return table;
  };
  const auto columns = positions(box.left, box.right, width, view.width);
  const auto rows = positions(box.top, box.bottom, height, view.height);
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* in = view.row(rows[y]);
    uint8_t* target = out.row(y);
    for (int64_t x = 0; x < width; ++x) std::memcpy(target + x * channels, in + columns[x] * channels, channels);
  }
  return out;
}

Image copy(const View& view) { return crop(view.image, view.left, view.top, view.width, view.height); }

void premultiply(Image& image) {
  for (uint8_t* p = image.pixels.data(); p != image.pixels.data() + image.pixels.size(); p += 4) {
    for (int c = 0; c < 3; ++c) {
      const int t = p[c] * p[3] + 128;
      p[c] = static_cast<uint8_t>(((t >> 8) + t) >> 8);
    }
  }
}

void unpremultiply(Image& image) {
  for (uint8_t* p = image.pixels.data(); p != image.pixels.data() + image.pixels.size(); p += 4) {
    if (p[3] == 0 || p[3] == 255) continue;
    for (int c = 0; c < 3; ++c) p[c] = static_cast<uint8_t>(std::min(255, 255 * p[c] / p[3]));
  }
}

// Both passes, each only where its axis changes.
Image resample(const View& view, int64_t width, int64_t height, Filter filter, const FloatBox& box) {
  const int64_t channels = view.image.channels;
  const bool change_x = width != view.width || box.left != 0 || box.right != static_cast<float>(width);
  const bool change_y = height != view.height || box.top != 0 || box.bottom != static_cast<float>(height);
  if (!change_x && !change_y) return copy(view);
  const uint8_t* end = view.image.pixels.data() + view.image.pixels.size();
  Image out(width, height, channels);
  if (!change_y) {
    const auto axis = make_axis(filter, view.width, box.left, box.right, width);
    kernels::horizontal({view.row(0), view.stride(), height, end}, channels, axis, out.pixels.data());
    return out;
  }
  const auto axis_y = make_axis(filter, view.height, box.top, box.bottom, height);
  if (!change_x) {
    kernels::vertical({view.row(0), view.stride(), view.height, end}, 0, width * channels, axis_y, out.pixels.data());
    return out;
  }
  const auto axis_x = make_axis(filter, view.width, box.left, box.right, width);
  // Only the rows that the second pass reads.
  const int64_t first = axis_y.first.front();
  const int64_t rows = axis_y.first.back() + axis_y.count.back() - first;
  const int64_t row_bytes = width * channels;
  const auto between = std::make_unique_for_overwrite<uint8_t[]>(rows * row_bytes);
  kernels::horizontal({view.row(first), view.stride(), rows, end}, channels, axis_x, between.get());
  kernels::vertical({between.get(), row_bytes, rows, between.get() + rows * row_bytes}, first, row_bytes, axis_y,
                    out.pixels.data());
  return out;
}

Image resize_view(const View& view, int64_t width, int64_t height, Filter filter, const FloatBox& box) {
  const bool whole = box.left == 0 && box.top == 0 && box.right == static_cast<float>(view.width) &&
                     box.bottom == static_cast<float>(view.height);
  if (whole && width == view.width && height == view.height) return copy(view);
  if (filter == Filter::nearest) return nearest_neighbour(view, width, height, box);
  if (view.image.channels != 4) return resample(view, width, height, filter, box);
  Image weighted = copy(view);
  premultiply(weighted);
  Image out = resample({weighted, 0, 0, weighted.width, weighted.height}, width, height, filter, box);
  unpremultiply(out);
  return out;
}

void check_size(const Image& image, int64_t width, int64_t height) {
  constexpr int64_t kMost = 1 << 20;
  if (image.empty() || width <= 0 || height <= 0 || width > kMost || height > kMost) {
    throw Error({.what = "a picture of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                         " cannot be resized to " + std::to_string(width) + " x " + std::to_string(height)});
  }
}

FloatBox whole_of(int64_t width, int64_t height) {
  return {0, 0, static_cast<float>(width), static_cast<float>(height)};
}

}  // namespace

Filter filter_from_name(const std::string& name) {
  std::string names;
  for (const auto& entry : kFilters) {
    if (name == entry.name) return entry.filter;
    names += std::string(names.empty() ? "" : ", ") + entry.name;
  }
  throw UsageError({.what = "no resize filter is called \"" + name + "\"", .mend = "use one of " + names});
}

const char* filter_name(Filter filter) { return kFilters[static_cast<int>(filter)].name; }

Image resize(const Image& image, int64_t width, int64_t height, Filter filter) {
  check_size(image, width, height);
  return resize_view({image, 0, 0, image.width, image.height}, width, height, filter,
                     whole_of(image.width, image.height));
}

Image resize(const Image& image, int64_t width, int64_t height, Filter filter, const Box& box) {
  check_size(image, width, height);
  if (!(box.left >= 0 && box.top >= 0 && box.right <= static_cast<double>(image.width) &&
        box.bottom <= static_cast<double>(image.height) && box.left < box.right && box.top < box.bottom)) {
    throw Error({.what = "the box to resize does not lie inside a picture of " + std::to_string(image.width) + " x " +
                         std::to_string(image.height)});
  }
  return resize_view({image, 0, 0, image.width, image.height}, width, height, filter,
                     {static_cast<float>(box.left), static_cast<float>(box.top), static_cast<float>(box.right),
                      static_cast<float>(box.bottom)});
}

Image resized_crop(const Image& image, int64_t left, int64_t top, int64_t crop_width, int64_t crop_height,
                   int64_t width, int64_t height, Filter filter) {
  check_size(image, width, height);
  if (left < 0 || top < 0 || crop_width <= 0 || crop_height <= 0 || left > image.width - crop_width ||
      top > image.height - crop_height) {
    return crop(image, left, top, crop_width, crop_height);  // throws, with the numbers
  }
  return resize_view({image, left, top, crop_width, crop_height}, width, height, filter,
                     whole_of(crop_width, crop_height));
}

Size short_side_size(int64_t width, int64_t height, int64_t size) {
  const int64_t shorter = std::min(width, height), longer = std::max(width, height);
  const auto other = static_cast<int64_t>(static_cast<double>(size * longer) / static_cast<double>(shorter));
  return width <= height ? Size{size, other} : Size{other, size};
}

Size long_side_size(int64_t width, int64_t height, int64_t size) {
  const double scale = static_cast<double>(size) / static_cast<double>(std::max(width, height));
  const auto side = [&](int64_t s) { return static_cast<int64_t>(static_cast<double>(s) * scale + 0.5); };
  return {side(width), side(height)};
}

Image resize_short_side(const Image& image, int64_t size, Filter filter) {
  check_size(image, size, size);
  const Size target = short_side_size(image.width, image.height, size);
  return resize(image, target.width, target.height, filter);
}

Image resize_long_side(const Image& image, int64_t size, Filter filter) {
  check_size(image, size, size);
  const Size target = long_side_size(image.width, image.height, size);
  return resize(image, target.width, target.height, filter);
}

Image center_crop(const Image& image, int64_t width, int64_t height) {
  if (width <= 0 || height <= 0) check_size(image, width, height);
  if (width > image.width || height > image.height) {
    Image padded(std::max(width, image.width), std::max(height, image.height), image.channels);
    const int64_t left = std::max<int64_t>(0, width - image.width) / 2;
    const int64_t top = std::max<int64_t>(0, height - image.height) / 2;
    for (int64_t y = 0; y < image.height; ++y) {
      std::memcpy(padded.row(top + y) + left * image.channels, image.row(y), image.width * image.channels);
    }
    return center_crop(padded, width, height);
  }
  // std::nearbyint rounds half to even, as Python's round does.
  const auto offset = [](int64_t side, int64_t size) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(side - size) / 2));
  };
  return crop(image, offset(image.width, width), offset(image.height, height), width, height);
}

Image resize_and_center_crop(const Image& image, int64_t size, Filter filter) {
  return center_crop(resize_short_side(image, size, filter), size, size);
}

}  // namespace cambium::io
