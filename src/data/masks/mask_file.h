#pragma once
// One segmentation mask as it lies in its file: grey, palette or RGB picture in, one channel out.
#include <cstdint>
#include <string>
#include <string_view>

#include "io/image.h"

namespace cambium::data {

enum class MaskKind {
  binary,   // foreground 255, background 0; foreground is above 128, so JPEG's ringing and smoothed edges do no harm
  soft,     // any grey, as the original SAM-Adapter reads masks (value / 255)
  classes,  // the value, or the palette's index, is the class; 255 means "not judged"
};
// "binary", "soft", "classes"; UsageError that lists them for another.
MaskKind mask_kind_from_name(const std::string& name);

constexpr uint8_t kIgnoredLabel = 255;

struct MaskOptions {
  MaskKind kind = MaskKind::binary;
  int64_t classes = 2;       // kind classes: labels 0 .. classes-1, background included
  bool empty_masks = false;  // masks without any foreground are in order
  bool grey_masks = false;   // kind binary: also cut masks that are more than a tenth grey

  // UsageError unless 2 <= classes <= 255.
  void validate() const;
};

struct DecodedMask {
  io::Image image;  // [H, W, 1]: 0 or 255 (binary), 0..255 (soft), label (classes)
  std::string
      fault;  // why it cannot serve as such a mask ("has no foreground"), or ""; the pixels are valid all the same
  double grey_share = 0;  // pixels that were cut (binary): neither 0 nor 255
};

// A mask of 0 and 1 alone counts as binary. Channels become luma as Pillow's convert("L") makes it, except that a
// palette's colours are not looked at for classes. Error where the bytes are not a picture that can be decoded.
DecodedMask decode_mask(std::string_view bytes, const std::string& source, const MaskOptions& options = {});

}  // namespace cambium::data
