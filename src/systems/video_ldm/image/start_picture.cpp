#include "systems/video_ldm/image/start_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "io/image_tensor.h"
#include "io/resize.h"

namespace cambium::systems::video_ldm {

namespace {

io::Image load(const std::filesystem::path& path) { return io::flatten(io::load_image(path)); }

at::Tensor as_input(const io::Image& image) {
  return io::to_unit_float(io::to_tensor(image)).mul(2).sub(1).unsqueeze(0);
}

}  // namespace

at::Tensor load_start_picture(const std::filesystem::path& path, int64_t multiple) {
  const io::Image image = load(path);
  const int64_t width = image.width / multiple * multiple, height = image.height / multiple * multiple;
  if (width == 0 || height == 0)
    throw Error({.what = fmt::format("{}x{} pixels are too few", image.width, image.height),
                 .file = path.string(),
                 .mend = fmt::format("give a picture of {} pixels a side or more", multiple)});
  if (width == image.width && height == image.height) return as_input(image);
  return as_input(io::resize(image, width, height, io::Filter::lanczos));
}

at::Tensor load_start_picture(const std::filesystem::path& path, int64_t width, int64_t height) {
  const io::Image image = load(path);
  const auto ratio = [](int64_t wanted, int64_t given) {
    return static_cast<double>(wanted) / static_cast<double>(given);
  };
  const double scale = std::max(ratio(width, image.width), ratio(height, image.height));
  const auto covering = [scale](int64_t side, int64_t wanted) {
    return std::max(wanted, static_cast<int64_t>(std::lround(static_cast<double>(side) * scale)));
  };
  const io::Image large =
      io::resize(image, covering(image.width, width), covering(image.height, height), io::Filter::lanczos);
  return as_input(io::center_crop(large, width, height));
}

}  // namespace cambium::systems::video_ldm
