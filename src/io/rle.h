#pragma once
// Masks as COCO's run lengths: of the pixels column by column, the number of zeros, then of ones, then of zeros, ...
// (so the first count is 0 where the first pixel is set).
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cambium::io {

struct Rle {
  int64_t height = 0, width = 0;
  std::vector<uint32_t> counts;  // sum height * width
  bool operator==(const Rle&) const = default;
};

// Pixel indices, both ends inside; all zero for a mask without pixels (as SAM's batched_mask_to_box gives it).
struct PixelBox {
  int64_t left = 0, top = 0, right = 0, bottom = 0;
  bool operator==(const PixelBox&) const = default;
};

// Takes a mask row by row from the top, so that it need never exist as a whole.
class RleBuilder {
 public:
  // The mask may have up to 2^32 - 1 pixels; Error beyond, or without pixels.
  RleBuilder(int64_t height, int64_t width);
  // `row` [width], 0 or 1 each. Exactly `height` rows are to be given.
  void add_row(const uint8_t* row);
  Rle finish();

 private:
  int64_t height_, width_, rows_ = 0;
  std::vector<uint8_t> previous_;
  struct Turn {
    uint32_t x, y;
  };
  std::vector<Turn> turns_;  // row by row, the pixels that differ from the one above (row 0: from 0)
};

// From a mask [H, W], boolean or numbers (set where not zero).
Rle encode_rle(const at::Tensor& mask);
// bool [H, W]. Error if the counts do not make up such a mask.
at::Tensor decode_rle(const Rle& rle);
// The same as bytes of 0 and 1, row by row: `out` holds height * width.
void decode_rle(const Rle& rle, uint8_t* out);

int64_t rle_area(const Rle& rle);
PixelBox rle_bounds(const Rle& rle);
// The mask put at (left, top) of a larger, empty one. It must fit.
Rle rle_pad(const Rle& rle, int64_t left, int64_t top, int64_t height, int64_t width);

// COCO's compressed string: counts (from the fourth on less the count two before) in groups of five bits, lowest first,
// a sixth says that more follow, plus '0'.
std::string to_coco_string(const Rle& rle);
// Error if the text is no such string, or its counts do not make up a mask of that size.
Rle from_coco_string(std::string_view text, int64_t height, int64_t width);

}  // namespace cambium::io
