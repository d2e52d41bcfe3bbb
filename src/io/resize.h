#pragma once
// Resizing as Pillow's Image.resize does it, bit for bit (8-bit pixels; Pillow 5 to 12), and torchvision's rules for
// sizes.
//
// Each pass weighs source pixels by a filter whose support grows with the reduction (so it never aliases), in 22-bit
// fixed point, and rounds to 8 bits; horizontal pass first. RGBA is weighed premultiplied, as there.
// OpenCV's, stb's and LibTorch's bicubic give other numbers, and models feel the difference.
#include "io/image.h"

namespace cambium::io {

enum class Filter { nearest, box, bilinear, hamming, bicubic, lanczos };

// The name as in recipes ("bicubic"); an unknown one is a UsageError that lists them.
Filter filter_from_name(const std::string& name);
const char* filter_name(Filter filter);

// A part of the source in pixels, edges on pixel borders or between: [left, right) x [top, bottom).
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

// width x height pixels from the whole picture, or from `box`, which must lie inside (pixels outside the box but within
// the filter's reach do count then, as with Pillow's box argument; crop first to exclude them).
Image resize(const Image& image, int64_t width, int64_t height, Filter filter = Filter::bicubic);
Image resize(const Image& image, int64_t width, int64_t height, Filter filter, const Box& box);

// crop, then resize, in one go without the copy: torchvision's resized_crop on PIL images.
Image resized_crop(const Image& image, int64_t left, int64_t top, int64_t crop_width, int64_t crop_height,
                   int64_t width, int64_t height, Filter filter = Filter::bicubic);

struct Size {
  int64_t width = 0, height = 0;
  bool operator==(const Size&) const = default;
};
// torchvision's Resize(size): the shorter side becomes `size`, the longer one int(size * long / short).
Size short_side_size(int64_t width, int64_t height, int64_t size);
// SAM's ResizeLongestSide: int(side * size / longest + 0.5), which is 0 for a side much shorter than the other.
Size long_side_size(int64_t width, int64_t height, int64_t size);
Image resize_short_side(const Image& image, int64_t size, Filter filter = Filter::bicubic);
Image resize_long_side(const Image& image, int64_t size, Filter filter = Filter::bilinear);

// torchvision's CenterCrop: the offset is round-half-to-even((side - size) / 2); a smaller picture is padded with
// zeros.
Image center_crop(const Image& image, int64_t width, int64_t height);
// Resize(size) and CenterCrop(size): what the evaluation protocols of CLIP and MERU call preprocessing.
Image resize_and_center_crop(const Image& image, int64_t size, Filter filter = Filter::bicubic);

}  // namespace cambium::io
