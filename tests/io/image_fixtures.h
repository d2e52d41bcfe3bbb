#pragma once
// The pictures of tests/fixtures/images and what Pillow makes of them (expected.json, written by make.py there).
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/sha256.h"
#include "io/image.h"
#include "support/source_dir.h"

namespace cambium::test {

inline std::filesystem::path image_fixture(const std::string& name) {
  return test::source_dir() / "tests/fixtures/images" / name;
}

inline const nlohmann::json& image_expectations() {
  static const nlohmann::json expected = nlohmann::json::parse(std::ifstream(image_fixture("expected.json")));
  return expected;
}

inline std::string digest(const io::Image& image) {
  return sha256_hex(std::string_view(reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()))
      .substr(0, 16);
}

// The formula of make.py.
inline io::Image drawn(int64_t width, int64_t height, int64_t channels, int64_t seed) {
  io::Image image(width, height, channels);
  const int64_t radius = std::min(width, height) / 4;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t dy = y - height / 2, dx = x - width / 3;
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t v = (3 * x + 5 * (c + 1) * y + 7 * (c + 2) * ((x / 8) * (y / 8)) + 11 * c + 29 * seed) % 256;
        image.row(y)[x * channels + c] = static_cast<uint8_t>(dy * dy + dx * dx < radius * radius ? 255 - v / 4 : v);
      }
    }
  }
  return image;
}

}  // namespace cambium::test
