#pragma once
// Pictures made by rule for the tests of composites.
#include "data/composite/pictures.h"

namespace cambium::data::composite {

// A disc of one colour, as large as fits, with hard alpha.
inline io::Image disc(int64_t side, std::array<uint8_t, 3> colour) {
  io::Image image(side, side, 4);
  const double middle = (static_cast<double>(side) - 1) / 2;
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x) {
      const double dx = static_cast<double>(x) - middle, dy = static_cast<double>(y) - middle;
      uint8_t* p = image.row(y) + 4 * x;
      std::copy(colour.begin(), colour.end(), p);
      p[3] = dx * dx + dy * dy <= middle * middle ? 255 : 0;
    }
  }
  return image;
}

// Light stripes, one brighter than the other.
inline io::Image stripes(int64_t width, int64_t height, uint8_t dark = 110, uint8_t bright = 190) {
  io::Image image(width, height, 3);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) std::fill_n(image.row(y) + 3 * x, 3, (x / 4) % 2 ? bright : dark);
  }
  return image;
}

inline std::vector<StockPicture> toy_objects() {
  return {{.info = {.name = "red"}, .image = disc(40, {220, 30, 30})},
          {.info = {.name = "blue"}, .image = disc(60, {30, 40, 220})}};
}
inline std::vector<StockPicture> toy_backgrounds() { return {{.info = {.name = "stripes"}, .image = stripes(96, 80)}}; }

}  // namespace cambium::data::composite
