#pragma once
// The picture that image to image begins from, or that is enlarged.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace cambium::systems::video_ldm {

// f32 [1, 3, h, w] in [-1, 1], transparency over white. Sides are rounded down to multiples of `multiple`, by Lanczos
// resizing as diffusers does it. Error: unreadable, smaller than `multiple`.
at::Tensor load_start_picture(const std::filesystem::path& path, int64_t multiple);
// Of exactly this size: scaled to cover it, and cut to its middle.
at::Tensor load_start_picture(const std::filesystem::path& path, int64_t width, int64_t height);

}  // namespace cambium::systems::video_ldm
