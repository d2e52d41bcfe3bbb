#pragma once
// Specks and pinholes of a mask.
#include <cstdint>
#include <vector>

namespace cambium::sam {

enum class SmallRegions { holes, islands };

// `mask` [height * width], row by row, 0 or 1. holes: 8-connected regions of zeros with fewer than `area` pixels are
// filled (those at the border too). islands: such regions of ones are removed; where all are small, the largest stays
// (the first in reading order of equals). Returns whether there was any.
bool remove_small_regions(std::vector<uint8_t>& mask, int64_t height, int64_t width, int64_t area, SmallRegions mode);

}  // namespace cambium::sam
