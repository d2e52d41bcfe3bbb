#pragma once
// Between the networks' values and pictures to look at.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "train/task.h"

namespace cambium::systems::video_ldm {

// [-1, 1], clamped -> u8 on the CPU; any shape.
at::Tensor to_bytes(const at::Tensor& values);

// Pictures u8 [N, 3, h, w] side by side, `columns` a row -> u8 [3, H, W].
at::Tensor tile(const at::Tensor& pictures, int64_t columns);
// The same as a PNG for the loop's log.
train::Samples::Picture sample_picture(const std::string& name, const at::Tensor& pictures, int64_t columns);

}  // namespace cambium::systems::video_ldm
