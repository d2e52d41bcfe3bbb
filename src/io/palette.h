#pragma once
// Few colours for many: the palette of a GIF.
#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "io/image.h"

namespace cambium::io {

using Colour = std::array<uint8_t, 3>;

// Counts colours, in cells of 4 levels a channel, over any number of pictures, and divides them by median cut: always
// the box with the most error is cut, along its longest side, where its error is halved best.
class PaletteBuilder {
 public:
  PaletteBuilder();
  // RGB pixels.
  void add(const Image& image);
  // At most `count` colours, the means of what they stand for; a colour that has a cell to itself is kept as it is.
  std::vector<Colour> build(int count) const;

 private:
  struct Cell {
    std::array<uint64_t, 3> sum = {};
    uint64_t count = 0;
  };
  std::vector<Cell> cells_;  // [64, 64, 64]
};

// Pixels as places in a palette. Between colours of the palette an ordered pattern mixes two of them: it stands still
// from frame to frame, where error diffusion would crawl. Colours that are in the palette stay plain.
class PaletteMapper {
 public:
  explicit PaletteMapper(std::vector<Colour> palette);
  // [height, width, 1] from RGB.
  Image map(const Image& image);

 private:
  struct Mix {
    uint8_t first, second;
    uint8_t share;  // of the second, in 64ths
  };
  uint8_t nearest(const std::array<int, 3>& colour) const;
  const Mix& mix_of(const uint8_t* pixel);

  std::vector<Colour> palette_;
  std::unordered_map<uint32_t, Mix> known_;
};

}  // namespace cambium::io
