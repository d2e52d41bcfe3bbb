#pragma once
// NumPy's .npy files: one array, so that embeddings open with numpy.load.
#include <ATen/core/Tensor.h>

#include <filesystem>

namespace cambium::io {

// Writes `tensor` (any device, made contiguous) as version 1.0, C order, little-endian; appears whole or not at all.
// float32, float64, float16, uint8, int8, int16, int32, int64, bool; bfloat16, which NumPy lacks, becomes float32.
void write_npy(const std::filesystem::path& path, const at::Tensor& tensor);

// Versions 1.0 to 3.0, C order, little-endian, the types above. Error for anything else, for a shape that does not
// agree with the file's size, and for Fortran order, naming file and mend.
at::Tensor read_npy(const std::filesystem::path& path);

}  // namespace cambium::io
