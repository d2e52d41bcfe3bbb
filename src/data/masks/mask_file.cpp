#include "data/masks/mask_file.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace cambium::data {
namespace {

constexpr int kCut = 129;          // from here on foreground: the measures take what is above 128
constexpr double kMostGrey = 0.1;  // share of pixels that ringing and smoothed edges may touch
constexpr int kNearly = 32;        // a grey this near to 0 or 255 is ringing, not a value

using Histogram = std::array<int64_t, 256>;

Histogram histogram(const io::Image& image) {
  Histogram counts{};
  for (const uint8_t value : image.pixels) ++counts[value];
  return counts;
}

int64_t sum(const Histogram& counts, int first, int last) {
  int64_t total = 0;
  for (int value = first; value <= last; ++value) total += counts[static_cast<size_t>(value)];
  return total;
}

std::string percent(double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %"; }

void read_binary(DecodedMask& mask, const MaskOptions& options) {
  const Histogram counts = histogram(mask.image);
  const auto pixels = static_cast<double>(mask.image.pixels.size());
  const int64_t grey = sum(counts, 1, 254);
  if (grey == counts[1]) {
    // Black, white, and perhaps ones: foreground is written as 255 or as 1, and not both ways in one file.
    if (counts[1] > 0 && counts[255] > 0) mask.fault = "holds 0, 1 and 255, so it is not a binary mask";
    for (uint8_t& value : mask.image.pixels) value = value ? 255 : 0;
  } else {
    mask.grey_share = static_cast<double>(grey) / pixels;
    const double middle = static_cast<double>(sum(counts, kNearly, 255 - kNearly)) / pixels;
    const auto brightest =
        static_cast<int>(std::find_if(counts.rbegin(), counts.rend(), [](int64_t n) { return n > 0; }).base() -
                         counts.begin()) -
        1;
    if (!options.grey_masks && brightest < kCut) {
      mask.fault = "is not binary: its brightest value is " + std::to_string(brightest) +
                   ", which is background at a cut of 128 (label maps need the kind classes)";
    } else if (!options.grey_masks && middle > kMostGrey) {
      mask.fault = "is not binary: " + percent(middle) + " of its pixels are grey (grey_masks: true cuts them at 128)";
    }
    for (uint8_t& value : mask.image.pixels) value = value >= kCut ? 255 : 0;
  }
}

void check_labels(DecodedMask& mask, const MaskOptions& options) {
  const Histogram counts = histogram(mask.image);
  for (int64_t label = options.classes; label < kIgnoredLabel; ++label) {
    if (counts[static_cast<size_t>(label)] > 0) {
      mask.fault = "holds the label " + std::to_string(label) + ", but there are " + std::to_string(options.classes) +
                   " classes, numbered from 0";
      return;
    }
  }
}

bool has_foreground(const io::Image& image, MaskKind kind) {
  return std::any_of(image.pixels.begin(), image.pixels.end(), [kind](uint8_t value) {
    return value != 0 && !(kind == MaskKind::classes && value == kIgnoredLabel);
  });
}

}  // namespace

MaskKind mask_kind_from_name(const std::string& name) {
  if (name == "binary") return MaskKind::binary;
  if (name == "soft") return MaskKind::soft;
  if (name == "classes") return MaskKind::classes;
  throw UsageError({.what = "\"" + name + "\" is no kind of mask", .mend = "choose binary, soft or classes"});
}

void MaskOptions::validate() const {
  if (kind == MaskKind::classes && (classes < 2 || classes > kIgnoredLabel)) {
    throw UsageError(
        {.what = "must be 2 to 255, background included", .field = "classes", .mend = "255 itself means not judged"});
  }
}

DecodedMask decode_mask(std::string_view bytes, const std::string& source, const MaskOptions& options) {
  DecodedMask mask;
  mask.image = io::to_grey(io::decode_image(bytes, source, {.keep_palette = options.kind == MaskKind::classes}));
  if (options.kind == MaskKind::binary) read_binary(mask, options);
  if (options.kind == MaskKind::classes) check_labels(mask, options);
  if (mask.fault.empty() && !options.empty_masks && !has_foreground(mask.image, options.kind)) {
    mask.fault = "has no foreground (empty_masks: true allows it)";
  }
  return mask;
}

}  // namespace cambium::data
